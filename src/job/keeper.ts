/**
 * Jobs that are held for long, as small as they can be. What a parser makes has room to grow, lists that were pushed to and objects put together
 * of several, and each job has its own copy of what many of them say alike: of 100,000 jobs in a daemon that is more than half.
 */
import type { Job } from "./job.ts";

/** Gives back a job that says the same. What it shares with others is for reading only, as every part of a job is. */
export type KeepJob = (job: Job) => Job;

/**
 * A keeper shares among the jobs that it is asked about; it is dropped with the reading that made them.
 *
 * @param before Jobs of the reading before: one that says the same, from the same place, is the one of before.
 */
export function jobKeeper(before: readonly Job[] = []): KeepJob {
  const known = new Map(before.map((job) => [job.id, job]));
  const texts = new Map<string, string>();
  const parts = new Map<string, object>();
  // The text of a file is kept for as long as any piece of it that is not written out anew.
  const keepText = (text: string): string => shared(texts, text, () => copyOfText(text));
  const keepPart = (part: object): object => {
    const json = JSON.stringify(part);
    return shared(parts, json, () => withTexts(copyOf(json, {}), keepText));
  };
  const keep = (job: Job): Job =>
    exact(job, keepText, (part, key) =>
      key === "payload" || key === "source" ? exact(part, keepText, keepPart) : keepPart(part),
    );
  return (job) => {
    const same = known.get(job.id);
    return same !== undefined && JSON.stringify(same) === JSON.stringify(job) ? same : keep(job);
  };
}

function shared<T>(known: Map<string, T>, key: string, make: () => T): T {
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = make();
  known.set(key, made);
  return made;
}

/** `JSON.parse` makes texts, lists and objects of exactly the size they need. The second value is of the kind that the text is known to hold. */
function copyOf<T>(json: string, _like: T): T {
  return JSON.parse(json);
}

/** What has fewer characters is put by `JSON.parse` into V8's table of names, which takes 20 bytes for each of them, and a power of two in all. */
const shortestCopied = 13;

/** A text by itself: a part of a longer one, and one so short is always written out anew. */
function copyOfText(text: string): string {
  if (text.length >= shortestCopied) return copyOf(JSON.stringify(text), "");
  const longer: string = copyOf(JSON.stringify(padding + text), "");
  return longer.slice(padding.length);
}

const padding = " ".repeat(shortestCopied);

/** The list or object itself, with texts that are kept in place of its own: what many jobs name, a zone above all, is there once. */
function withTexts(part: object, keepText: (text: string) => string): object {
  for (const [key, value] of Object.entries(part)) if (typeof value === "string") Reflect.set(part, key, keepText(value));
  return part;
}

/** The same object without room to grow, of texts and parts that are kept. */
function exact<T extends object>(
  given: T,
  keepText: (text: string) => string,
  keepPart: (part: object, key: string) => object,
): T {
  const kept: Record<string, unknown> = {};
  const frame: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (typeof value === "string") kept[key] = keepText(value);
    else if (typeof value === "object" && value !== null) kept[key] = keepPart(value, key);
    frame.push(`${JSON.stringify(key)}:${Object.hasOwn(kept, key) ? null : JSON.stringify(value)}`);
  }
  return Object.assign(copyOf(`{${frame.join(",")}}`, given), kept);
}
