/** What is concluded from many runs: rates with their intervals, and suggestions that chance cannot explain. */
import { describe, expect, it } from "vitest";
import { judge, rateWords } from "../../src/cli/judgement.ts";
import type { HealingCount, RungCount } from "../../src/ledger/ledger.ts";

function rung(facts: Partial<RungCount> = {}): RungCount {
  const { tries = 10, answered = 10, firstTries = tries, firstAnswered = answered } = facts;
  return {
    provider: "kimi-coding",
    model: "k2p5",
    stream: true,
    repaired: 0,
    faults: {},
    usage: {},
    costMicroUsd: 0,
    unpriced: 0,
    ...facts,
    tries,
    answered,
    firstTries,
    firstAnswered,
  };
}
function healing(facts: Partial<HealingCount> & Pick<HealingCount, "by" | "calls">): HealingCount {
  return {
    provider: "kimi-coding",
    model: "k2p5",
    stream: true,
    runs: facts.calls,
    extraTries: 0,
    lostMs: 0,
    lost: {},
    lostMicroUsd: 0,
    ...facts,
  };
}
const changes = (...counts: readonly RungCount[]): unknown[] => judge(counts, []).suggestions.map(({ change }) => change);

describe("a judgement", () => {
  it("adds up what is known of a model, streamed or not", () => {
    const { models } = judge(
      [
        rung({ tries: 100, answered: 20, firstTries: 60, firstAnswered: 12, faults: { stream_order: 70, overloaded: 10 } }),
        rung({ stream: false, tries: 40, answered: 38, firstTries: 0, firstAnswered: 0, faults: { overloaded: 2 } }),
      ],
      [
        healing({ by: "first", calls: 10 }),
        healing({ by: "repair", calls: 2 }),
        healing({
          by: "stream_off",
          calls: 38,
          extraTries: 70,
          lostMs: 90_000,
          lost: { inputTokens: 700, outputTokens: 70 },
          lostMicroUsd: 500,
        }),
        healing({ by: "none", calls: 1, runs: 0, extraTries: 8 }),
      ],
    );
    expect(models).toMatchObject([
      {
        model: "k2p5",
        runs: 50,
        firstTry: { hits: 12, trials: 60 },
        streamed: { hits: 20, trials: 100 },
        unstreamed: { hits: 38, trials: 40 },
        answeredBy: { first: 10, repair: 2, again: 0, stream_off: 38, fallback: 0, none: 1 },
        healing: { extraTries: 78, lostMs: 90_000, lostTokens: 770, lostMicroUsd: 500 },
        faults: [
          ["stream_order", 70],
          ["overloaded", 12],
        ],
      },
    ]);
  });

  it("suggests streaming off where streams surely fail more, and not for a handful of tries", () => {
    expect(changes(rung({ tries: 100, answered: 20 }), rung({ stream: false, tries: 40, answered: 38 }))).toEqual([
      { "payload.stream": false },
    ]);
    expect(changes(rung({ tries: 3, answered: 1 }), rung({ stream: false, tries: 2, answered: 2 }))).toEqual([]);
    expect(changes(rung({ tries: 100, answered: 96 }), rung({ stream: false, tries: 100, answered: 98 }))).toEqual([]);
    expect(changes(rung({ tries: 100, answered: 0 })), "nothing to compare with").toEqual([]);
  });

  it("suggests another first model where one surely answers more often; streaming off comes before that", () => {
    const other = rung({ provider: "moonshot", model: "kimi-k2.5", tries: 50, answered: 50, firstTries: 0, firstAnswered: 0 });
    const worse = rung({ tries: 50, answered: 10 });
    expect(changes(worse, other)).toEqual([{ "payload.model": "moonshot/kimi-k2.5", "payload.fallbacks": ["kimi-coding/k2p5"] }]);
    expect(changes(worse, rung({ stream: false, tries: 50, answered: 50 }), other)).toEqual([{ "payload.stream": false }]);
    expect(changes(rung({ tries: 50, answered: 48 }), other)).toEqual([]);
  });

  it("suggests a longer limit, more tokens and another model by the faults that are frequent", () => {
    const often = rung({ tries: 40, answered: 20, faults: { stream_stall: 8, timeout: 6, output_truncated: 6 } });
    expect(changes(often)).toEqual([{ "limits.idle": "240s" }, { "limits.try": "1200s" }, { "payload.maxTokens": 32_000 }]);
    expect(changes(rung({ tries: 40, answered: 20, faults: { stream_stall: 2, overloaded: 18 } }))).toEqual([]);
    const { suggestions } = judge(
      [rung({ tries: 40, answered: 30, faults: { rate_limit: 10 } })],
      [healing({ by: "none", calls: 4 })],
    );
    expect(suggestions.map(({ why }) => why)).toEqual([
      "10 tries of 10 that failed met a limit of the key: start fewer jobs in the same minute, or set onRateLimit",
      "4 questions got no answer at all, and no other model ever answered for it",
    ]);
  });

  it("says a rate with how many it stands on and how sure it is", () => {
    const [report] = judge([rung({ tries: 25, answered: 21 })], []).models;
    if (report === undefined) throw new Error("there is one");
    expect(rateWords(report.firstTry)).toBe("84 % (21 of 25; 65…94 %)");
    expect(judge([], [])).toEqual({ models: [], suggestions: [] });
  });
});
