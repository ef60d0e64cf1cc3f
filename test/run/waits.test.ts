import { describe, expect, test } from "vitest";
import { standardRetry } from "../../src/run/backoff.ts";
import { inWords, rungName, type Rung } from "../../src/run/ladder.ts";
import { nextStep, type StepPolicy, type TryRecord } from "../../src/run/next-step.ts";
import { climb, ladderOf, limitedFor, policy, say, twoModels, type Failure } from "./climb.ts";

const bothOverloaded = (endedAt: number): TryRecord[] => [
  {
    rung: { provider: "kimi", model: "k2p5", stream: true },
    startedAt: 0,
    endedAt: 0,
    fault: "overloaded",
    retryAfterMs: 300_000,
  },
  { rung: { provider: "anthropic", model: "sonnet", stream: true }, startedAt: 0, endedAt, fault: "overloaded" },
];

const within = (history: readonly TryRecord[], ladder: readonly Rung[], callMs: number, now: number): number | undefined => {
  const limits = { ...policy.limits, callMs };
  const step = nextStep(history, ladder, { ...policy, limits, callStartedAt: 0 }, now, 0);
  return step.kind === "try" ? step.withinMs : undefined;
};

describe("waits", () => {
  test("a Retry-After is a minimum, with up to a quarter more", () => {
    const failure: Failure = { fault: "overloaded", retryAfterMs: 40_000 };
    const at = (random: number): string | undefined => climb(twoModels, [failure], policy, random).said[1];
    expect([at(0), at(0.5), at(1)]).toEqual([
      "kimi/k2p5, streamed +40000",
      "kimi/k2p5, streamed +45000",
      "kimi/k2p5, streamed +50000",
    ]);
  });

  test("one that is longer than the limit goes to the next model, and says so", () => {
    const { steps } = climb(twoModels, [{ fault: "overloaded", retryAfterMs: 601_000 }, { fault: "bad_request" }]);
    expect(steps[1]).toMatchObject({
      rung: { provider: "anthropic" },
      waitMs: 0,
      why: expect.stringContaining("kimi/k2p5, streamed is passed over: a wait of 10 min is too long (limits.maxWait)"),
    });
    const alone = climb(ladderOf("auto", "kimi/k2p5"), [{ fault: "overloaded", retryAfterMs: 601_000 }]);
    expect(alone.steps.at(-1)).toEqual({
      kind: "give_up",
      fault: "overloaded",
      retryAfterMs: 601_000,
      why: "kimi/k2p5, streamed is passed over: a wait of 10 min is too long (limits.maxWait); no rung may be tried within the limits",
    });
  });

  test("one that is longer than what is left of the call does the same", () => {
    const short = { ...policy, limits: { ...policy.limits, callMs: 30_000 } };
    const { steps } = climb(ladderOf("auto", "kimi/k2p5"), [{ fault: "overloaded", retryAfterMs: 40_000 }], short);
    expect(steps.at(-1)).toMatchObject({
      kind: "give_up",
      fault: "overloaded",
      why: expect.stringContaining("(limits.call)"),
    });
  });

  test("nobody sleeps longer than 60 s while another open rung waits less", () => {
    const { steps, said } = climb(twoModels, [limitedFor(300_000), { fault: "bad_request" }]);
    expect(said[1]).toBe("anthropic/sonnet, streamed +0");
    expect(steps[1]).toMatchObject({
      why: "kimi/k2p5, streamed is passed over: a wait of 5 min is too long (another rung waits less); next model after rate_limit on kimi/k2p5",
    });
    expect(climb(twoModels, [limitedFor(60_000)], policy, 1).said[1]).toBe("kimi/k2p5, streamed +60000");
    // Of two that both wait long, the shorter; alone, the whole wait up to maxWaitMs.
    const both = climb(ladderOf(true, "kimi/k2p5", "anthropic/sonnet"), [limitedFor(300_000), limitedFor(90_000)]).said;
    expect(both.slice(1, 3)).toEqual(["anthropic/sonnet, streamed +0", "anthropic/sonnet, streamed +90000"]);
    expect(climb(ladderOf("auto", "kimi/k2p5"), [limitedFor(300_000)]).said[1]).toBe("kimi/k2p5, streamed +300000");
  });

  test("a rung that was passed over is asked again once its wait is short", () => {
    const ladder = ladderOf(true, "kimi/k2p5", "anthropic/sonnet");
    const early = nextStep(bothOverloaded(10_000), ladder, policy, 10_000, 0);
    expect([say(early)]).toEqual(["anthropic/sonnet, streamed +5000"]);
    const gone: TryRecord = { rung: ladder[1] ?? ladder[0]!, startedAt: 0, endedAt: 250_000, fault: "model_gone" };
    expect(say(nextStep([...bothOverloaded(10_000), gone], ladder, policy, 250_000, 0))).toBe("kimi/k2p5, streamed +50000");
  });

  test("x-should-retry overrides the table, within reason", () => {
    expect(climb(ladderOf(true, "kimi/k2p5"), [{ fault: "bad_request", shouldRetry: true }]).said).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +0",
      "gave up: bad_request",
    ]);
    expect(climb(twoModels, [{ fault: "overloaded", shouldRetry: false }, { fault: "bad_request" }]).said).toEqual([
      "kimi/k2p5, streamed +0",
      "anthropic/sonnet, streamed +0",
      "gave up: bad_request",
    ]);
  });

  test("what a person set in retry wins over the table", () => {
    const set = {
      ...policy,
      retry: { ...standardRetry, delayMs: 100, factor: 3, maxDelayMs: 500, set: ["delay", "factor", "maxDelay"] as const },
    };
    expect(climb(twoModels, [{ fault: "overloaded" }], set).said.slice(1, 4)).toEqual([
      "kimi/k2p5, streamed +100",
      "kimi/k2p5, streamed +300",
      "kimi/k2p5, streamed +500",
    ]);
    const onlyCapped = { ...policy, retry: { ...standardRetry, maxDelayMs: 6_000, set: ["maxDelay"] as const } };
    expect(climb(twoModels, [{ fault: "overloaded" }], onlyCapped).said.slice(1, 3)).toEqual([
      "kimi/k2p5, streamed +5000",
      "kimi/k2p5, streamed +6000",
    ]);
    const noJitter = { ...policy, retry: { ...standardRetry, jitter: 0 } };
    expect(climb(twoModels, [{ fault: "overloaded" }], noJitter, 1).said[1]).toBe("kimi/k2p5, streamed +5000");
  });

  test("the call's time ends it", () => {
    const history: TryRecord[] = [
      { rung: { provider: "kimi", model: "k2p5", stream: true }, startedAt: 0, endedAt: 1_200_000, fault: "stream_stall" },
    ];
    expect(nextStep(history, twoModels, policy, 1_200_000, 0)).toMatchObject({
      kind: "give_up",
      fault: "stream_stall",
      why: "the call's time of 20 min is used up (limits.call)",
    });
  });

  test("a silent model leaves the next one its share of the call's time", () => {
    const history: TryRecord[] = [];
    let now = 0;
    const said: string[] = [];
    // As at default limits: 120 s of silence for a streamed try, 600 s for one without streaming.
    for (let tries = 0; tries < 6; tries++) {
      const step = nextStep(history, twoModels, policy, now, 0);
      if (step.kind === "give_up") break;
      said.push(`${inWords(now)}: ${rungName(step.rung)}`);
      const startedAt = now + step.waitMs;
      now = Math.min(startedAt + (step.rung.stream ? 120_000 : 600_000), policy.limits.callMs);
      history.push({ rung: step.rung, startedAt, endedAt: now, fault: step.rung.stream ? "stream_stall" : "timeout" });
    }
    expect(said).toEqual([
      "0 ms: kimi/k2p5, streamed",
      "2 min: kimi/k2p5, streamed",
      "4 min: kimi/k2p5, stream off",
      // Not the second try without streaming, which the table would allow.
      "14.1 min: anthropic/sonnet, streamed",
      "16.1 min: anthropic/sonnet, streamed",
      "18.1 min: anthropic/sonnet, stream off",
    ]);
    const single = ladderOf(false, "kimi/k2p5");
    const timedOut: TryRecord = {
      rung: { provider: "kimi", model: "k2p5", stream: false },
      startedAt: 0,
      endedAt: 900_000,
      fault: "timeout",
    };
    expect(nextStep([timedOut], single, policy, 900_000, 0)).toMatchObject({ kind: "try", waitMs: 5_000 });
  });

  test("a model that was not asked yet keeps its time: half of what is left, at most two minutes", () => {
    expect(within([], twoModels, 4_500, 0)).toBe(2_250);
    expect(within([], twoModels, 1_200_000, 0)).toBe(1_080_000);
    expect(within([], ladderOf("auto", "kimi/k2p5"), 4_500, 100)).toBe(4_400);
    const silent: TryRecord = { rung: twoModels[0]!, startedAt: 0, endedAt: 2_250, fault: "timeout" };
    // The last model of the ladder may take all the rest.
    expect(within([silent], twoModels, 4_500, 2_250)).toBe(2_250);
    expect(nextStep([silent], twoModels, { ...policy, limits: { ...policy.limits, callMs: 4_500 } }, 2_250, 0)).toMatchObject({
      rung: { provider: "anthropic" },
      waitMs: 0,
    });
  });

  test("an attempt without time left asks nobody, and names its limit", () => {
    const none = { ...policy, limits: { ...policy.limits, callMs: -20 }, callLimit: "payload.timeoutSeconds", callStartedAt: 5 };
    expect(nextStep([], twoModels, none, 5, 0)).toEqual({
      kind: "give_up",
      fault: "timeout",
      why: "the call's time of 0 ms is used up (payload.timeoutSeconds)",
    });
  });

  test("a reason is told on one line, short, and without what steers a terminal", () => {
    const { steps } = climb(twoModels, [
      { fault: "overloaded", reason: `\u001b[2J busy\r\nplease\u2028wait ${"x".repeat(500)}` },
    ]);
    const why = steps[1]?.why ?? "";
    expect(why).toMatch(/^same rung again after overloaded \(\[2J busy please wait x+\)$/);
    expect(why.length).toBeLessThan(150);
  });

  test("no ladder is our own mistake", () => {
    expect(nextStep([], [], policy, 0, 0)).toMatchObject({ kind: "give_up", fault: "internal" });
  });
});

