import { describe, expect, test } from "vitest";
import { planDryRun } from "../../src/engine/dry-run.ts";
import { planRun } from "../../src/engine/plan.ts";
import { worstCase, type Failing, type TimetableRow } from "../../src/engine/timetable.ts";
import type { Job, JobLimits, RetryPolicy } from "../../src/job/job.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import { buildLadder, inWords, rungName } from "../../src/run/ladder.ts";

const standard: JobLimits = {
  firstByteMs: 120_000,
  idleMs: 120_000,
  tryMs: 600_000,
  callMs: 1_200_000,
  attemptMs: 1_800_000,
  runMs: 3_600_000,
  triesPerCall: 12,
  callsPerAttempt: 50,
  maxWaitMs: 600_000,
  deferMs: 86_400_000,
  outputBytes: 1_048_576,
};

function job(limits: Partial<JobLimits> = {}, retry: Partial<RetryPolicy> = {}): Job {
  return {
    id: "job",
    name: "job",
    enabled: true,
    schedule: { kind: "manual" },
    payload: { kind: "agentTurn", message: "hi", stream: "auto", maxTokens: 100, model: "kimi/k2p5", fallbacks: [] },
    retry: { ...standardRetry, jitter: 0, ...retry },
    limits: { ...standard, ...limits },
    idempotent: false,
    source: { file: "job.json", line: 1 },
  };
}

const models = ["kimi", "anthropic"].map((provider) => ({ provider, model: "m" }));
const ladder = buildLadder({ models, stream: "auto", memories: [], now: 0 }).rungs;
const atOnce: Failing = () => ({ fault: "stream_order", tookMs: 0 });
const say = (rows: readonly TimetableRow[]): string[] =>
  rows.map(({ atMs, rung, why }) => `${inWords(atMs)}: ${rung === undefined ? why : rungName(rung)}`);

describe("the worst case", () => {
  test("goes on after the call, through every attempt the job has, up to the run's end", () => {
    const rows = say(worstCase(job({ triesPerCall: 3 }), ladder, atOnce));
    expect(rows).toEqual([
      "0 ms: kimi/m, streamed",
      "2 s: kimi/m, stream off",
      "2 s: anthropic/m, streamed",
      "2 s: given up: the call has used all its tries (limits.triesPerCall: 3)",
      "7 s: attempt 2 of 3 after stream_order: the same 3 tries once more",
      "19 s: attempt 3 of 3 after stream_order: the same 3 tries once more",
      "21 s: the run ends as failed: stream_order: all 3 attempts are used (retry.maxAttempts)",
    ]);
  });

  test("has no second attempt where the job allows none", () => {
    const rows = say(worstCase(job({ triesPerCall: 1 }, { maxAttempts: 1 }), ladder, atOnce));
    expect(rows.slice(1)).toEqual([
      "0 ms: given up: the call has used all its tries (limits.triesPerCall: 1)",
      "0 ms: the run ends as failed: stream_order: all 1 attempts are used (retry.maxAttempts)",
    ]);
  });

  test("knows a short attempt: its calls end before it, and the fallback is asked", () => {
    const { silent } = planDryRun(job({ attemptMs: 5_000 }, { maxAttempts: 2 }), ladder, 0, "UTC");
    expect(say(silent)).toEqual([
      "0 ms: kimi/m, streamed",
      "2.3 s: anthropic/m, streamed",
      "4.5 s: given up: the call's time of 4.5 s is used up (payload.timeoutSeconds)",
      "9.5 s: attempt 2 of 2 after timeout: the same 2 tries once more",
      "14 s: the run ends as timed_out: timeout: all 2 attempts are used (retry.maxAttempts)",
    ]);
  });

  test("knows the run's limit: the last attempt gets what is left, and what does not fit is not begun", () => {
    const { silent } = planDryRun(job({ attemptMs: 60_000, runMs: 100_000, triesPerCall: 2 }), ladder, 0, "UTC");
    const rows = say(silent);
    expect(silent.every(({ atMs }) => atMs <= 100_000)).toBe(true);
    expect(rows).toContain("58 s: given up: the call has used all its tries (limits.triesPerCall: 2)");
    // 37 s are left of the run for the second attempt, and its tries are shorter than the first one's.
    expect(rows.slice(3)).toEqual([
      "63 s: attempt 2 of 3 after timeout",
      "63 s: kimi/m, streamed",
      "80.5 s: anthropic/m, streamed",
      "98 s: given up: the call has used all its tries (limits.triesPerCall: 2)",
      "98 s: the run ends as timed_out: timeout: a wait of 10 s is longer than what is left of the run (limits.run)",
    ]);
  });

  test("of silence: a streamed try ends with its first-byte limit, any other with the try's", () => {
    const { silent, limits } = planDryRun(job({}, { maxAttempts: 1 }), ladder.slice(0, 2), 0, "UTC");
    expect(say(silent).slice(0, 3)).toEqual(["0 ms: kimi/m, streamed", "2 min: kimi/m, streamed", "4.1 min: kimi/m, stream off"]);
    expect(limits.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["fixed: longSleep", "fixed: nextModel", "limits.run"]),
    );
  });
});

