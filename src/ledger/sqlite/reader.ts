import { statSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { LedgerError } from "../../errors.ts";
import { classify, isLocked, ledgerError } from "./failures.ts";
import { ledgerVersion } from "./migrations.ts";
import type { Source } from "./source.ts";
import { bridges, migrations } from "./schema.ts";

/**
 * How the file is opened (https://sqlite.org/uri.html). SQLite's own read-only way makes a `-wal` and a `-shm` file or needs them.
 * - `immutable`, when there is nothing in the `-wal`: nobody is asked and nothing is made. Whether a writer came meanwhile is seen
 *   by the file itself, and then what was read is thrown away and read again.
 * - `readonly_shm`, when there is: the `-shm` file of the writer, living or dead, is used without being written to.
 * - `shared`, where that does not do: as any reader does it, which marks its place in the `-shm` file.
 */
const ways = { immutable: { immutable: "1" }, readonly_shm: { readonly_shm: "1" }, shared: {} } as const;
type Way = keyof typeof ways;

const pauseMs = 5;

/** A connection that changes nothing: no file is made, no mode set, nothing migrated, whatever this user would be allowed to do. */
export class Reader implements Source {
  readonly file: string;
  readonly #busyTimeoutMs: number;
  readonly #steps: number;
  readonly #bridges: Readonly<Record<number, string>>;
  readonly #statements = new Map<string, StatementSync>();
  #open: { readonly database: DatabaseSync; readonly way: Way; readonly stamp: string } | undefined;

  /** The file must exist and hold something. */
  constructor(file: string, busyTimeoutMs: number, steps = migrations.length, known = bridges) {
    this.file = file;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#steps = steps;
    this.#bridges = known;
  }

  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      if (this.#open === undefined) throw new Error("broken invariant: statements are run inside of a reading");
      statement = this.#open.database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** 0: the ledger's maker died before anything was in it. */
  version(): Promise<number> {
    return this.read(() => ledgerVersion(this, this.#steps));
  }

  /** Runs `work` in one read transaction; again, from its beginning, if the file was changed under it. */
  async read<T>(work: () => T): Promise<T> {
    let deadline: number | undefined;
    for (;;) {
      let failure: unknown;
      for (const way of this.#waysNow()) {
        try {
          const result = this.#once(way, work);
          if (result !== undefined) return result.read;
          failure = undefined;
          break;
        } catch (error) {
          this.close();
          if (error instanceof LedgerError) throw error;
          failure = error;
        }
      }
      // A file that is changed all the time is one that is not free.
      deadline ??= performance.now() + this.#busyTimeoutMs;
      const late = performance.now() >= deadline;
      if (failure === undefined && late) throw ledgerError("locked", this.file, "it was changed whenever it was read");
      if (failure !== undefined && (late || !isLocked(failure))) throw classify(failure, this.file);
      await wait(pauseMs);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#open?.database.close();
    this.#open = undefined;
  }

  #waysNow(): readonly Way[] {
    const wal = statSync(`${this.file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    return wal === 0 ? ["immutable"] : ["readonly_shm", "shared"];
  }

  /** What was read; nothing if the file was changed meanwhile by a writer that could not know of us. */
  #once<T>(way: Way, work: () => T): { readonly read: T } | undefined {
    let read: { readonly read: T } | undefined;
    let failure: unknown;
    const before = this.#stamp();
    try {
      if (this.#open?.way !== way || (way === "immutable" && this.#open.stamp !== before)) this.#reopen(way, before);
      this.sql("BEGIN").run();
      read = { read: work() };
      this.sql("COMMIT").run();
    } catch (error) {
      failure = error;
    }
    if (way === "immutable" && before !== this.#stamp()) {
      this.close();
      return undefined;
    }
    if (failure !== undefined) throw failure;
    return read;
  }

  #reopen(way: Way, stamp: string): void {
    this.close();
    const place = pathToFileURL(this.file);
    for (const [name, value] of Object.entries(ways[way])) place.searchParams.set(name, value);
    const database = new DatabaseSync(place, { readOnly: true, timeout: 20, enableDoubleQuotedStringLiterals: false });
    this.#open = { database, way, stamp };
    const found = ledgerVersion(this, this.#steps);
    if (found === 0 || found === this.#steps) return;
    const bridge = this.#bridges[found];
    if (bridge === undefined)
      throw ledgerError("older_schema", this.file, `its schema is version ${found} and this runner reads ${this.#steps}`);
    database.exec(`PRAGMA temp_store=MEMORY; ${bridge}`);
    this.#statements.clear();
  }

  /** What is different after every write to the file. */
  #stamp(): string {
    const { dev, ino, size, mtimeNs } = statSync(this.file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  }
}
