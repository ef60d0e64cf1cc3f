import type { StatementSync } from "node:sqlite";

/** Where statements are run and reading is done: in one transaction, so that everything read is of one instant. */
export interface Source {
  sql(text: string): StatementSync;
  read<T>(work: () => T): Promise<T>;
}
