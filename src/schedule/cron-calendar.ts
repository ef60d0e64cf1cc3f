/**
 * The slots of cron expressions. Their clock times are computed from the fields, their dates are croner's (cron-dates.ts), and which instants
 * those are is a question of how a zone's clocks are changed: so a slot costs a few µs in every zone, where croner took 100, and 200 in one whose
 * clocks are changed.
 *
 * At a DST change the rule is Debian cron's: a fixed time in the gap fires once right after it, a fixed time that occurs twice
 * fires at its first pass, and an entry whose minute or hour starts with `*` follows real time.
 */
import { readCron, type CronExpression } from "../job/cron.ts";
import { nextTime, previousTime, type CronTimes } from "./cron-times.ts";
import { evenStretches, type EvenStretch } from "./stretches.ts";
import { unusable } from "./unusable.ts";

const day = 86_400_000;

/** Expressions that are kept as they were read, about 400 bytes each: reading one takes some µs. */
const maxKnown = 1_000;

const known = new Map<string, CronTimes>();

/** The first slot strictly after an instant; undefined if the expression, whose last years have passed, fires no more. */
export function nextCronSlot(expr: string, zone: string, after: number): number | undefined {
  const read = timesOf(expr);
  return inZone(expr, zone, () => {
    let [asked, time] = [Infinity, -Infinity];
    for (const stretch of evenStretches(zone, after - day, Infinity)) {
      const { start, end, offsetMs } = stretch;
      if (end <= after) continue;
      if (start > after && makesUp(read, stretch)) return start;
      const first = firstOf(read, stretch, after);
      // Between what was asked before and its answer lies nothing.
      if (first < asked || first > time) [asked, time] = [first, nextTime(read, first)];
      if (time - offsetMs < end) return time - offsetMs;
      // There is none, not even one that is shown again when clocks are set back.
      if (time === Infinity && start > after + day) return undefined;
    }
    return undefined;
  });
}

/** The newest slots after `from` and at or before `to`, at most `most`, oldest first. */
export function newestCronSlots(expr: string, zone: string, from: number, to: number, most: number): number[] {
  const read = timesOf(expr);
  return inZone(expr, zone, () => {
    const found: number[] = [];
    for (let until = to + 1; until > from + 1 && found.length < most;) {
      // No clock is a day away from UTC's, so every slot is less than a day away from its clock time as an instant of UTC's.
      until = Math.min(until, previousTime(read, until + day) + 2 * day);
      const since = Math.max(from, until - 4 * day);
      for (const stretch of [...evenStretches(zone, since - day, until)].toReversed())
        if (stretch.end > since + 1) found.push(...backwards(read, stretch, since, most - found.length));
      until = since + 1;
    }
    return found.toReversed();
  });
}

/** The slots of a stretch after an instant, at most `most`, the newest first. */
function backwards(read: CronTimes, stretch: EvenStretch, after: number, most: number): number[] {
  const { start, end, offsetMs } = stretch;
  const first = firstOf(read, stretch, after);
  const found: number[] = [];
  for (
    let time = previousTime(read, end - 1 + offsetMs);
    time >= first && found.length < most;
    time = previousTime(read, time - 1)
  )
    found.push(time - offsetMs);
  if (found.length < most && start > after && found.at(-1) !== start && makesUp(read, stretch)) found.push(start);
  return found;
}

/** The first clock time of a stretch that counts: what its clocks show for the second time was answered the first time, unless it is wild. */
function firstOf({ wild }: CronTimes, { start, offsetMs, shown }: EvenStretch, after: number): number {
  const first = Math.max(start, after + 1) + offsetMs;
  return wild ? first : Math.max(first, shown);
}

/** Whether the clocks jump over a time of a fixed entry as the stretch begins: it is made up for then. */
function makesUp(read: CronTimes, { start, offsetMs, shown }: EvenStretch): boolean {
  const first = start + offsetMs;
  return !read.wild && shown > -Infinity && first > shown && nextTime(read, shown) < first;
}

/** The expression as it is read. @throws JobError if it cannot be. */
export function cronOf(expr: string): CronExpression {
  const read = readCron(expr);
  if ("problem" in read) throw unusable("schedule.expr", read.problem);
  return read;
}

function timesOf(expr: string): CronTimes {
  const before = known.get(expr);
  if (before !== undefined) return before;
  const { times, dates, wild } = cronOf(expr);
  const made = { times, dates, wild };
  if (known.size >= maxKnown) known.clear();
  known.set(expr, made);
  return made;
}

function inZone<T>(expr: string, zone: string, answer: () => T): T {
  try {
    return answer();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw unusable("schedule", `${JSON.stringify(expr)} in zone ${JSON.stringify(zone)} cannot be computed`, error);
  }
}
