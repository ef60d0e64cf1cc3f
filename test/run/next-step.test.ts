import { describe, expect, test } from "vitest";
import { standardRetry } from "../../src/run/backoff.ts";
import { buildLadder, inWords, rungName, type Rung } from "../../src/run/ladder.ts";
import { nextStep, type Step, type StepPolicy, type TryRecord } from "../../src/run/next-step.ts";
import type { OpenModel } from "../../src/run/step.ts";

const policy: StepPolicy = { retry: standardRetry, limits: { triesPerCall: 12, callMs: 1_200_000, maxWaitMs: 600_000 } };
const ladderOf = (stream: boolean | "auto", ...names: string[]): readonly Rung[] => {
  const models = names.map((name) => ({ provider: name.split("/")[0] ?? "", model: name.split("/")[1] ?? "" }));
  return buildLadder({ models, stream, memories: [], now: 0 }).rungs;
};
const twoModels = ladderOf("auto", "kimi/k2p5", "anthropic/sonnet");

type Failure = Pick<TryRecord, "fault"> & Partial<Omit<TryRecord, "rung" | "startedAt" | "endedAt">>;

const say = (step: Step): string => (step.kind === "try" ? `${rungName(step.rung)} +${step.waitMs}` : `gave up: ${step.fault}`);

/** Climbs the ladder with one failure after another, each try taking a second; says each step as `rung +wait`. */
function climb(
  ladder: readonly Rung[],
  failures: readonly Failure[],
  given: StepPolicy = policy,
  random = 0,
): { said: string[]; steps: Step[] } {
  const history: TryRecord[] = [];
  const steps: Step[] = [];
  let now = 0;
  for (let at = 0; ; at++) {
    const step = nextStep(history, ladder, given, now, random);
    steps.push(step);
    const failure = failures[Math.min(at, failures.length - 1)];
    if (step.kind === "give_up" || at > 50 || failure === undefined) break;
    const startedAt = now + step.waitMs;
    now = startedAt + 1_000;
    history.push({ ...failure, rung: step.rung, startedAt, endedAt: now });
  }
  return { said: steps.map(say), steps };
}

describe("the climb", () => {
  test("a stream out of order: streaming off at once, then the next model, then the same without streaming", () => {
    expect(climb(twoModels, [{ fault: "stream_order" }]).said.slice(0, 5)).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, stream off +2000",
      "anthropic/sonnet, streamed +0",
      "anthropic/sonnet, stream off +2000",
      // Starting over leaves the streams alone that came out of order.
      // The model's pause of 4 s has passed meanwhile.
      "kimi/k2p5, stream off +0",
    ]);
  });

  test("a broken stream: once more as it was, then streaming off, then the next model", () => {
    expect(climb(twoModels, [{ fault: "stream_broken", reason: "truncated" }]).said.slice(0, 5)).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +2000",
      "kimi/k2p5, stream off +4000",
      "anthropic/sonnet, streamed +0",
      "anthropic/sonnet, streamed +2000",
    ]);
  });

  test("the same protocol error twice on one model moves on, whatever tries are left", () => {
    const failures: Failure[] = [
      { fault: "stream_order", reason: "restarted_message" },
      { fault: "stream_broken", reason: "truncated" },
    ];
    const twice = [...failures, { fault: "stream_broken", reason: "truncated" } as const];
    expect(climb(twoModels, twice).said.slice(1, 4)).toEqual([
      "kimi/k2p5, stream off +2000",
      "kimi/k2p5, stream off +2000",
      "anthropic/sonnet, streamed +0",
    ]);
    const same: Failure[] = [
      { fault: "stream_order", reason: "truncated" },
      { fault: "stream_broken", reason: "truncated" },
    ];
    expect(climb(twoModels, same).said.slice(1, 3)).toEqual(["kimi/k2p5, stream off +2000", "anthropic/sonnet, streamed +0"]);
  });

  test("an overloaded model gets three more tries and no try without streaming, then the next", () => {
    expect(climb(twoModels, [{ fault: "overloaded" }]).said.slice(0, 6)).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +5000",
      "kimi/k2p5, streamed +10000",
      "kimi/k2p5, streamed +20000",
      "anthropic/sonnet, streamed +0",
      "anthropic/sonnet, streamed +5000",
    ]);
  });

  test("a stream that came out of order is not tried again for another fault's sake", () => {
    const failures: Failure[] = [{ fault: "stream_order", shouldRetry: true }, { fault: "rate_limit" }];
    expect(climb(ladderOf("auto", "kimi/k2p5"), failures).said.slice(0, 4)).toEqual([
      "kimi/k2p5, streamed +0",
      // The provider demanded it.
      "kimi/k2p5, streamed +2000",
      "kimi/k2p5, stream off +10000",
      "kimi/k2p5, stream off +20000",
    ]);
  });

  test("streamed only: the stream is tried again until the tries are used", () => {
    const { said, steps } = climb(ladderOf(true, "kimi/k2p5"), [{ fault: "stream_order" }]);
    expect(said).toHaveLength(13);
    expect(said.at(-1)).toBe("gave up: stream_order");
    expect(steps.at(-1)).toMatchObject({ why: "the call has used all its tries (limits.triesPerCall: 12)" });
  });

  test("an unknown fault: once more, every other model as often, no starting over", () => {
    expect(climb(twoModels, [{ fault: "unknown" }]).said).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +10000",
      "anthropic/sonnet, streamed +0",
      "anthropic/sonnet, streamed +10000",
      "gave up: unknown",
    ]);
    const mixed: Failure[] = [{ fault: "unknown" }, { fault: "unknown" }, { fault: "overloaded" }];
    expect(
      climb(twoModels, mixed)
        .said.slice(2)
        .filter((step) => step.startsWith("kimi")),
    ).toEqual([]);
  });

  test("a try that is not worth repeating stops the call", () => {
    for (const fault of ["bad_request", "content_policy", "internal", "aborted"] as const) {
      expect(climb(twoModels, [{ fault }]).said).toEqual(["kimi/k2p5, streamed +0", `gave up: ${fault}`]);
    }
  });

  test("starting over takes the models whose fault may pass", () => {
    const failures: Failure[] = [{ fault: "model_gone" }, { fault: "stream_order" }, { fault: "server" }];
    const { said } = climb(twoModels, failures);
    expect(said.slice(0, 3)).toEqual([
      "kimi/k2p5, streamed +0",
      "anthropic/sonnet, streamed +0",
      "anthropic/sonnet, stream off +2000",
    ]);
    expect(said.slice(3, -1).every((step) => step.startsWith("anthropic/sonnet, stream off"))).toBe(true);
    expect(said.at(-1)).toBe("gave up: server");
    expect(said).toHaveLength(13);
  });
});

