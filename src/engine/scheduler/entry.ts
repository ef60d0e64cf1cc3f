/** One job in force, as small as it can be: a hundred thousand of them are to fit beside their jobs. */
import type { Job } from "../../job/job.ts";
import { staggerOf } from "../../schedule/stagger.ts";
import type { Timed } from "./timeline.ts";

/** SHA-256 in bytes; in an entry's words it is 64 hexadecimal characters. */
const hashBytes = 32;

/** Instants of a row. Not a number stands for none. */
const [atField, sinceField, lastField, nextField, fields] = [0, 1, 2, 3, 4];

/** Rows that a table grows by: 35 KB. */
const growsBy = 512;

/** More have another table. So much of addresses is set aside for each: 9 MB, of which nothing is memory before it is used. */
const mostRows = 131_072;

/**
 * The numbers of some entries, a row each: an instant takes 8 bytes here and 24 as the field of an object, a hash 32 and not 80, and the garbage
 * collector sees a handful of arrays and not thousands of values. A table grows where it stands, so nothing is left that it had outgrown, and
 * it stands apart from everything that is allocated: among what reading leaves behind, one piece that stays keeps the system from having the rest.
 */
export class EntryTable {
  readonly instants: Float64Array<ArrayBuffer>;
  readonly staggers: Uint32Array<ArrayBuffer>;
  readonly behind: Uint8Array<ArrayBuffer>;
  readonly hashes: Uint8Array<ArrayBuffer>;
  readonly #most: number;
  #rows: number;
  /** Rows that were never somebody's begin here. */
  #unused = 0;
  readonly #free: number[] = [];

  /** @param most Rows that it may come to have; a few are there from the beginning. */
  constructor(most: number) {
    this.#most = most;
    this.#rows = most <= growsBy ? most : 0;
    const column = (rowBytes: number): ArrayBuffer =>
      most <= growsBy ? new ArrayBuffer(most * rowBytes) : new ArrayBuffer(0, { maxByteLength: most * rowBytes });
    this.instants = new Float64Array(column(8 * fields));
    this.staggers = new Uint32Array(column(4));
    this.behind = new Uint8Array(column(1));
    this.hashes = new Uint8Array(column(hashBytes));
  }

  get isFull(): boolean {
    return this.#free.length === 0 && this.#unused === this.#most;
  }

  /** @throws Error if the hash is none. */
  newRow(hash: string, staggerMs: number): number {
    if (!/^[\da-f]{64}$/.test(hash))
      throw new Error(`broken invariant: ${JSON.stringify(hash)} is not 64 hexadecimal characters`);
    const row = this.#free.pop() ?? this.#unused++;
    if (row >= this.#rows) this.#grow();
    this.hashes.set(Buffer.from(hash, "hex"), row * hashBytes);
    this.instants.fill(Number.NaN, row * fields, (row + 1) * fields);
    this.staggers[row] = staggerMs;
    this.behind[row] = 0;
    return row;
  }

  #grow(): void {
    this.#rows = Math.min(this.#rows + growsBy, this.#most);
    for (const { buffer } of [this.instants, this.staggers, this.behind, this.hashes])
      buffer.resize((buffer.maxByteLength / this.#most) * this.#rows);
  }

  /** A row that nobody has any more is somebody else's. */
  giveBack(row: number): void {
    this.#free.push(row);
  }

  /** The row by itself, the only one of a table. */
  apart(row: number): EntryTable {
    const table = new EntryTable(1);
    table.#unused = 1;
    table.instants.set(this.instants.subarray(row * fields, (row + 1) * fields));
    table.staggers.set(this.staggers.subarray(row, row + 1));
    table.behind.set(this.behind.subarray(row, row + 1));
    table.hashes.set(this.hashes.subarray(row * hashBytes, (row + 1) * hashBytes));
    return table;
  }

  instant(row: number, field: number): number | undefined {
    const at = this.instants[row * fields + field] ?? Number.NaN;
    return Number.isNaN(at) ? undefined : at;
  }

  hash(row: number): string {
    return Buffer.from(this.hashes.buffer, row * hashBytes, hashBytes).toString("hex");
  }

  setInstant(row: number, field: number, at: number | undefined): void {
    this.instants[row * fields + field] = at ?? Number.NaN;
  }
}

/** The tables of a roster. */
export class EntryTables {
  /** Those that may have room. */
  readonly #roomy: EntryTable[] = [];

  /** One with a free row. */
  withRoom(): EntryTable {
    for (let table = this.#roomy.at(-1); table !== undefined; table = this.#roomy.at(-1)) {
      if (!table.isFull) return table;
      this.#roomy.pop();
    }
    const made = new EntryTable(mostRows);
    this.#roomy.push(made);
    return made;
  }

  /** Takes the entry's row back. */
  release(entry: Entry): void {
    const { table } = entry;
    if (table.isFull && !this.#roomy.includes(table)) this.#roomy.push(table);
    entry.leave();
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

  get table(): EntryTable {
    return this.#table;
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
    return this.#table.behind[this.#row] === 1;
  }

  set behind(behind: boolean) {
    this.#table.behind[this.#row] = behind ? 1 : 0;
  }

  /** Fingerprint of the definition. That of the schedule alone is the ledger's: it says since when the job is armed. */
  get hash(): string {
    return this.#table.hash(this.#row);
  }

  /** So much later than its instant each slot is answered. */
  get staggerMs(): number {
    return this.#table.staggers[this.#row] ?? 0;
  }

  /** It is in force no longer, and its row is free for another; who still has it in hand sees it as it was. */
  leave(): void {
    const table = this.#table.apart(this.#row);
    this.#table.giveBack(this.#row);
    this.#table = table;
    this.#row = 0;
  }
}
