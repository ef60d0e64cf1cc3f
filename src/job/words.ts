/** How values, places and mistakes are put into words, for jobs and for the configuration alike. */
import { distance } from "fastest-levenshtein";
import type { Issue } from "../errors.ts";
import { looksSecret } from "./secret.ts";

/** The way to a value in a document: keys and numbers of items. */
export type Path = readonly (string | number)[];

/** The nearest of the known words, if it is near enough to have been meant; letter case does not count. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (word.length > 100) return undefined;
  const lower = word.toLowerCase();
  // Two letters changed places count as two steps, so words of four letters and more are given two.
  const least = word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3));
  let best: { word: string; far: number } | undefined;
  for (const candidate of words) {
    const other = candidate.toLowerCase();
    const far = lower.length === 3 && sameLetters(lower, other) ? 1 : distance(lower, other);
    if (far <= least && far < candidate.length && (best === undefined || far < best.far)) best = { word: candidate, far };
  }
  return best?.word;
}

/** Two letters changed places in a short word, which would count as two of its three letters. */
function sameLetters(a: string, b: string): boolean {
  return a.length === b.length && a.split("").toSorted().join("") === b.split("").toSorted().join("");
}

/** A found value in words, short, and never a secret. */
export function describe(found: unknown): string {
  if (found === undefined) return "nothing";
  if (found === null) return "null";
  if (Array.isArray(found)) return found.length === 0 ? "an empty list" : `a list of ${found.length}`;
  if (typeof found === "object") return "an object";
  if (typeof found === "string") {
    if (looksSecret(found)) return "a text that looks like a key (not shown)";
    return found.length > 60 ? `${JSON.stringify(found.slice(0, 60))}…` : JSON.stringify(found);
  }
  if (typeof found === "number" || typeof found === "boolean" || typeof found === "bigint") return String(found);
  return `a ${typeof found}`;
}

/** The order in which a person meets problems in a file. */
export function byPlace(a: Pick<Issue, "line" | "column">, b: Pick<Issue, "line" | "column">): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** `jobs[2].schedule.expr`; keys that are not plain names are quoted. Never shows a secret, however long a key is. */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (looksSecret(step)) text += `["(looks like a key, not shown)"]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(step) && step.length <= 80) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step.length > 80 ? `${step.slice(0, 80)}…` : step)}]`;
  }
  return text;
}
