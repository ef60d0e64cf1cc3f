import { describe, expect, test } from "vitest";
import { buildLadder } from "../../src/run/ladder.ts";
import { climb, ladderOf, policy, twoModels, type Failure } from "./climb.ts";

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
