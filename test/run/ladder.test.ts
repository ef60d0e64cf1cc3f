import { describe, expect, test } from "vitest";
import { brokenStream, buildLadder, inWords, rungName } from "../../src/run/ladder.ts";

const kimi = { provider: "kimi-coding", model: "k2p5" };
const sonnet = { provider: "anthropic", model: "claude-sonnet-4-6" };
const now = Date.UTC(2026, 10, 22, 12);
const DAY = 86_400_000;
const memory = { ...kimi, fault: "stream_order" as const, notedAt: now - DAY, expiresAt: now + 6 * DAY };

const names = (plan: { rungs: readonly Parameters<typeof rungName>[0][] }): string[] => plan.rungs.map(rungName);

describe("the ladder", () => {
  test("auto asks each model streamed, then with streaming off", () => {
    expect(names(buildLadder({ models: [kimi, sonnet], stream: "auto", memories: [], now }))).toEqual([
      "kimi-coding/k2p5, streamed",
      "kimi-coding/k2p5, stream off",
      "anthropic/claude-sonnet-4-6, streamed",
      "anthropic/claude-sonnet-4-6, stream off",
    ]);
  });

  test("false never streams, true always does", () => {
    expect(buildLadder({ models: [kimi, sonnet], stream: false, memories: [memory], now })).toEqual({
      rungs: [
        { ...kimi, stream: false },
        { ...sonnet, stream: false },
      ],
      notes: [],
    });
    const streamed = buildLadder({ models: [kimi], stream: true, memories: [memory], now });
    expect(streamed.rungs).toEqual([{ ...kimi, stream: true }]);
    expect(streamed.notes).toEqual([expect.stringContaining("streamed all the same, because the job says stream: true")]);
  });

  test("a model whose stream broke lately starts with streaming off, and says so", () => {
    const plan = buildLadder({ models: [kimi, sonnet], stream: "auto", memories: [memory], now });
    expect(names(plan).slice(0, 3)).toEqual([
      "kimi-coding/k2p5, stream off",
      "kimi-coding/k2p5, streamed",
      "anthropic/claude-sonnet-4-6, streamed",
    ]);
    expect(plan.notes).toEqual([
      "kimi-coding/k2p5: the stream broke (stream_order) on 2026-11-21T12:00:00.000Z; starts with streaming off for another 6 d",
    ]);
  });

  test("a memory that has expired, or is another model's, changes nothing", () => {
    const clean = buildLadder({ models: [kimi], stream: "auto", memories: [], now });
    const others = [
      { ...memory, expiresAt: now },
      { ...memory, provider: "moonshot" },
      { ...memory, model: "k2" },
    ];
    expect(buildLadder({ models: [kimi], stream: "auto", memories: others, now })).toEqual(clean);
  });

  test("a model named twice keeps its first place", () => {
    const plan = buildLadder({ models: [kimi, sonnet, kimi], stream: true, memories: [], now });
    expect(plan.rungs.map((rung) => rung.model)).toEqual(["k2p5", "claude-sonnet-4-6"]);
    expect(plan.notes).toEqual(["kimi-coding/k2p5 is named more than once; its first place counts"]);
  });

  test("no model, no rung", () => {
    expect(buildLadder({ models: [], stream: "auto", memories: [], now })).toEqual({ rungs: [], notes: [] });
  });
});

describe("what is remembered", () => {
  const streamed = { ...kimi, stream: true };

  test("a broken stream, with an expiry that outlives the next daily run", () => {
    const note = brokenStream(streamed, "stream_order", now);
    expect(note).toMatchObject({ ...kimi, fault: "stream_order", notedAt: now });
    expect((note?.expiresAt ?? 0) - now).toBeGreaterThan(DAY);
  });

  test("nothing of a rung without streaming, nothing of other faults", () => {
    expect(brokenStream({ ...streamed, stream: false }, "stream_order", now)).toBeUndefined();
    expect(brokenStream(streamed, "overloaded", now)).toBeUndefined();
    expect(brokenStream(streamed, "stream_stall", now)).toBeUndefined();
  });
});

test("durations read like people write them", () => {
  expect([5, 999, 1_000, 2_500, 119_000, 1_200_000, 10_800_000, 604_800_000].map(inWords)).toEqual([
    "5 ms",
    "999 ms",
    "1 s",
    "2.5 s",
    "119 s",
    "20 min",
    "3 h",
    "7 d",
  ]);
});
