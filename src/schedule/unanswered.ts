/** Slots that have no run: which they are, as ranges, and why, in the words of their record. */
import { catchUpOf, defaultMaxCaughtUp, type DueQuestion, type Stretch, type Times, type Window } from "./due-question.ts";
import { countSlots, newestSlots, nextSlot } from "./slot.ts";

/** Consecutive slots that have no run, for one and the same reason. */
export interface UnansweredSlots {
  /** The first and the last of them, nominal instants. */
  readonly from: number;
  readonly to: number;
  /** How many they are; at least so many, if they go back over more dates than are counted one by one (some ten years). */
  readonly slots: number;
  readonly status: "missed" | "skipped";
  /** In words, for the record. */
  readonly reason: string;
}

/** The slots of a stretch that have no run. */
export function rangesOf(times: Times, stretch: Stretch, window: Window, chosen: readonly number[]): UnansweredSlots[] {
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

export function foldedInto(chosen: readonly number[]): string | undefined {
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
export function rangeOf(
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
export function merged(ranges: readonly UnansweredSlots[], chosen: readonly number[]): UnansweredSlots[] {
  const found: UnansweredSlots[] = [];
  for (const range of ranges) {
    const before = found.at(-1);
    const apart = before === undefined || chosen.some((at) => at > before.to && at < range.from);
    if (apart || before.status !== range.status || before.reason !== range.reason) found.push(range);
    else found.splice(-1, 1, { ...before, to: range.to, slots: before.slots + range.slots });
  }
  return found;
}
