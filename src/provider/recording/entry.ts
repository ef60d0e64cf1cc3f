/** The lines of a recording, one JSON array or object each. */

/** First line. */
export interface Head {
  readonly v: 1;
  readonly mode: "shape" | "full";
  readonly dialect: string;
  /** What the request asked for. */
  readonly asked: "events" | "document";
  readonly status: number;
}

/**
 * An event: ms since the one before, rounded to 1, 2, 5, 10, …; its `event:` line (1: the same word as its type; 0: none); its skeleton.
 * With a count and a number of characters: so many events in a row that differ in nothing but the text in their hole; the time is
 * the longest between two of them; 1 at the end: the tool input they belong to was a whole JSON object.
 */
export type EventEntry = [gapMs: number, name: string | 0 | 1, skeleton: unknown, count?: number, chars?: number, whole?: 0 | 1];

/** A body that was JSON and no stream. */
export type DocumentEntry = ["document", unknown];
/** Text as it came, of a full recording: ms since the text before, rounded. */
type TextEntry = ["text", number, string];
/** The recording has reached its limit; so many entries are missing. */
type CutEntry = ["cut", number];
/** Last line: how the body ended (`done`: the answer was whole before), and why it was refused. */
type EndEntry = ["end", string, string?];

export type Entry = EventEntry | DocumentEntry | TextEntry | CutEntry | EndEntry;

/** Data that is no JSON, by its length. */
export const badData = "~bad";

/** 0, or 1, 2, 5, 10, 20, 50, … ms: near enough to see a stall, too coarse to know a machine by. */
export function roundedMs(ms: number): number {
  if (ms < 0.5) return 0;
  const scale = 10 ** Math.floor(Math.log10(Math.max(1, ms)));
  const steps = ms / scale;
  return Math.round(scale * (steps < 1.5 ? 1 : steps < 3.5 ? 2 : steps < 7.5 ? 5 : 10));
}
