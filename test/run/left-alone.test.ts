import { describe, expect, test } from "vitest";
import { nextStep, type Step, type StepPolicy } from "../../src/run/next-step.ts";
import type { OpenModel } from "../../src/run/step.ts";
import { climb, ladderOf, limitedFor, policy, say, twoModels, type Failure } from "./climb.ts";

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