describe("keys, accounts and models", () => {
  const three = ladderOf(true, "kimi/k2p5", "kimi/k2", "anthropic/sonnet");

  test.each(["billing", "auth", "permission", "quota_window"] as const)("%s passes over every rung of the provider", (fault) => {
    expect(climb(three, [{ fault }, { fault: "bad_request" }]).said).toEqual([
      "kimi/k2p5, streamed +0",
      "anthropic/sonnet, streamed +0",
      "gave up: bad_request",
    ]);
  });

  test.each(["model_gone", "context_overflow", "output_truncated"] as const)(
    "%s passes over the model, not the provider",
    (fault) => {
      const auto = ladderOf("auto", "kimi/k2p5", "kimi/k2");
      expect(climb(auto, [{ fault }]).said).toEqual(["kimi/k2p5, streamed +0", "kimi/k2, streamed +0", `gave up: ${fault}`]);
    },
  );

  test("a plan's window that opens soon is waited for once; one that opens late is not", () => {
    expect(climb(three, [{ fault: "quota_window", retryAfterMs: 60_000 }]).said).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +60000",
      "anthropic/sonnet, streamed +0",
      "anthropic/sonnet, streamed +60000",
      "gave up: quota_window",
    ]);
    const { said, steps } = climb(three, [{ fault: "quota_window", retryAfterMs: 10_800_000 }]);
    expect(said).toEqual(["kimi/k2p5, streamed +0", "anthropic/sonnet, streamed +0", "gave up: quota_window"]);
    expect(steps.at(-1)).toMatchObject({ kind: "give_up", retryAfterMs: 10_799_000 });
  });

  test("a rate limit is the key's: its other models wait too, another provider does not", () => {
    const limited: Failure = { fault: "rate_limit", retryAfterMs: 30_000 };
    const rows = climb(ladderOf(true, "kimi/k2p5", "kimi/k2"), [limited, limited, limited, limited, { fault: "server" }]).said;
    expect(rows.slice(1, 6)).toEqual([
      "kimi/k2p5, streamed +30000",
      "kimi/k2p5, streamed +30000",
      "kimi/k2p5, streamed +40000",
      "kimi/k2, streamed +80000",
      "kimi/k2, streamed +2000",
    ]);
    expect(climb(ladderOf(true, "kimi/k2p5", "anthropic/sonnet"), [limited]).said[4]).toBe("anthropic/sonnet, streamed +0");
  });

  test("the fault of the whole call is the one with the most hope", () => {
    const { said } = climb(
      twoModels,
      [{ fault: "overloaded" }, { fault: "overloaded" }, { fault: "overloaded" }, { fault: "overloaded" }, { fault: "auth" }],
      {
        ...policy,
        limits: { ...policy.limits, triesPerCall: 5 },
      },
    );
    expect(said.at(-1)).toBe("gave up: overloaded");
    expect(climb(twoModels, [{ fault: "model_gone" }, { fault: "auth" }]).said.at(-1)).toBe("gave up: auth");
  });

  test("a provider that refuses streaming off is asked streamed again; a request that is refused both ways is not", () => {
    const off: Failure[] = [{ fault: "stream_order" }, { fault: "bad_request" }, { fault: "stream_order" }];
    expect(climb(ladderOf("auto", "kimi/k2p5"), off).said.slice(0, 4)).toEqual([
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, stream off +2000",
      "kimi/k2p5, streamed +0",
      "kimi/k2p5, streamed +4000",
    ]);
    const remembered = buildLadder({
      models: [{ provider: "kimi", model: "k2p5" }],
      stream: "auto",
      memories: [{ provider: "kimi", model: "k2p5", fault: "stream_order", notedAt: 0, expiresAt: 9 }],
      now: 1,
    }).rungs;
    expect(climb(remembered, [{ fault: "bad_request" }]).said).toEqual([
      "kimi/k2p5, stream off +0",
      "kimi/k2p5, streamed +0",
      "gave up: bad_request",
    ]);
  });
});

