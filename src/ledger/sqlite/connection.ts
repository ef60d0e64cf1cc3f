import { statSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { classify, isLocked, ledgerError } from "./failures.ts";

/**
 * What a write must outlive before its promise resolves. Both outlive `kill -9`; `power_loss` waits for the disk as well
 * (`synchronous=FULL`). A later `power_loss` write carries every earlier one with it.
 */
export type Durability = "power_loss" | "process_death";

const synchronous: Readonly<Record<Durability, string>> = { power_loss: "FULL", process_death: "NORMAL" };

/**
 * SQLite's own waiting blocks the whole process, and with it every stream the gateway is reading. So it waits only this long
 * at a time, and between two times the event loop goes on.
 */
const blockingMs = 20;
const pauseMs = 5;

/** One connection: its prepared statements, its transactions, and its way of waiting for other processes. */
export class Connection {
  readonly file: string;
  readonly database: DatabaseSync;
  readonly #busyTimeoutMs: number;
  readonly #statements = new Map<string, StatementSync>();
  readonly #identity: string | undefined;
  #durability: Durability | undefined;
  #writes = 0;
  #seen: string | undefined;
  #seenElsewhere: number | undefined;

  /** The file must exist: making it with the right mode is the opener's work. */
  constructor(file: string, busyTimeoutMs: number) {
    this.file = file;
    this.#busyTimeoutMs = busyTimeoutMs;
    try {
      this.database = new DatabaseSync(file, {
        timeout: Math.min(blockingMs, busyTimeoutMs),
        enableDoubleQuotedStringLiterals: false,
      });
    } catch (error) {
      throw classify(error, file);
    }
    this.#identity = identityOf(file);
  }

  /** A prepared statement, compiled on first use. The text is the key, so it must never hold values. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** Runs `work` in one read transaction, so that everything it reads is of one instant. */
  async read<T>(work: () => T): Promise<T> {
    return this.#whenFree(() => this.#transaction("BEGIN", work));
  }

  /**
   * Runs `work` in one write transaction: all of it is recorded or nothing. The write lock is taken first (`IMMEDIATE`): a
   * deferred transaction that writes after reading fails under contention whatever the busy timeout is.
   */
  async write<T>(durability: Durability, work: () => T): Promise<T> {
    return this.#whenFree(() => {
      this.#mustBeThere();
      if (this.#durability !== durability) {
        this.database.exec(`PRAGMA synchronous=${synchronous[durability]}`);
        this.#durability = durability;
      }
      const result = this.#transaction("BEGIN IMMEDIATE", work);
      this.#writes += 1;
      return result;
    });
  }

  /**
   * Whether anything may have been written since this was asked last: by this connection, or by another, which is what
   * `data_version` tells (https://sqlite.org/pragma.html#pragma_data_version).
   */
  async hasChanged(): Promise<boolean> {
    return this.alone(() => {
      const now = `${this.#dataVersion()} ${this.#writes}`;
      const changed = now !== this.#seen;
      this.#seen = now;
      return changed;
    });
  }

  /** The same of other connections alone. */
  async hasChangedElsewhere(): Promise<boolean> {
    return this.alone(() => {
      const now = this.#dataVersion();
      const changed = now !== this.#seenElsewhere;
      this.#seenElsewhere = now;
      return changed;
    });
  }

  #dataVersion(): number {
    return Number(this.sql("PRAGMA data_version").get()?.["data_version"]);
  }

  /** Runs `work` outside of a transaction, such as a pragma that is not allowed inside one. */
  async alone<T>(work: () => T): Promise<T> {
    return this.#whenFree(work);
  }

  close(): void {
    this.#statements.clear();
    // SQLite removes the log beside the file when it closes, by its name: it would be that of the file which took the place of this one.
    if (this.database.isOpen && this.#isThere()) this.database.close();
  }

  /**
   * SQLite goes on writing into a file that was removed, where nobody sees it: two daemons would each lead in a ledger of their own, and fire
   * each slot twice (https://sqlite.org/howtocorrupt.html#unlink).
   */
  #mustBeThere(): void {
    if (this.#isThere()) return;
    throw ledgerError("removed", this.file, "it was removed or replaced while it was open, and is written no more");
  }

  #isThere(): boolean {
    return identityOf(this.file) === this.#identity;
  }

  /** `work` is synchronous: nothing of this process can come between the beginning and the end of a transaction. */
  #transaction<T>(begin: "BEGIN" | "BEGIN IMMEDIATE", work: () => T): T {
    this.sql(begin).run();
    try {
      const result = work();
      this.sql("COMMIT").run();
      return result;
    } catch (error) {
      // A full disk or an I/O error may have rolled the transaction back already.
      if (this.database.isTransaction) this.sql("ROLLBACK").run();
      throw error;
    }
  }

  /** Whatever was found locked has been rolled back whole, so it can be done again. */
  async #whenFree<T>(work: () => T): Promise<T> {
    // The clock is looked at only once something was found locked: its first use loads a module of Node's, 2.5 ms of every start.
    let deadline: number | undefined;
    for (;;) {
      try {
        return work();
      } catch (error) {
        deadline ??= performance.now() + this.#busyTimeoutMs;
        if (!isLocked(error) || performance.now() >= deadline) throw classify(error, this.file);
      }
      await wait(pauseMs);
    }
  }
}

/** Which file has the name now: its number on its disk; undefined if there is none that can be seen. */
function identityOf(file: string): string | undefined {
  try {
    const { dev, ino } = statSync(file);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
