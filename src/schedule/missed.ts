/**
 * The one decision for lateness. Whatever made slots pass unanswered (the daemon was not there, the machine slept, its clock was set
 * forward, it was overloaded, or `tick` runs only now and then), the slots since the last recorded one are put to this function, and each of them
 * comes out in exactly one place. Pure: the same question has the same answer in the daemon, in `tick` and in `explain`.
 */
import { formatDuration } from "../job/duration.ts";
import type { CatchUp, Job, Schedule } from "../job/job.ts";
import { blackoutAt, blackoutEdges, blackoutEnd, describeBlackout } from "./blackout.ts";
import { countSlots, newestSlots, nextSlot } from "./slot.ts";
import { staggerOf } from "./stagger.ts";

/** A slot that is no later than this is on time: its run is none that is made up for. */
export const onTimeMs = 90_000;
/** The longest that a slot is made up for by default. */
const longestAgeMs = 24 * 3_600_000;
/** `catchUp.max` by default. */
export const defaultMaxCaughtUp = 100;
/** Blackouts are told apart so far back; slots before that are missed like any other. Longer than the longest `catchUp.maxAge`. */
const lookBackMs = 35 * 24 * 3_600_000;

/** A time in which what was due is skipped. */
export interface Rest {
  readonly from: number;
  /** The first instant after it. */
  readonly until: number;
  /** In words, for the record. */
  readonly why: string;
}

export interface DueQuestion {
  readonly job: Pick<Job, "id" | "schedule" | "catchUp">;
  /** The newest recorded slot of the job or since when it is armed, whichever is later: slots up to it are settled. Epoch ms. */
  readonly since: number;
  readonly now: number;
  /** Zone of schedules that name none. */
  readonly zone: string;
  /** The job, or everything, is paused: why, in words. Slots that are due meanwhile are skipped for it. */
  readonly paused?: string | undefined;
  /** Pauses that are over: what was due in one of them is skipped for it, and not made up for. */
  readonly rests?: readonly Rest[];
}

/** A slot that is to have a run now. */
interface DueSlot {
  /** The nominal instant: with the job, its key. */
  readonly at: number;
  /** When it was to begin: the instant, staggered. */
  readonly dueAt: number;
  /** It is being made up for: more than 90 s late. What is made up for at start-up is to be spread out. */
  readonly late: boolean;
  /** Earlier slots that this run stands for; each is in `ranges`, as missed. */
  readonly folded: number;
}

/** Consecutive slots that have no run, for one and the same reason. */
interface UnansweredSlots {
  /** The first and the last of them, nominal instants. */
  readonly from: number;
  readonly to: number;
  /** How many they are; at least so many, if they go back over more dates than are counted one by one (some ten years). */
  readonly slots: number;
  readonly status: "missed" | "skipped";
  /** In words, for the record. */
  readonly reason: string;
}

export interface DueAnswer {
  /** Slots to be claimed now, oldest first. */
  readonly run: readonly DueSlot[];
  /** Slots to be recorded as unanswered, oldest first, none of them after `now`. */
  readonly ranges: readonly UnansweredSlots[];
  /**
   * The first slot that is not settled by this answer, and when to ask again; undefined if there will be none. That is the job's next slot at
   * its time. Only where late slots are waiting for the end of a blackout is it the first of these, with the blackout's end as `dueAt`: they are
   * in neither list, and are asked about again then.
   */
  readonly next: { readonly at: number; readonly dueAt: number } | undefined;
}

/**
 * What becomes of a job's slots after `since` and up to `now`.
 *
 * - On time (at most 90 s after their time): the newest has a run; with `catchUp: all` each has.
 * - Late: as `catchUp` says. `latest`: the newest within the window has a run, which stands for the older ones. `all`: the newest `max` within
 *   the window have a run each. `skip`: none. The window is `maxAge`; by default one interval of the job, at most 24 h; with `all` 24 h.
 * - Due in a blackout, or while the job was paused: skipped. Late slots are not made up for within a blackout but at its end.
 * - A clock that was set back, so that `now` is before `since`, finds nothing to do: what is recorded never fires again.
 *
 * Slots of a `boot` or `manual` schedule are none of this function's: the answer is empty.
 *
 * @throws JobError if the schedule cannot be computed: then this job is unusable, and no other.
 */
