import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { createBudget } from "../../src/gateway/budget.ts";
import type { RunBudget } from "../../src/gateway/gateway.ts";
import type { Budget } from "../../src/job/job.ts";
import type { ProvenAnswer, UpstreamRequest } from "../../src/provider/provider.ts";
import { createMeter } from "../../src/run/cost.ts";
import type { Rung } from "../../src/run/ladder.ts";
import { answer, clear, failure, ladderOf, question, ScriptedProvider, send, stage } from "./stage.ts";

afterEach(clear);

/** kimi counts as Anthropic does, gpt as OpenAI; nobody knows the price of `free`. */
const meter = createMeter(({ provider }) => ({
  price: provider === "free" ? undefined : { input: 3, output: 15, cacheRead: 0.3 },
  inputHoldsCache: provider === "gpt",
}));
const kimi: Rung = { provider: "kimi", model: "k2p5", stream: true };

const budgetOf = (limits: Budget, monotonic: () => number = () => 0): RunBudget => createBudget(limits, { meter, monotonic });

describe("counting", () => {
  test("tokens: cached ones are input, whichever way the provider counts", () => {
    const usage = { inputTokens: 100, outputTokens: 10, cacheReadTokens: 40 };
    expect(meter(kimi, usage)).toEqual({ tokens: 150, costMicroUsd: 100 * 3 + 10 * 15 + 12 });
    expect(meter({ provider: "gpt", model: "x" }, usage)).toEqual({ tokens: 110, costMicroUsd: 60 * 3 + 10 * 15 + 12 });
    expect(meter({ provider: "free", model: "x" }, usage)).toEqual({ tokens: 150 });
    expect(meter(kimi, {})).toEqual({ tokens: 0 });
  });

  test("each limit is named with what was used, in its own unit", () => {
    const tokens = budgetOf({ tokens: 10_000 });
    expect(tokens.exhausted("call")).toBeUndefined();
    tokens.spend(kimi, { inputTokens: 10_000, outputTokens: 250 });
    expect(tokens.exhausted("try")).toBe("limits.tokens: 10,250 of 10,000 used");
    const usd = budgetOf({ usd: 1.5 });
    usd.spend(kimi, { inputTokens: 500_000 });
    expect(usd.exhausted("call")).toBe("limits.usd: $1.50 of $1.50 used");
    let now = 5_000;
    const time = budgetOf({ ms: 60_000 }, () => now);
    expect(time.leftMs()).toBe(60_000);
    now += 59_900;
    expect([time.leftMs(), time.exhausted("call")]).toEqual([100, undefined]);
    now += 100;
    expect(time.exhausted("try")).toBe("limits.seconds: the run's 60 s have passed");
    expect(budgetOf({}).leftMs()).toBe(Infinity);
  });

  test("the last call may be tried again: calls and turns count before a call only", () => {
    for (const [limits, words] of [
      [{ calls: 1 }, "limits.calls: 1 of 1 used"],
      [{ turns: 1 }, "limits.turns: 1 of 1 used"],
    ] as const) {
      const budget = budgetOf(limits);
      budget.countCall();
      expect([budget.exhausted("call"), budget.exhausted("try")]).toEqual([words, undefined]);
    }
  });

  test("a price that is not known is said once a model, and only where money is limited", () => {
    const free = { ...kimi, provider: "free" };
    const usd = budgetOf({ usd: 1 });
    for (const stream of [true, false, true]) usd.spend({ ...free, stream }, { outputTokens: 5 });
    usd.spend({ ...free, model: "other" }, {});
    expect(usd.notes()).toEqual([
      "the price of free/k2p5 is not known, so limits.usd does not count it: set it in the configuration, or limit tokens",
    ]);
    const tokens = budgetOf({ tokens: 1 });
    tokens.spend(free, { outputTokens: 5 });
    expect(tokens.notes()).toEqual([]);
  });

  test("property: it never opens again, and is used up exactly when the sum says so", () => {
    const usage = fc.record({ inputTokens: fc.nat(3_000), outputTokens: fc.nat(3_000) }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.array(usage), fc.integer({ min: 1, max: 20_000 }), (tries, limit) => {
        const budget = budgetOf({ tokens: limit });
        let sum = 0;
        for (const one of tries) {
          budget.spend(kimi, one);
          sum += (one.inputTokens ?? 0) + (one.outputTokens ?? 0);
          expect(budget.exhausted("try") !== undefined).toBe(sum >= limit);
        }
      }),
    );
  });
});