describe("onRateLimit", () => {
  const wait: StepPolicy = { ...policy, onRateLimit: "wait" };
  const defer: StepPolicy = { ...policy, onRateLimit: "defer" };

  test("wait: the same model, however long within the limits, although another would be free; then what else goes wrong goes on as ever", () => {
    const limited = limitedFor(300_000);
    expect(climb(twoModels, [limited, limited, { fault: "model_gone" }, { fault: "bad_request" }], wait).said).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +300000",
      "kimi/k2p5, streamed +300000",
      "anthropic/sonnet, streamed +0",
      "gave up: bad_request",
    ]);
    // Not only as often as the table would, but until the call's time is used up; then the run goes on with the limit's time.
    const { said } = climb(twoModels, [limitedFor(1_000)], wait);
    expect([said.length, said.at(-1)]).toEqual([9, "gave up: rate_limit"]);
  });

  test("wait: what is longer than the job allows ends the call with its time, and asks nobody else", () => {
    const { said, steps } = climb(twoModels, [limitedFor(7_200_000)], wait);
    expect(said).toEqual(["kimi/k2p5, streamed +0", "gave up: rate_limit"]);
    expect(steps.at(-1)).toEqual({
      kind: "give_up",
      fault: "rate_limit",
      retryAfterMs: 7_200_000,
      why: "a wait of 2 h is too long (limits.maxWait; onRateLimit: wait)",
    });
    expect(climb(twoModels, [{ fault: "quota_window" }], wait).steps.at(-1)).toEqual({
      kind: "give_up",
      fault: "quota_window",
      why: "nobody said when the window opens (onRateLimit: wait)",
    });
    expect(climb(twoModels, [{ ...limitedFor(1_000), shouldRetry: false }], wait).said.at(-1)).toBe("gave up: rate_limit");
  });

  test("wait: a stream that came out of order is not asked again for a limit's sake", () => {
    const failures: Failure[] = [{ fault: "stream_order", shouldRetry: true }, limitedFor(10_000)];
    expect(climb(ladderOf("auto", "kimi/k2p5"), failures, wait).said.slice(1, 3)).toEqual([
      "kimi/k2p5, streamed +2000",
      "kimi/k2p5, stream off +10000",
    ]);
  });

  test("defer: the call ends with the time; an overload only if it names one", () => {
    expect(climb(twoModels, [limitedFor(30_000)], defer).steps.at(-1)).toEqual({
      kind: "give_up",
      fault: "rate_limit",
      retryAfterMs: 30_000,
      why: "the job does not wait, and asks no other model (onRateLimit: defer)",
    });
    expect(climb(twoModels, [{ fault: "overloaded", retryAfterMs: 5_000 }], defer).said.at(-1)).toBe("gave up: overloaded");
    expect(climb(twoModels, [{ fault: "overloaded" }], defer).said.length).toBeGreaterThan(5);
  });
});
