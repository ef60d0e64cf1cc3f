import { expect, test } from "vitest";
import type { HistoryQuery } from "../../../src/ledger/ledger.ts";
import { runFinish, runStart } from "../records.ts";
import type { Bench } from "./bench.ts";

/** The id that was found, or what was found instead. */
async function find(bench: Bench, text: string): Promise<string | { readonly ambiguous: readonly string[] } | undefined> {
  const result = await bench.ledger().run(text);
  return result === undefined || "ambiguous" in result ? result : result.run.runId;
}

export function reading(bench: Bench): void {
  const record = async (runId: string, jobId: string, startedAt = 10): Promise<void> =>
    bench.ledger().recordRun(runStart({ runId, jobId, startedAt }), runFinish({ status: "skipped" }));

  const ids = async (query: HistoryQuery) => (await bench.ledger().history(query)).map((run) => Number(run.runId.slice(4)));

  test("history is newest first in the order of recording, even if the clock was set back", async () => {
    for (let number = 1; number <= 25; number++)
      await record(`run-${number}`, number % 2 === 0 ? "even" : "odd", 10_000 - number);
    expect(await ids({})).toEqual(Array.from({ length: 20 }, (_, index) => 25 - index));
    expect(await ids({ limit: 3, jobId: "even" })).toEqual([24, 22, 20]);
    expect(await ids({ limit: 0 })).toEqual([]);
    expect(await ids({ limit: 1000 })).toHaveLength(25);
    expect(await ids({ jobId: "nobody" })).toEqual([]);
    await expect(bench.ledger().history({ limit: -1 })).rejects.toThrow(/broken invariant/);
    await expect(bench.ledger().history({ limit: 1.5 })).rejects.toThrow(/broken invariant/);
  });

  test("history gives only the endings asked for, and only what was recorded before a run", async () => {
    for (let number = 1; number <= 12; number++)
      await bench
        .ledger()
        .recordRun(
          runStart({ runId: `run-${number}`, jobId: number % 2 === 0 ? "even" : "odd", startedAt: 99 - number }),
          runFinish({ status: number % 3 === 0 ? "failed" : number % 4 === 0 ? "blocked" : "skipped" }),
        );
    expect(await ids({ statuses: ["failed", "blocked", "failed"] })).toEqual([12, 9, 8, 6, 4, 3]);
    expect(await ids({ statuses: ["failed", "blocked"], jobId: "even", limit: 3 })).toEqual([12, 8, 6]);
    expect(await ids({ statuses: ["failed", "blocked"], before: "run-8" })).toEqual([6, 4, 3]);
    expect(await ids({ jobId: "odd", before: "run-8", limit: 2 })).toEqual([7, 5]);
    expect(await ids({ before: "run-3" })).toEqual([2, 1]);
    expect(await ids({ before: "gone" })).toEqual([]);
    expect(await ids({ statuses: [] })).toEqual([]);
    expect(await ids({ statuses: ["missed"] })).toEqual([]);
  });

  test("lastRun gives the last run with one of these endings, with its output", async () => {
    const ledger = bench.ledger();
    for (const [runId, status, jobId] of [
      ["a1", "succeeded", "a"],
      ["a2", "failed", "a"],
      ["b1", "succeeded", "b"],
      ["a3", "quiet", "a"],
    ] as const) {
      await ledger.claimRun(runStart({ runId, jobId }));
      await ledger.finishRun(runId, runFinish({ status, output: `said by ${runId}`, value: '"v"' }));
    }
    await ledger.claimRun(runStart({ runId: "a4", jobId: "a" }));
    const last = async (...query: Parameters<typeof ledger.lastRun>) => (await ledger.lastRun(...query))?.output;
    expect(await last("a", ["succeeded"])).toBe("said by a1");
    expect(await last("a", ["succeeded", "quiet"])).toBe("said by a3");
    expect(await last("a", ["succeeded", "quiet"], "a3")).toBe("said by a1");
    expect(await last("a", ["failed"], "a2")).toBeUndefined();
    expect(await last("nobody", ["succeeded"])).toBeUndefined();
    expect(await ledger.lastRun("a", ["running"])).toMatchObject({ runId: "a4", status: "running" });
    expect(await ledger.lastRun("b", ["succeeded"])).toMatchObject({ runId: "b1", value: '"v"' });
  });

  test("lastRuns gives the last recorded run of each job, open or ended", async () => {
    expect(await bench.ledger().lastRuns()).toEqual(new Map());
    await record("a1", "a", 50);
    await record("b1", "b");
    await record("a2", "a", 40);
    await bench.ledger().claimRun(runStart({ runId: "b2", jobId: "b" }));
    const last = await bench.ledger().lastRuns();
    expect([...last].map(([jobId, run]) => `${jobId} ${run.runId} ${run.status}`).toSorted()).toEqual([
      "a a2 skipped",
      "b b2 running",
    ]);
  });

  test("lastStates says how each of them stands, and gives the whole of one that is running", async () => {
    await record("a1", "a", 50);
    await bench.ledger().claimRun(runStart({ runId: "b1", jobId: "b" }));
    const [runs, states] = [await bench.ledger().lastRuns(), await bench.ledger().lastStates()];
    expect([...states.keys()].toSorted()).toEqual(["a", "b"]);
    for (const [jobId, { status, startedAt, simulated, run }] of states) {
      expect(runs.get(jobId)).toMatchObject({ status, startedAt, simulated });
      expect(run).toEqual(status === "running" ? runs.get(jobId) : undefined);
    }
  });

  test("a run without an end is given with its owner and its lease", async () => {
    await bench.ledger().claimRun(runStart({ runId: "open" }));
    const { leaseUntil: _none, ...older } = runStart({ runId: "older", jobId: "b" });
    await bench.ledger().claimRun(older);
    expect(await bench.ledger().history({})).toStrictEqual([
      { ...older, status: "running" },
      { ...runStart({ runId: "open" }), status: "running" },
    ]);
  });

  test("a run is found by its id or an unambiguous beginning of 4 characters, and by nothing that only looks like one", async () => {
    for (const runId of ["abcd-1", "abcd-22", "abcd-2", "abxy", "ab_d", "ABCD-9"]) await record(runId, runId);
    expect(await find(bench, "abcd-1")).toBe("abcd-1");
    expect(await find(bench, "abcd-2"), "an exact id wins over longer ones").toBe("abcd-2");
    expect(await find(bench, "ABCD")).toBe("ABCD-9");
    expect(await find(bench, "abxy")).toBe("abxy");
    expect(await find(bench, "abcd")).toEqual({ ambiguous: ["abcd-1", "abcd-2", "abcd-22"] });
    const nothings = ["", "abx", "abcd-1x", "ab%%", "abc_", "abc*", "abc?", "'; DROP TABLE runs; --", "%%%%"];
    expect(await Promise.all(nothings.map((text) => find(bench, text)))).toEqual(nothings.map(() => undefined));
    for (let number = 0; number < 30; number++) await record(`many-${number}`, "m");
    const many = await find(bench, "many");
    expect(typeof many === "object" ? many.ambiguous.length : many).toBe(20);
  });
}

export function memories(bench: Bench): void {
  const memory = { provider: "kimi-coding", model: "k2p5", fault: "stream_order", notedAt: 100, expiresAt: 200 } as const;

  test("a rung is remembered until it expires; the later memory of a model stays", async () => {
    await bench.ledger().rememberRung(memory);
    await bench.ledger().rememberRung({ ...memory, model: "other", expiresAt: 900 });
    expect(await bench.ledger().rungMemories(199)).toEqual([memory, { ...memory, model: "other", expiresAt: 900 }]);
    expect(await bench.ledger().rungMemories(200)).toEqual([{ ...memory, model: "other", expiresAt: 900 }]);
    await bench.ledger().rememberRung({ ...memory, fault: "stream_stall", notedAt: 150, expiresAt: 300 });
    await bench.ledger().rememberRung({ ...memory, fault: "server", notedAt: 120, expiresAt: 9999 });
    expect((await bench.ledger().rungMemories(200))[0]).toEqual({
      ...memory,
      fault: "stream_stall",
      notedAt: 150,
      expiresAt: 300,
    });
  });
}
