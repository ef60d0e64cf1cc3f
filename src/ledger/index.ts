/** The list of the ledger's backends, and the one way to open a ledger. */
import type { Ledger, LedgerBackend, OpenLedgerOptions } from "./ledger.ts";

/** Each backend is loaded when it is used: a command that needs no ledger does not pay for one. */
const backends: Readonly<Record<"sqlite", () => Promise<LedgerBackend>>> = {
  sqlite: async () => (await import("./sqlite/open.ts")).sqliteBackend,
};

/**
 * Opens the ledger of a state folder, and makes it if there is none. With `create: false`, for commands that only read,
 * nothing is made and the answer is `undefined` where there is no ledger yet.
 * @throws LedgerError `newer_schema`, `corrupt`, `locked`, `full`, `permission` or `unavailable`
 */
export function openLedger(options: OpenLedgerOptions): Promise<Ledger>;
export function openLedger(options: OpenLedgerOptions & { readonly create: boolean }): Promise<Ledger | undefined>;
export async function openLedger(options: OpenLedgerOptions & { readonly create?: boolean }): Promise<Ledger | undefined> {
  const backend = await backends.sqlite();
  if (options.create === false && !(await backend.exists(options.stateDir))) return undefined;
  return backend.open({ stateDir: options.stateDir, busyTimeoutMs: options.busyTimeoutMs ?? 5000 });
}
