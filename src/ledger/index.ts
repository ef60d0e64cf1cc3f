/** The list of the ledger's backends, and the one way to open a ledger. */
import type { LedgerExamination } from "./sqlite/examine.ts";
import type { Ledger, LedgerBackend, LedgerReader, OpenLedgerOptions } from "./ledger.ts";

export type { LedgerExamination } from "./sqlite/examine.ts";

/** Each backend is loaded when it is used: a command that needs no ledger does not pay for one. */
const backends: Readonly<Record<"sqlite", () => Promise<LedgerBackend>>> = {
  sqlite: async () => (await import("./sqlite/open.ts")).sqliteBackend,
};

/**
 * Opens the ledger of a state folder, and makes it if there is none. With `create: false`, for commands that only read,
 * nothing is made or changed, so that a folder that cannot be written is no hindrance; the answer is `undefined` where there is no
 * ledger yet.
 * @throws LedgerError `newer_schema`, `older_schema`, `corrupt`, `locked`, `full`, `permission` or `unavailable`
 */
export function openLedger(options: OpenLedgerOptions): Promise<Ledger>;
export function openLedger(options: OpenLedgerOptions & { readonly create: false }): Promise<LedgerReader | undefined>;
export async function openLedger(
  options: OpenLedgerOptions & { readonly create?: false },
): Promise<Ledger | LedgerReader | undefined> {
  const backend = await backends.sqlite();
  const { stateDir, busyTimeoutMs = 5000, create } = options;
  return create === false ? backend.openToRead({ stateDir, busyTimeoutMs }) : backend.open({ stateDir, busyTimeoutMs });
}

/** Looks through the whole ledger of a state folder for damage, changing nothing; `undefined` where there is none. @throws LedgerError */
export async function examineLedger({
  stateDir,
  busyTimeoutMs = 5000,
}: OpenLedgerOptions): Promise<LedgerExamination | undefined> {
  const { examine } = await import("./sqlite/examine.ts");
  return examine({ stateDir, busyTimeoutMs });
}
