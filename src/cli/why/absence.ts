/** Whether a daemon was there at a time, as far as what it noted tells. Pure. */
import type { SchedulerEventRow } from "../../ledger/ledger.ts";

export type Absence =
  /** None was: since when, and until when, where that is known. */
  | { readonly kind: "none"; readonly since?: number; readonly until?: number }
  /** One had begun before, and the next began later without a word of its end: it died at a time that nobody noted. */
  | { readonly kind: "died"; readonly since: number; readonly until: number };

const begins: ReadonlySet<string> = new Set(["started", "took_over"]);

/** `undefined` if one was there. @param events in any order */
export function absenceAt(events: readonly SchedulerEventRow[], at: number): Absence | undefined {
  const posts = events.filter(({ kind }) => begins.has(kind) || kind === "stopped").toSorted((a, b) => a.at - b.at);
  if (posts.length === 0) return { kind: "none" };
  const before = posts.findLast((event) => event.at <= at);
  const next = posts.find((event) => event.at > at);
  const until = next !== undefined && begins.has(next.kind) ? { until: next.at } : {};
  if (before === undefined) return next !== undefined && begins.has(next.kind) ? { kind: "none", ...until } : undefined;
  if (before.kind === "stopped") return { kind: "none", since: before.at, ...until };
  return next !== undefined && begins.has(next.kind) ? { kind: "died", since: before.at, until: next.at } : undefined;
}
