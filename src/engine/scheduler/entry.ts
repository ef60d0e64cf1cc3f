/** One job in force, as small as it can be: a hundred thousand of them are to fit beside their jobs. */
import type { Job } from "../../job/job.ts";
import { staggerOf } from "../../schedule/stagger.ts";
import type { Timed } from "./timeline.ts";

/** SHA-256 in bytes; in an entry's words it is 64 hexadecimal characters. */
const hashBytes = 32;

/** Instants of a row. Not a number stands for none. */
const [atField, sinceField, lastField, nextField, fields] = [0, 1, 2, 3, 4];

/**
 * The numbers of all entries of a roster, a row each: an instant takes 8 bytes here and 24 as the field of an object, a hash 32 and not 80,
 * and the garbage collector sees a handful of arrays and not half a million values.
 */
export class EntryTable {
  #instants: Float64Array;
  #staggers: Uint32Array;
  #behind: Uint8Array;
  #hashes: Uint8Array;
  #rows = 0;
  readonly #free: number[] = [];

  constructor(rows = 64) {
    this.#instants = new Float64Array(rows * fields);
    this.#staggers = new Uint32Array(rows);
    this.#behind = new Uint8Array(rows);
    this.#hashes = new Uint8Array(rows * hashBytes);
  }

  /** @throws Error if the hash is none. */
  newRow(hash: string, staggerMs: number): number {
    const row = this.#free.pop() ?? this.#rows++;
    if (row >= this.#staggers.length) this.#grow(Math.ceil(1.5 * row));
    if (Buffer.from(this.#hashes.buffer, row * hashBytes, hashBytes).write(hash, "hex") !== hashBytes)
      throw new Error(`broken invariant: ${JSON.stringify(hash)} is not 64 hexadecimal characters`);
    this.#instants.fill(Number.NaN, row * fields, (row + 1) * fields);
    this.#staggers[row] = staggerMs;
    this.#behind[row] = 0;
    return row;
  }

  /** A row that nobody has any more is somebody else's. */
  giveBack(row: number): void {
    this.#free.push(row);
  }

  /** The row by itself, in a table of its own. */
  apart(row: number): EntryTable {
    const table = new EntryTable(1);
    table.#rows = 1;
    table.#instants.set(this.#instants.subarray(row * fields, (row + 1) * fields));
    table.#staggers.set(this.#staggers.subarray(row, row + 1));
    table.#behind.set(this.#behind.subarray(row, row + 1));
    table.#hashes.set(this.#hashes.subarray(row * hashBytes, (row + 1) * hashBytes));
    return table;
  }

  instant(row: number, field: number): number | undefined {
    const at = this.#instants[row * fields + field] ?? Number.NaN;
    return Number.isNaN(at) ? undefined : at;
  }

  setInstant(row: number, field: number, at: number | undefined): void {
    this.#instants[row * fields + field] = at ?? Number.NaN;
  }

  staggerMs(row: number): number {
    return this.#staggers[row] ?? 0;
  }

  isBehind(row: number): boolean {
    return this.#behind[row] === 1;
  }

  setBehind(row: number, behind: boolean): void {
    this.#behind[row] = behind ? 1 : 0;
  }

  hash(row: number): string {
    return Buffer.from(this.#hashes.buffer, row * hashBytes, hashBytes).toString("hex");
  }

  #grow(rows: number): void {
    const [instants, staggers, behind, hashes] = [this.#instants, this.#staggers, this.#behind, this.#hashes];
    this.#instants = new Float64Array(rows * fields);
    this.#staggers = new Uint32Array(rows);
    this.#behind = new Uint8Array(rows);
    this.#hashes = new Uint8Array(rows * hashBytes);
    this.#instants.set(instants);
    this.#staggers.set(staggers);
    this.#behind.set(behind);
    this.#hashes.set(hashes);
  }
}

/** A job in force and where it stands. Its numbers are in a table that it shares with the others. */
export class Entry implements Timed {
  job: Job;
  place = -1;
  #table: EntryTable;
  #row: number;

  /** @param hash Fingerprint of the definition: 64 hexadecimal characters. */
  constructor(job: Job, hash: string, table = new EntryTable(1)) {
    this.job = job;
    this.#table = table;
    this.#row = table.newRow(hash, staggerOf(job.id, job.schedule.staggerMs));
    this.since = 0;
  }

  get at(): number | undefined {
    return this.#table.instant(this.#row, atField);
  }

  set at(at: number | undefined) {
    this.#table.setInstant(this.#row, atField, at);
  }

  /** Since when it is armed: nothing before is answered. */
  get since(): number {
    return this.#table.instant(this.#row, sinceField) ?? 0;
  }

  set since(at: number) {
    this.#table.setInstant(this.#row, sinceField, at);
  }

  /** The newest instant that has a record. */
  get last(): number | undefined {
    return this.#table.instant(this.#row, lastField);
  }

  set last(at: number | undefined) {
    this.#table.setInstant(this.#row, lastField, at);
  }

  /** The first instant that has none. */
  get next(): number | undefined {
    return this.#table.instant(this.#row, nextField);
  }

  set next(at: number | undefined) {
    this.#table.setInstant(this.#row, nextField, at);
  }

  /** Slots of it are due and wait for the end of its run: they are caught up with one after the other. */
  get behind(): boolean {
    return this.#table.isBehind(this.#row);
  }

  set behind(behind: boolean) {
    this.#table.setBehind(this.#row, behind);
  }

  /** Fingerprint of the definition. That of the schedule alone is the ledger's: it says since when the job is armed. */
  get hash(): string {
    return this.#table.hash(this.#row);
  }

  /** So much later than its instant each slot is answered. */
  get staggerMs(): number {
    return this.#table.staggerMs(this.#row);
  }

  /** It is in force no longer, and its row is free for another; who still has it in hand sees it as it was. */
  leave(): void {
    const table = this.#table.apart(this.#row);
    this.#table.giveBack(this.#row);
    this.#table = table;
    this.#row = 0;
  }
}