export function dueSlots(question: DueQuestion): DueAnswer {
  const { job, since, now, zone, paused, rests = [] } = question;
  const { schedule } = job;
  const staggerMs = staggerOf(job.id, schedule.staggerMs);
  const next = (after: number): DueAnswer["next"] => {
    const at = nextSlot(schedule, after, zone);
    return at === undefined ? undefined : { at, dueAt: at + staggerMs };
  };
  const first = next(since);
  if (first === undefined || first.dueAt > now) return { run: [], ranges: [], next: first };
  const times: Times = { question, staggerMs, until: now - staggerMs };
  const second = next(first.at);
  const only = second === undefined || second.dueAt > now;
  // The daily bread of a daemon: one slot, on time.
  if (
    only &&
    now - first.dueAt <= onTimeMs &&
    paused === undefined &&
    rests.length === 0 &&
    (schedule.blackout ?? []).length === 0
  )
    return { run: [{ ...first, late: false, folded: 0 }], ranges: [], next: second };
  const following = only ? second : next(times.until);
  if (paused !== undefined)
    return { run: [], ranges: rangeOf(times, since, times.until, { status: "skipped", reason: paused }), next: following };
  return settled(times, first, following);
}

interface Times {
  readonly question: DueQuestion;
  readonly staggerMs: number;
  /** Slots up to here have had their time. */
  readonly until: number;
}

/** A stretch of nominal instants after `from` and up to `to`, in which all slots are in the same pauses and blackouts, or in none. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  /** Why its slots are skipped, in words. */
  readonly skipped: string | undefined;
}

function settled(times: Times, first: NonNullable<DueAnswer["next"]>, next: DueAnswer["next"]): DueAnswer {
  const { question, staggerMs, until } = times;
  const { job, now, zone } = question;
  const stretches = stretchesOf(times);
  const open = stretches.filter(({ skipped }) => skipped === undefined);
  const isLate = (at: number): boolean => at < until - onTimeMs;
  let window = windowAt(times, open, now);
  let chosen = chosenOf(times, open, window);
  if (chosen.some(isLate)) {
    // Nothing late begins in a blackout. What is still worth it at its end waits for that, and the question is put again.
    const end = blackoutEnd(job.schedule.blackout ?? [], job.schedule.tz ?? zone, now) ?? Infinity;
    if (end !== now) {
      window = windowAt(times, open, end);
      chosen = chosenOf(times, open, window);
      if (chosen.some(isLate)) return { run: [], ranges: [], next: { at: first.at, dueAt: end } };
    }
  }
  const ranges = stretches.flatMap((stretch) => rangesOf(times, stretch, window, chosen));
  const stoodFor = ranges.filter(({ reason }) => reason === foldedInto(chosen)).reduce((sum, { slots }) => sum + slots, 0);
  const run = chosen.map((at): DueSlot => ({ at, dueAt: at + staggerMs, late: isLate(at), folded: stoodFor }));
  return { run, ranges: merged(ranges, chosen), next };
}

/** The slots since the last settled one, by what the blackouts and the pauses say of them. */
function stretchesOf({ question: { job, since, zone, rests = [] }, staggerMs, until }: Times): Stretch[] {
  const { blackout = [], tz = zone } = job.schedule;
  const seen = Math.max(since, until - lookBackMs);
  const dark = blackoutEdges(blackout, tz, seen + staggerMs, until + staggerMs);
  const edges = [...dark, ...rests.flatMap((rest) => [rest.from, rest.until])].map((edge) => edge - staggerMs - 1);
  const inside = edges.filter((edge) => edge > seen && edge < until);
  const cuts = [seen, ...new Set(inside.toSorted((a, b) => a - b))];
  const stretches = cuts.map((from, index): Stretch => {
    const first = from + 1 + staggerMs;
    const rest = rests.find((one) => one.from <= first && first < one.until);
    const within = blackoutAt(blackout, tz, first);
    const why = rest?.why ?? (within === undefined ? undefined : `in a blackout: ${describeBlackout(within)}`);
    return { from, to: cuts[index + 1] ?? until, skipped: why };
  });
  return seen === since ? stretches : [{ from: since, to: seen, skipped: undefined }, ...stretches];
}

interface Window {
  /** Late slots are made up for if they are after it. */
  readonly from: number;
  /** Why those before it are not. */
  readonly tooLate: string;
}

