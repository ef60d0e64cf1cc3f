import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLedger } from "../../src/ledger/index.ts";
import { ledgerContract } from "./contract.ts";

ledgerContract("SQLite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "runner-ledger-"));
  return {
    open: () => openLedger({ stateDir: join(folder, "state") }),
    dispose: () => rm(folder, { recursive: true }),
  };
});
