import { afterEach, beforeEach, describe } from "vitest";
import type { Ledger } from "../../src/ledger/ledger.ts";
import type { Bench, Store } from "./contract/bench.ts";
import { breakers } from "./contract/breakers.ts";
import { claims } from "./contract/claims.ts";
import { counting } from "./contract/counting.ts";
import { endings } from "./contract/endings.ts";
import { keeping } from "./contract/keeping.ts";
import { leases } from "./contract/leases.ts";
import { limits } from "./contract/limits.ts";
import { invariants } from "./contract/model.ts";
import { memories, reading } from "./contract/reading.ts";
import { recording } from "./contract/recording.ts";
import { ranges } from "./contract/ranges.ts";
import { scheduler } from "./contract/scheduler.ts";
import { slots } from "./contract/slots.ts";
import { steps } from "./contract/steps.ts";
import { streams } from "./contract/streams.ts";
import { tools } from "./contract/tools.ts";

/** What every backend of the ledger must do. Each test gets a store of its own. */
export function ledgerContract(backend: string, makeStore: () => Promise<Store>): void {
  describe(`the ledger's contract, ${backend}`, () => {
    let store: Store;
    let ledger: Ledger;
    beforeEach(async () => {
      store = await makeStore();
      ledger = await store.open();
    });
    afterEach(async () => {
      await ledger.close();
      await store.dispose();
    });
    const bench: Bench = {
      ledger: () => ledger,
      open: () => store.open(),
      async reopen() {
        await ledger.close();
        ledger = await store.open();
      },
      async detail(runId) {
        const found = await ledger.run(runId);
        if (found === undefined || "ambiguous" in found) throw new Error(`run ${runId} is not there`);
        return found;
      },
    };
    for (const part of [
      recording,
      claims,
      leases,
      endings,
      keeping,
      steps,
      tools,
      streams,
      limits,
      reading,
      memories,
      breakers,
      counting,
      slots,
      scheduler,
      ranges,
      invariants,
    ])
      part(bench);
  });
}
