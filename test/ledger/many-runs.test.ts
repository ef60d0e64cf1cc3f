/** A ledger that holds much: orders, pruning, and queries that go along an index. */
import { rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { keptMs } from "../../src/ledger/ledger.ts";
import { countQueries } from "../../src/ledger/sqlite/counts.ts";
import { queries } from "../../src/ledger/sqlite/queries.ts";
import { rollUpQueries } from "../../src/ledger/sqlite/status-counts.ts";
import { rangeQueries } from "../../src/ledger/sqlite/slot-ranges.ts";
import { withdrawalQueries } from "../../src/ledger/sqlite/withdrawals.ts";
import { fillHistory, startOfRun } from "./history.ts";
import { runFinish, runStart } from "./records.ts";
import { makeLedger, newPlace } from "./sqlite-place.ts";

let folder: string;
let stateDir: string;
let file: string;
beforeEach(async () => {
  ({ folder, stateDir, file } = await newPlace());
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("many runs", () => {
  test("10,000 runs come in the order of recording, and no list looks at more of them than it gives", async () => {
    await makeLedger(stateDir);
    fillHistory(file, 10_000, 7);
    const ledger = await openLedger({ stateDir });
    const all = await ledger.history({ limit: 20_000 });
    expect(all.map((run) => run.runId.slice(0, 12))).toEqual([
      ...Array.from({ length: 10_000 }, (_, index) => `run-${String(10_000 - index).padStart(8, "0")}`),
      "kept",
    ]);
    const ofJob = await ledger.history({ jobId: "job-3", limit: 3 });
    expect(ofJob.map((run) => Number(run.runId.slice(4, 12)))).toEqual([9999, 9992, 9985]);
    const last = await ledger.lastRuns();
    const ids = [...last.values()].map((run) => run.runId.slice(0, 12)).toSorted();
    expect(ids).toEqual([
      "kept",
      "run-00009994",
      "run-00009995",
      "run-00009996",
      "run-00009997",
      "run-00009998",
      "run-00009999",
      "run-00010000",
    ]);
    await ledger.close();
  });

  test("a round of pruning that was left unfinished is gone on with at the next run's end, within the hour", async () => {
    await makeLedger(stateDir);
    fillHistory(file, 10_300, 10);
    const ledger = await openLedger({ stateDir });
    const now = startOfRun(10_300) + keptMs * 2;
    const end = async (number: number, finishedAt: number): Promise<number> => {
      await ledger.claimRun(runStart({ runId: `end ${number}`, jobId: "another", startedAt: now }));
      await ledger.finishRun(`end ${number}`, runFinish({ finishedAt }));
      return ledger.prunable(now);
    };
    const database = new DatabaseSync(file);
    database.exec(`INSERT INTO upkeep (name, done_at, next_job) SELECT 'prune', ${now}, key FROM jobs WHERE id = 'job-8'`);
    expect(await end(1, now), "the last two jobs").toBe(240);
    expect({ ...database.prepare("SELECT next_job FROM upkeep").get() }).toEqual({ next_job: null });
    expect(await end(2, now + 1), "the round is over").toBe(240);
    const left: number[] = [];
    for (let number = 3; left.length < 20 && left.at(-1) !== 0; number++) left.push(await end(number, now + 3_600_000));
    expect(left.at(-1)).toBe(0);
    database.close();
    await ledger.close();
  });

  const counting = { ...countQueries, ...rollUpQueries };
  test.each(Object.entries({ ...queries, ...rangeQueries, ...withdrawalQueries, ...counting }))(
    "the query for %s goes along an index",
    async (name, query) => {
      await makeLedger(stateDir);
      const database = new DatabaseSync(file);
      const plan = database
        .prepare(`EXPLAIN QUERY PLAN ${query}`)
        .all()
        .map((row) => String(row["detail"]));
      database.close();
      // There are few jobs, and each of them is sought in the index of runs; `newest` and `k` are lists of a known length; `q` and `b` are all
      // that are queued or begun, from indexes that hold nothing else; and `c` are requests to end a run that is open.
      const whole = /^SCAN (j|newest|k VIRTUAL TABLE|q USING INDEX one_queued_run_a_job|b USING INDEX one_open_run_a_job|c)\b/;
      expect(plan.filter((line) => line.startsWith("SCAN") && !whole.test(line))).toEqual([]);
      // A job has many runs and few of them are sought, so the index of all its runs is gone along only for their order.
      const through = ["newestBoot", "countBeyond"].includes(name)
        ? plan.filter((line) => line.includes("USING INDEX runs_of_job ("))
        : [];
      expect(through).toEqual([]);
      // What is counted comes out in few groups, which may be sorted; a list of runs never is.
      const sorted = plan.filter((line) => line.includes("TEMP B-TREE") && !(name in counting));
      expect(sorted).toHaveLength(0);
    },
  );
});
