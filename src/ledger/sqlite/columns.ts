/** Single columns, read and written: what SQLite gives is checked, what it is given is cut and rounded. */
import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import { isFault, type Fault } from "../../errors.ts";
import { keptText } from "../ledger.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;
export type Values = Record<string, SQLInputValue>;

/** The value without its undefined members, as exact optional properties want it. */
type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
export function present<T extends object>(value: T): Present<T>;
export function present(value: object): object {
  const made: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) if (member !== undefined) made[key] = member;
  return made;
}

function unreadable(column: string, value: SQLOutputValue | undefined): Error {
  return new Error(`broken invariant: column ${column} of the ledger holds ${value === null ? "nothing" : typeof value}`);
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw unreadable(column, value);
  return value;
}
/** A word out of a closed list. */
export function word<T extends string>(row: Row, column: string, words: readonly T[]): T {
  const value = text(row, column);
  const found = words.find((candidate) => candidate === value);
  if (found === undefined)
    throw new Error(`broken invariant: column ${column} of the ledger holds the unknown word ${JSON.stringify(value)}`);
  return found;
}
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw unreadable(column, value);
  return value;
}
export function textIf(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}
export function integerIf(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column);
}

/** A fault that another version of the program has recorded and this one does not know reads as `unknown`. */
export function faultIf(row: Row): Fault | undefined {
  const value = textIf(row, "fault");
  return value === undefined || isFault(value) ? value : "unknown";
}

/** A time or duration as the ledger keeps it. Monotonic clocks and jitter give fractions; a column takes whole numbers only. */
export function whole(value: number): number {
  if (!Number.isFinite(value)) throw new Error(`broken invariant: ${value} is not a time`);
  return Math.round(value);
}
export function wholeIf(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Math.round(value);
}

/** Cut to what is kept, and never through the middle of a surrogate pair. */
export function cut(value: string, kept = keptText): string {
  if (value.length <= kept) return value;
  const last = value.charCodeAt(kept - 1);
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? kept - 1 : kept);
}
export function cutIf(value: string | undefined): string | null {
  return value === undefined ? null : cut(value);
}
