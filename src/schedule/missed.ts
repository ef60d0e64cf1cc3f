/**
 * The one decision for lateness. Whatever made slots pass unanswered (the daemon was not there, the machine slept, its clock was set
 * forward, it was overloaded, or `tick` runs only now and then), the slots since the last recorded one are put to this function, and each of them
 * comes out in exactly one place. Pure: the same question has the same answer in the daemon, in `tick` and in `explain`.
 */
import { formatDuration } from "../job/duration.ts";
import type { Schedule } from "../job/job.ts";
import { blackoutAt, blackoutEdges, blackoutEnd, describeBlackout } from "./blackout.ts";
import { catchUpOf, defaultMaxCaughtUp, type DueQuestion, type Stretch, type Times, type Window } from "./due-question.ts";
import { newestSlots, nextSlot } from "./slot.ts";
import { staggerOf } from "./stagger.ts";
import { foldedInto, merged, rangeOf, rangesOf, type UnansweredSlots } from "./unanswered.ts";

/** A slot that is no later than this is on time: its run is none that is made up for. */
export const onTimeMs = 90_000;
/** The longest that a slot is made up for by default. */
const longestAgeMs = 24 * 3_600_000;
/** Blackouts are told apart so far back; slots before that are missed like any other. Longer than the longest `catchUp.maxAge`. */
const lookBackMs = 35 * 24 * 3_600_000;

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
