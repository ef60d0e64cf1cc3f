import { expect, test } from "vitest";
import type { CallFinish, TryFinish, TryStart } from "../../../src/ledger/ledger.ts";
import type { RunEnding } from "../../../src/run/run.ts";
import { attemptStart, callStart, runFinish, runStart, tryFinish, tryStart } from "../records.ts";
import type { Bench } from "./bench.ts";

const day = 86_400_000;
const ok = { usage: { inputTokens: 100, outputTokens: 10 }, costMicroUsd: 50 };
const broken: Partial<TryFinish> = { status: "failed", fault: "stream_order", usage: { inputTokens: 100 }, costMicroUsd: 20 };
const repairs = [{ code: "dup_start", at: 1, event: "message_start", proof: "same" }];

/** One run of one call, whose tries are given: each with what it asked and how it ended. */
interface Told {
  readonly runId: string;
  readonly jobId?: string;
  readonly startedAt?: number;
  readonly simulated?: boolean;
  readonly status?: RunEnding;
  readonly tries: readonly (readonly [Partial<TryStart>, Partial<TryFinish>])[];
}

async function tell(bench: Bench, { runId, tries, status = "succeeded", ...start }: Told): Promise<void> {
  const ledger = bench.ledger();
  await ledger.claimRun(runStart({ startedAt: day, ...start, runId }));
  await ledger.startAttempt(attemptStart({ runId }));
  await ledger.startCall(callStart({ runId }));
  for (const [at, [asked, ended]] of tries.entries()) {
    const begin = tryStart({ ...asked, runId, try: at + 1, startedAt: 1000 + at * 500 });
    await ledger.startTry(begin);
    await ledger.finishTry(begin, tryFinish(ended));
  }
  const last = tries.at(-1);
  const end: CallFinish["status"] = last?.[1].status === "failed" ? "failed" : "answered";
  await ledger.finishCall(callStart({ runId }), { finishedAt: 50, status: end, httpStatus: 200 });
  const priced = tries.flatMap(([, { costMicroUsd = 0 }]) => costMicroUsd);
  await ledger.finishRun(
    runId,
    runFinish({
      status,
      ...(end === "answered" ? { modelUsed: "k2p5" } : {}),
      usage: { inputTokens: 100 * tries.length },
      ...(tries.some(([, { costMicroUsd }]) => costMicroUsd !== undefined)
        ? { costMicroUsd: priced.reduce((a, b) => a + b) }
        : {}),
    }),
  );
}

async function everyWay(bench: Bench): Promise<void> {
  await tell(bench, { runId: "first", tries: [[{}, ok]] });
  await tell(bench, { runId: "repaired", tries: [[{}, { ...ok, repairs }]] });
  await tell(bench, {
    runId: "again",
    tries: [
      [{}, broken],
      [{}, broken],
      [{ waitedMs: 400 }, ok],
    ],
  });
  await tell(bench, {
    runId: "stream off",
    tries: [
      [{}, broken],
      [{ stream: false }, ok],
    ],
  });
  await tell(bench, {
    runId: "fallback",
    jobId: "other",
    tries: [
      [{}, broken],
      [{ model: "next", stream: false }, { usage: {} }],
    ],
  });
  await tell(bench, { runId: "lost", status: "failed", tries: [[{}, { status: "failed", fault: "auth", usage: {} }]] });
  await tell(bench, { runId: "old", startedAt: day - 1, tries: [[{}, ok]] });
  await tell(bench, {
    runId: "simulated",
    jobId: "simulated:job",
    simulated: true,
    tries: [
      [{}, broken],
      [{}, ok],
    ],
  });
  // Nobody knows how these ended, so they count nowhere.
  await bench.ledger().claimRun(runStart({ runId: "died", startedAt: day }));
  await bench.ledger().startAttempt(attemptStart({ runId: "died" }));
  await bench.ledger().startCall(callStart({ runId: "died" }));
  await bench.ledger().startTry(tryStart({ runId: "died" }));
  await bench.ledger().finishRun("died", runFinish({ status: "interrupted" }));
  await bench.ledger().recordRun(runStart({ runId: "skip", startedAt: day }), runFinish({ status: "skipped" }));
}

