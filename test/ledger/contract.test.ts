/** What every backend must do, of the ledger in a file. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLedger } from "../../src/ledger/index.ts";
import { ledgerContract } from "./contract.ts";

ledgerContract("SQLite", async () => {
  const place = await mkdtemp(join(tmpdir(), "runner-ledger-"));
  return { open: () => openLedger({ stateDir: join(place, "state") }), dispose: () => rm(place, { recursive: true }) };
});