const limitedFor = (retryAfterMs: number): Failure => ({ fault: "rate_limit", retryAfterMs });

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
    const within = (history: readonly TryRecord[], ladder: readonly Rung[], callMs: number, now: number): number | undefined => {
      const limits = { ...policy.limits, callMs };
      const step = nextStep(history, ladder, { ...policy, limits, callStartedAt: 0 }, now, 0);
      return step.kind === "try" ? step.withinMs : undefined;
    };
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

const openModel = (name: string, fault: OpenModel["fault"], until: number): OpenModel => {
  const [provider = "", model = ""] = name.split("/");
  return { provider, model, notedAt: 0, until, fault, why: `left alone after ${fault}` };
};
const first = (open: readonly OpenModel[], more: Partial<StepPolicy> = {}): Step =>
  nextStep([], twoModels, { ...policy, open, ...more }, 0, 0);

describe("models that are left alone", () => {
  test("a limit that other runs have met is waited for, or ends the call, as the job says", () => {
    const open = [openModel("kimi/k2p5", "quota_window", 90_000)];
    expect(say(first(open))).toBe("anthropic/sonnet, streamed +0");
    expect(say(first(open, { onRateLimit: "wait" }))).toBe("kimi/k2p5, streamed +90000");
    expect(first(open, { onRateLimit: "defer" })).toMatchObject({ fault: "quota_window", retryAfterMs: 90_000 });
    const { why } = first(open, { onRateLimit: "defer" });
    expect(why.match(/kimi\/k2p5 is /g)).toHaveLength(1);
    const long = [openModel("kimi/k2p5", "rate_limit", 7_200_000)];
    expect(first(long, { onRateLimit: "wait" })).toMatchObject({ kind: "give_up", fault: "rate_limit", retryAfterMs: 7_200_000 });
    // What is no limit is passed over, as ever; and a limit of a model that nobody would ask says nothing.
    expect(say(first([openModel("kimi/k2p5", "server", 90_000)], { onRateLimit: "wait" }))).toBe("anthropic/sonnet, streamed +0");
    expect(say(first([openModel("anthropic/sonnet", "rate_limit", 90_000)], { onRateLimit: "defer" }))).toBe(
      "kimi/k2p5, streamed +0",
    );
  });

  test("a window of hours at the first model does not hide that the fallback may be back in seconds", () => {
    const { steps } = climb(twoModels, [{ fault: "quota_window", retryAfterMs: 10_800_000 }, { fault: "server" }]);
    expect(steps.at(-1)).toMatchObject({ kind: "give_up", fault: "server" });
    const both = climb(twoModels, [{ fault: "quota_window", retryAfterMs: 10_800_000 }, limitedFor(3_600_000)]);
    expect(both.steps.at(-1)).toMatchObject({ kind: "give_up", fault: "rate_limit", retryAfterMs: 3_600_000 });
    const broken = climb(twoModels, [limitedFor(3_600_000), { fault: "model_gone" }]);
    expect(broken.steps.at(-1)).toMatchObject({ kind: "give_up", fault: "rate_limit", retryAfterMs: 3_599_000 });
  });

  test("providers of one quota are told later together; the network is the address's alone", () => {
    const shared: StepPolicy = { ...policy, quotaOf: () => "plan" };
    const three = ladderOf(true, "kimi/k2p5", "moonshot/k2", "moonshot/k3");
    expect(climb(three, [{ fault: "billing" }], shared).said).toEqual(["kimi/k2p5, streamed +0", "gave up: billing"]);
    const limited = climb(three, [limitedFor(30_000), limitedFor(30_000), limitedFor(30_000), limitedFor(30_000)], shared).said;
    expect(limited[4]).toBe("moonshot/k2, streamed +80000");
    const four: Failure[] = Array.from({ length: 4 }, () => ({ fault: "network" }));
    expect(climb(three, four, shared).said[4]).toBe("moonshot/k2, streamed +0");
  });
});