const costly = (tokens: number): ProvenAnswer => answer("whole", { usage: { inputTokens: tokens, outputTokens: 0 } });

const silent = ({ signal }: UpstreamRequest): Promise<ProvenAnswer> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(failure("aborted")), { once: true }));

const clock = (): number => performance.now();

describe("at the gateway", () => {
  test("an answer that goes over is handed over; the next call is refused with a 400 that names the limit, and written down", async () => {
    const provider = new ScriptedProvider("kimi", [costly(12_000)]);
    const { gateway, token, recorder } = await stage([provider], { budget: budgetOf({ tokens: 10_000 }) });
    expect((await send(gateway, { token, body: question })).json).toMatchObject({ content: [{ text: "whole" }] });
    const refused = await send(gateway, { token, body: question });
    expect([refused.status, refused.headers["x-runner-fault"], refused.headers["x-should-retry"]]).toEqual([
      400,
      "budget",
      "false",
    ]);
    expect(refused.text).toContain("the run's budget is used up: limits.tokens: 12,000 of 10,000 used");
    expect(provider.asked).toHaveLength(1);
    expect(recorder.lines.slice(-2)).toEqual(["call 2: kimi/k2p5, anthropic-messages, message", "finished 2: 400"]);
    expect(recorder.ends[1]?.failure).toMatchObject({ fault: "budget" });
  });

  test("failed tries are billed, and the next try is refused", async () => {
    const broken = failure("stream_broken", { usage: { inputTokens: 600, outputTokens: 1 } });
    const provider = new ScriptedProvider("kimi", [broken]);
    const { gateway, token } = await stage([provider], { budget: budgetOf({ tokens: 1_000 }) });
    const reply = await send(gateway, { token, body: question });
    expect([reply.status, reply.headers["x-runner-fault"], provider.asked.length]).toEqual([400, "budget", 2]);
    expect(reply.text).toContain("1,202 of 1,000 used (budget after 2 tries; last error: stream_broken happened)");
  });

  test("of two calls at once only one gets the last", async () => {
    const provider = new ScriptedProvider("kimi", [costly(1)]);
    const { gateway, token } = await stage([provider], { budget: budgetOf({ calls: 1 }) });
    const both = await Promise.all([1, 2].map(() => send(gateway, { token, body: question })));
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400]);
  });

  test("what another call spends during a wait counts before the try", async () => {
    const budget = budgetOf({ tokens: 1_000 });
    const provider = new ScriptedProvider("kimi", [failure("overloaded")]);
    const sleep = async (): Promise<void> => budget.spend(kimi, { inputTokens: 5_000 });
    const { gateway, token } = await stage([provider], { budget, options: { sleep } });
    const reply = await send(gateway, { token, body: question });
    expect([reply.headers["x-runner-fault"], provider.asked.length]).toEqual(["budget", 1]);
  });

  test("a silent try is cut by the run's time, and by nothing else of the budget", async () => {
    const provider = new ScriptedProvider("kimi", [silent]);
    const budget = budgetOf({ ms: 300 }, clock);
    const { gateway, token } = await stage([provider], {
      budget,
      ladder: ladderOf("kimi/k2p5", "backup/other"),
      options: { monotonic: clock },
    });
    const reply = await send(gateway, { token, body: question });
    expect([reply.status, reply.headers["x-runner-fault"]]).toEqual([400, "budget"]);
    expect(reply.text).toContain("limits.seconds: the run's 0.3 s have passed");
  });
});