describe("the plan", () => {
  const parts = {
    ledger: undefined,
    clock: { now: () => 0, monotonic: () => 0, sleep: async () => {} },
    simulated: false,
    resolveModel: (name: string) => ({ provider: name.split("/")[0] ?? "", model: "m", dialect: "anthropic-messages" as const }),
    defaults: { model: undefined, fallbacks: [] },
  };

  test("says when a job names a model twice, and not when --model names the job's own", async () => {
    const twice = { ...job(), payload: { ...job().payload, model: "kimi/m", fallbacks: ["anthropic/m", "kimi/m"] } };
    const plan = await planRun(parts, twice, {});
    expect(plan.notes).toEqual(["kimi/m is named more than once; its first place counts"]);
    expect(plan.ladder).toHaveLength(4);
    const own = { ...job(), payload: { ...job().payload, model: "kimi/m", fallbacks: ["anthropic/m"] } };
    expect((await planRun(parts, own, { model: "anthropic/m" })).notes).toEqual([]);
    expect((await planRun(parts, own, { model: "anthropic/m" })).ladder.map(({ provider }) => provider)).toEqual([
      "anthropic",
      "anthropic",
      "kimi",
      "kimi",
    ]);
  });
});

const named = (one: Job): string[] =>
  planDryRun(one, ladder, 0, "UTC").limits.map(({ name, value, unit }) => `${name} ${value} ${unit}`);

test("a job that asks no model has no worst case", () => {
  const command: Job = { ...job(), payload: { kind: "command", argv: ["true"], noOutputMs: 1_500 } };
  expect(worstCase(command, [], atOnce)).toEqual([]);
  expect(named(command)).toEqual([
    "payload.noOutputTimeoutSeconds 1500 ms",
    "payload.timeoutSeconds 1800000 ms",
    "limits.run 3600000 ms",
    "limits.maxWait 600000 ms",
    "limits.defer 86400000 ms",
    "limits.outputBytes 1048576 bytes",
    "retry.maxAttempts 3 count",
  ]);
});

test("the worst case ends with the budget of time", () => {
  const rows = worstCase({ ...job({ triesPerCall: 1 }), budget: { ms: 8_000 } }, ladder, atOnce);
  expect(rows.at(-1)).toEqual({
    atMs: 5_000,
    why: "the run ends as failed: stream_order: a wait of 10 s is longer than what is left of the run (limits.seconds)",
  });
});

describe("the limits that are told", () => {
  test("how often a turn with tools may ask is among them", () => {
    const granted: Job = {
      ...job(),
      payload: {
        ...job().payload,
        kind: "agentTurn",
        message: "hi",
        stream: "auto",
        maxTokens: 1,
        tools: { files: { access: "ro" } },
      },
    };
    expect(named(granted)).toContain("payload.maxTurns 30 count");
  });

  test("a budget is among them, as far as the job sets one", () => {
    expect(named({ ...job(), budget: { tokens: 5_000, usd: 0.5, ms: 60_000 } }).slice(-3)).toEqual([
      "limits.tokens 5000 count",
      "limits.usd 0.5 dollars",
      "limits.seconds 60000 ms",
    ]);
    expect(named(job()).filter((line) => /limits\.(?:tokens|usd|calls|turns|seconds) /.test(line))).toEqual([]);
  });
});
