import type { Ledger, RunDetail } from "../../../src/ledger/ledger.ts";

/** A place where a ledger of the backend under test can be opened any number of times, empty at first. */
export interface Store {
  open(): Promise<Ledger>;
  dispose(): Promise<void>;
}

/** What one test of the contract works on: a store of its own and one open ledger. */
export interface Bench {
  ledger(): Ledger;
  /** Closes the ledger and opens the store again. */
  reopen(): Promise<void>;
  /** One more connection to the same store. */
  open(): Promise<Ledger>;
  /** The run of this id, which must be there. */
  detail(runId: string): Promise<RunDetail>;
}