/** What may still be made up for at an instant. */
function windowAt({ question: { job, zone }, staggerMs }: Times, open: readonly Stretch[], at: number): Window {
  const { policy, maxAgeMs } = catchUpOf(job);
  const nobody = "nobody was there in time, and";
  if (policy === "skip") return { from: Infinity, tooLate: `${nobody} missed slots are not made up for (catchUp: skip)` };
  const age = maxAgeMs ?? longestAgeMs;
  const interval = policy === "latest" && maxAgeMs === undefined ? " and at most one interval" : "";
  const tooLate = `${nobody} it is too late to make up for it (catchUp: at most ${formatDuration(age)}${interval} late)`;
  const from = at - staggerMs - age - 1;
  if (interval === "") return { from, tooLate };
  const [newest] = newestOf(open, job.schedule, zone, 1);
  if (newest === undefined) return { from, tooLate };
  // The interval is that of the schedule, also after its last slot.
  const { endAt: _end, ...unending } = job.schedule;
  const following = nextSlot(unending, newest, zone) ?? Infinity;
  return { from: at - staggerMs - newest > following - newest ? Infinity : from, tooLate };
}

/** The slots that have a run, oldest first. */
function chosenOf({ question: { job, zone }, until }: Times, open: readonly Stretch[], window: Window): number[] {
  const { policy, max = defaultMaxCaughtUp } = catchUpOf(job);
  const from = Math.min(window.from, until - onTimeMs - 1);
  const eligible = open.flatMap((stretch) => (stretch.to <= from ? [] : [{ ...stretch, from: Math.max(stretch.from, from) }]));
  return newestOf(eligible, job.schedule, zone, policy === "all" ? max : 1);
}

function newestOf(stretches: readonly Stretch[], schedule: Schedule, zone: string, most: number): number[] {
  let found: number[] = [];
  for (const { from, to } of stretches.toReversed()) {
    if (found.length >= most) break;
    found = [...newestSlots(schedule, from, to, most - found.length, zone), ...found];
  }
  return found;
}

function catchUpOf(job: DueQuestion["job"]): CatchUp {
  return job.catchUp ?? { policy: "latest" };
}

/** The slots of a stretch that have no run. */
function rangesOf(times: Times, stretch: Stretch, window: Window, chosen: readonly number[]): UnansweredSlots[] {
  const { from, to, skipped } = stretch;
  if (skipped !== undefined) return rangeOf(times, from, to, { status: "skipped", reason: skipped });
  const own = chosen.filter((at) => at > from && at <= to);
  const cuts = [...own.flatMap((at) => [at - 1, at]), Math.min(Math.max(window.from, from), to), to];
  let last = from;
  return cuts
    .toSorted((a, b) => a - b)
    .flatMap((cut) => {
      const begin = last;
      last = cut;
      if (cut === begin || own.includes(cut)) return [];
      const reason = cut <= window.from ? window.tooLate : passedOver(times.question.job, chosen);
      return rangeOf(times, begin, cut, { status: "missed", reason });
    });
}

/** Why a slot that is not too late has no run. */
function passedOver(job: DueQuestion["job"], chosen: readonly number[]): string {
  const { policy, max = defaultMaxCaughtUp } = catchUpOf(job);
  return policy === "all"
    ? `nobody was there in time, and ${max} newer slots are made up for (catchUp.max)`
    : (foldedInto(chosen) ?? "");
}

function foldedInto(chosen: readonly number[]): string | undefined {
  const newest = chosen.at(-1);
  return newest === undefined
    ? undefined
    : `${madeUpFor} the run of the slot at ${new Date(newest).toISOString()} (catchUp: latest)`;
}

const madeUpFor = "made up for by";

/** Whether it says of slots without a run of their own that a newer slot's run stands for them: then nothing is lost. */
export function isMadeUpFor(reason: string): boolean {
  return reason.startsWith(`${madeUpFor} `);
}

/** The slots after `from` and up to `to` as a range; none if there are none. */
function rangeOf(
  { question: { job, zone } }: Times,
  from: number,
  to: number,
  why: Pick<UnansweredSlots, "status" | "reason">,
): UnansweredSlots[] {
  const first = nextSlot(job.schedule, from, zone);
  if (first === undefined || first > to) return [];
  const [last = first] = newestSlots(job.schedule, from, to, 1, zone);
  return [{ from: first, to: last, slots: first === last ? 1 : countSlots(job.schedule, from, to, zone).slots, ...why }];
}

/** Neighbours of the same reason as one, unless a slot that has a run lies between them. */
function merged(ranges: readonly UnansweredSlots[], chosen: readonly number[]): UnansweredSlots[] {
  const found: UnansweredSlots[] = [];
  for (const range of ranges) {
    const before = found.at(-1);
    const apart = before === undefined || chosen.some((at) => at > before.to && at < range.from);
    if (apart || before.status !== range.status || before.reason !== range.reason) found.push(range);
    else found.splice(-1, 1, { ...before, to: range.to, slots: before.slots + range.slots });
  }
  return found;
}
