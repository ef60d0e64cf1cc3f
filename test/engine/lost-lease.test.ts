/** A run that another process has taken for dead and closed, while it lives on: it ends what it started, and says so. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/engine/clock.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { RunEvent } from "../../src/engine/events.ts";
import { parseJob } from "../../src/job/parse.ts";
import { openLedger } from "../../src/ledger/index.ts";
import { runFinish } from "../ledger/records.ts";
import { engineParts } from "./parts.ts";

it("ends as interrupted at its next heartbeat, its turn is stopped, and its record is the other one's", async () => {
  const folder = await mkdtemp(join(tmpdir(), "runner-lost-"));
  const ledger = await openLedger({ stateDir: folder });
  const other = await openLedger({ stateDir: folder });
  const parsed = parseJob({ payload: { message: "Wait." } }, () => ({ line: 1, column: 1 }), {
    file: "x",
    id: "job",
    name: "job",
  });
  if (!("job" in parsed)) throw new Error("the job is good");
  let stopped = 0;
  let runId = "";
  const beats: number[] = [];
  const parts = engineParts({
    ledger,
    gateway: () => Promise.reject(new Error("nothing is asked")),
    turns: new Map([
      [
        "agentTurn",
        {
          kind: "agentTurn",
          request: () => ({}),
          environment: () => ({}),
          // At work until it is stopped.
          async run(_spec, { signal }) {
            await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
            stopped += 1;
            return {
              result: { status: "failed", fault: "aborted", error: "stopped", toolRuns: 1 },
              cleanup: { killed: 0, confirmed: true },
            };
          },
        },
      ],
    ]),
    clock: {
      ...systemClock,
      // Before its third heartbeat the run is closed by somebody who could not see it.
      async sleep(ms, signal) {
        // The look for a request to end it stands aside.
        if (ms !== 10_000)
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
        beats.push(ms);
        if (beats.length === 3)
          await other.finishRun(runId, runFinish({ status: "interrupted", reason: "rescued", finishedAt: Date.now() }));
      },
    },
    ownerState: () => "elsewhere",
  });
  const listen = (event: RunEvent): void => {
    if (event.type === "run_started") ({ runId } = event.run);
  };
  const outcome = await createEngine(parts).run(parsed.job, { trigger: "manual", signal: new AbortController().signal, listen });
  expect(outcome).toMatchObject({ status: "interrupted", exitCode: 1, fault: "turn_died" });
  expect([stopped, beats]).toEqual([1, [10_000, 10_000, 10_000]]);
  const found = await other.history({});
  expect(found).toMatchObject([{ runId, status: "interrupted", reason: "rescued" }]);
  const { leaseUntil = 0, startedAt = 0 } = found[0] ?? {};
  expect(leaseUntil - startedAt).toBeGreaterThanOrEqual(30_000);
  await Promise.all([ledger.close(), other.close()]);
  await rm(folder, { recursive: true });
});
