/**
 * The dates of cron expressions, asked one by one of croner, which is a calculator here and never a timer. A date is a date in every zone, so
 * it is asked on UTC's calendar: there croner need not ask Intl, which took two thirds of its time. One of its objects takes about 75 KiB and
 * one answer about 100 µs, so a few objects are kept, and its answers: 100,000 jobs ask the same few questions.
 */
import { Cron } from "croner";
import { unusable } from "./unusable.ts";

const day = 86_400_000;

/** Any date at all: nobody need be asked. */
const everyDate = "* * *";

/** Answers that are kept, about 100 bytes each. */
const maxAnswers = 4_000;
/**
 * croner's objects that were asked twice in a row, about 75 KiB each. Those that are asked once, as at a start, are not kept: what lives while
 * others are made is copied and stays as garbage, which was 250 MiB where 10,000 expressions were asked in turn.
 */
const maxCalculators = 64;

const answers = new Map<string, number>();
const calculators = new Map<string, Cron>();
let latest: { readonly dates: string; readonly made: Cron } | undefined;

/**
 * The first date from this one on that the fields allow, in days since 1970; Infinity if there is none any more.
 *
 * @param dates As `dates` of a `CronExpression`.
 * @throws JobError if there never was one since 1970, or croner cannot tell.
 */
export function nextDate(dates: string, date: number): number {
  if (dates === everyDate) return date;
  return answered(`${date} ${dates}`, () => {
    const found = ask(dates, (cron) => cron.nextRun(new Date(date * day - 1)));
    if (found === null) return noneLeft(dates, Infinity);
    const next = found.getTime() / day;
    // A scheduler that believed an answer of the past would fire without end (openclaw's loops): it is this job's error.
    if (!(next >= date))
      throw unusable("schedule", `the date of ${said(dates)} from ${iso(date)} on was computed as ${iso(next)}`);
    return next;
  });
}

/** The last date up to this one that the fields allow; -Infinity if there is none. @throws as `nextDate` */
export function previousDate(dates: string, date: number): number {
  if (dates === everyDate) return date;
  return answered(`<${date} ${dates}`, () => {
    const [found] = ask(dates, (cron) => cron.previousRuns(1, new Date((date + 1) * day)));
    if (found === undefined) return noneLeft(dates, -Infinity);
    const previous = found.getTime() / day;
    if (!(previous <= date))
      throw unusable("schedule", `the date of ${said(dates)} up to ${iso(date)} was computed as ${iso(previous)}`);
    return previous;
  });
}

function noneLeft(dates: string, answer: number): number {
  if (ask(dates, (cron) => cron.nextRun(new Date(-1))) === null) throw unusable("schedule.expr", `${said(dates)} never fires`);
  return answer;
}

function answered(question: string, answer: () => number): number {
  const known = answers.get(question);
  if (known !== undefined) return known;
  if (answers.size >= maxAnswers) answers.clear();
  const found = answer();
  answers.set(question, found);
  return found;
}

function ask<T>(dates: string, question: (cron: Cron) => T): T {
  try {
    return question(calculatorOf(dates));
  } catch (error) {
    throw unusable("schedule", `the dates of ${said(dates)} cannot be computed`, error);
  }
}

function calculatorOf(dates: string): Cron {
  const known = calculators.get(dates);
  if (known !== undefined) {
    // The most recently used stands last.
    calculators.delete(dates);
    calculators.set(dates, known);
    return known;
  }
  if (latest?.dates === dates) {
    if (calculators.size >= maxCalculators) forgetOldest(calculators);
    calculators.set(dates, latest.made);
    return latest.made;
  }
  const mode = dates.split(" ").length === 4 ? "7-part" : "6-part";
  const made = new Cron(`0 0 0 ${dates}`, { paused: true, utcOffset: 0, mode });
  latest = { dates, made };
  return made;
}

function forgetOldest(map: Map<string, unknown>): void {
  const { value } = map.keys().next();
  if (value !== undefined) map.delete(value);
}

const said = (dates: string): string => JSON.stringify(dates);

function iso(date: number): string {
  const at = date * day;
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString().slice(0, 10) : String(date);
}
