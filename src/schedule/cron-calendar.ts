/**
 * The slots of cron expressions, asked one by one of croner, which is a calculator here and never a timer. One of its objects takes about
 * 75 KiB and one answer about 100 µs, so a few objects are kept, and of each expression in each zone the last answer, which holds for
 * every job that shares them and for every instant up to it: 100,000 jobs of a few thousand expressions cost little time and no memory.
 *
 * At a DST change the rule is Debian cron's: a fixed time in the gap fires once right after it, a fixed time that occurs twice
 * fires at its first pass, and an entry whose minute or hour starts with `*` follows real time.
 */
import { Cron } from "croner";
import { readCron, type CronExpression } from "../job/cron.ts";
import { nextOffsetChange, type OffsetChange } from "../job/offset.ts";
import { unusable } from "./unusable.ts";

interface Entry {
  readonly expr: string;
  readonly zone: string;
  /** Of the expression as it is read only what the next slot needs: the whole takes a kilobyte. */
  readonly normal: string;
  readonly wild: boolean;
  /** For every instant from `after` on and before `next`, the next slot is `next`; Infinity: there is none. */
  after: number;
  next: number;
}

/** Expressions with their last answer, about 300 bytes each. */
const maxEntries = 4_000;
/**
 * croner's objects that were asked twice in a row, about 75 KiB each. Those that are asked once, as at a start, are not kept: what lives while
 * others are made is copied and stays as garbage, which was 250 MiB where 10,000 expressions were asked in turn.
 */
const maxCalculators = 64;

/** UTC by its usual names. */
const unchanged: ReadonlySet<string> = new Set(["UTC", "Etc/UTC"]);

const entries = new Map<string, Entry>();
const calculators = new Map<string, Cron>();
let latest: { readonly key: string; readonly made: Cron } | undefined;

/** The first slot strictly after an instant; undefined if the expression, whose last years have passed, fires no more. */
export function nextCronSlot(expr: string, zone: string, after: number): number | undefined {
  const entry = entryOf(expr, zone);
  if (after < entry.after || after >= entry.next) {
    entry.next = computeNext(entry, after);
    entry.after = after;
  }
  return entry.next === Infinity ? undefined : entry.next;
}

function computeNext(entry: Entry, after: number): number {
  const { expr, zone } = entry;
  const found = ask(entry, (cron) => cron.nextRun(new Date(after)));
  if (found === null) {
    if (ask(entry, (cron) => cron.nextRun(new Date(0))) === null)
      throw unusable("schedule.expr", `${JSON.stringify(expr)} never fires`);
    return Infinity;
  }
  const next = jumps(entry, after, found.getTime() - 1).at(0) ?? found.getTime();
  // A scheduler that believed an answer of the past would fire without end (openclaw's loops): it is this job's error.
  if (!(next > after))
    throw unusable(
      "schedule",
      `the slot of ${JSON.stringify(expr)} in ${zone} after ${iso(after)} was computed as ${iso(next)}, which is not after it`,
    );
  return next;
}

/**
 * Where clocks jump over a time of a fixed entry, after one instant and up to another. croner 11 knows these, but for a jump over the end of a
 * day: in Nuuk 23:00 becomes 00:00, and it has no slot then for 23:59.
 */
function jumps({ expr, zone, wild }: Entry, from: number, to: number): number[] {
  const found: number[] = [];
  if (wild || unchanged.has(zone)) return found;
  const next = (after: number): OffsetChange | undefined => nextOffsetChange(zone, after, to);
  for (let change = next(from); change !== undefined; change = next(change.at)) {
    const { at, beforeMinutes, afterMinutes } = change;
    // On UTC's calendar clock times are instants.
    const first = nextCronSlot(expr, "UTC", at + beforeMinutes * 60_000 - 1);
    if (first !== undefined && first < at + afterMinutes * 60_000) found.push(at);
  }
  return found;
}

/** The newest slots after `from` and at or before `to`, at most `most`, oldest first. */
export function newestCronSlots(expr: string, zone: string, from: number, to: number, most: number): number[] {
  if (to <= from || most < 1) return [];
  const entry = entryOf(expr, zone);
  // croner looks strictly before, and by whole seconds.
  let before = (Math.floor(to / 1_000) + 1) * 1_000;
  const found: number[] = [];
  while (found.length < most) {
    const [slot] = ask(entry, (cron) => cron.previousRuns(1, new Date(before)));
    const at = jumps(entry, Math.max(slot?.getTime() ?? from, from), before - 1).at(-1) ?? slot?.getTime();
    if (at === undefined || at <= from) break;
    if (!(at < before))
      throw unusable(
        "schedule",
        `the slot of ${JSON.stringify(expr)} in ${zone} before ${iso(before)} was computed as ${iso(at)}`,
      );
    found.push(at);
    before = at;
  }
  return found.toReversed();
}

/** The expression as it is read. @throws JobError if it cannot be. */
export function cronOf(expr: string): CronExpression {
  const read = readCron(expr);
  if ("problem" in read) throw unusable("schedule.expr", read.problem);
  return read;
}

function entryOf(expr: string, zone: string): Entry {
  const key = `${zone} ${expr}`;
  const known = entries.get(key);
  if (known !== undefined) return known;
  const { normal, wild } = cronOf(expr);
  if (entries.size >= maxEntries) forgetOldest(entries);
  const made: Entry = { expr, zone, normal, wild, after: Infinity, next: -Infinity };
  entries.set(key, made);
  return made;
}

function ask<T>({ expr, zone, normal }: Entry, question: (cron: Cron) => T): T {
  try {
    return question(calculatorOf(zone, normal));
  } catch (error) {
    throw unusable("schedule", `${JSON.stringify(expr)} in zone ${JSON.stringify(zone)} cannot be computed`, error);
  }
}

function calculatorOf(timezone: string, normal: string): Cron {
  const key = `${timezone} ${normal}`;
  const known = calculators.get(key);
  if (known !== undefined) {
    // The most recently used stands last.
    calculators.delete(key);
    calculators.set(key, known);
    return known;
  }
  if (latest?.key === key) {
    if (calculators.size >= maxCalculators) forgetOldest(calculators);
    calculators.set(key, latest.made);
    return latest.made;
  }
  const mode = normal.split(" ").length === 7 ? "7-part" : "6-part";
  // On clocks that are never changed croner need not ask Intl, which takes two thirds of the time and leaves megabytes behind.
  const clocks = unchanged.has(timezone) ? { utcOffset: 0 } : { timezone };
  const made = new Cron(normal, { paused: true, ...clocks, mode, fixedTimeRule: "no-wildcard" });
  latest = { key, made };
  return made;
}

function forgetOldest(map: Map<string, unknown>): void {
  const { value } = map.keys().next();
  if (value !== undefined) map.delete(value);
}

function iso(at: number): string {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at);
}