export function counting(bench: Bench): void {
  test("rungCounts tells how each rung did, from a time on, without simulations and without what has no end", async () => {
    await everyWay(bench);
    const [off, on, next] = [...(await bench.ledger().rungCounts({ since: day }))].toSorted((a, b) =>
      `${a.model} ${a.stream}`.localeCompare(`${b.model} ${b.stream}`),
    );
    expect(on).toStrictEqual({
      provider: "kimi-coding",
      model: "k2p5",
      stream: true,
      tries: 8,
      answered: 3,
      firstTries: 6,
      firstAnswered: 2,
      repaired: 1,
      faults: { stream_order: 4, auth: 1 },
      usage: { inputTokens: 700, outputTokens: 30 },
      costMicroUsd: 230,
      unpriced: 0,
    });
    expect(off).toMatchObject({ model: "k2p5", stream: false, tries: 1, firstTries: 0, costMicroUsd: 50, faults: {} });
    expect(next).toMatchObject({ model: "next", tries: 1, answered: 1, usage: {}, costMicroUsd: 0, unpriced: 1 });
    expect(await bench.ledger().rungCounts({ since: day, jobId: "other" })).toMatchObject([{ tries: 1 }, { tries: 1 }]);
    expect(await bench.ledger().rungCounts({ since: 2 * day })).toEqual([]);
    const withSimulated = await bench.ledger().rungCounts({ since: 0, simulated: true });
    expect(withSimulated.find((row) => row.model === "k2p5" && row.stream)?.tries).toBe(11);
  });

  test("healings tells what it took to get answers", async () => {
    await everyWay(bench);
    const counts = await bench.ledger().healings({ since: day });
    const told = Object.fromEntries(
      counts.map(({ by, calls, runs, extraTries, lostMs, lost, lostMicroUsd }) => [
        by,
        [calls, runs, extraTries, lostMs, lost.inputTokens ?? 0, lostMicroUsd],
      ]),
    );
    expect(told).toEqual({
      first: [1, 1, 0, 0, 0, 0],
      repair: [1, 1, 0, 0, 0, 0],
      again: [1, 1, 2, 1000, 200, 40],
      stream_off: [1, 1, 1, 500, 100, 20],
      fallback: [1, 1, 1, 500, 100, 20],
      none: [1, 1, 0, 0, 0, 0],
    });
    expect(counts.every((row) => row.provider === "kimi-coding" && row.model === "k2p5" && row.stream)).toBe(true);
    expect(await bench.ledger().healings({ since: 0, jobId: "simulated:job", simulated: true })).toMatchObject([
      { by: "again", calls: 1 },
    ]);
    expect(await bench.ledger().healings({ since: 0, jobId: "simulated:job" })).toEqual([]);
  });

  test("costs tells what runs used, by job, day and model, and which have no price", async () => {
    await everyWay(bench);
    expect(await bench.ledger().costs({ since: 0 })).toStrictEqual([
      {
        jobId: "job",
        jobName: "fpl-daily-check",
        day: "1970-01-02",
        model: "k2p5",
        runs: 4,
        failed: 0,
        usage: { inputTokens: 700 },
        costMicroUsd: 260,
        unpriced: 0,
      },
      {
        jobId: "job",
        jobName: "fpl-daily-check",
        day: "1970-01-02",
        model: "kimi-coding/k2p5",
        runs: 2,
        failed: 2,
        usage: { inputTokens: 100 },
        costMicroUsd: 0,
        unpriced: 1,
      },
      {
        jobId: "other",
        jobName: "fpl-daily-check",
        day: "1970-01-02",
        model: "k2p5",
        runs: 1,
        failed: 0,
        usage: { inputTokens: 200 },
        costMicroUsd: 20,
        unpriced: 0,
      },
      {
        jobId: "job",
        jobName: "fpl-daily-check",
        day: "1970-01-01",
        model: "k2p5",
        runs: 1,
        failed: 0,
        usage: { inputTokens: 100 },
        costMicroUsd: 50,
        unpriced: 0,
      },
    ]);
    expect(await bench.ledger().costs({ since: day, jobId: "other" })).toHaveLength(1);
    expect(await bench.ledger().costs({ since: day, jobId: "nobody" })).toEqual([]);
  });
}
