import { describe, expect, it } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { dialects } from "../../src/provider/index.ts";
import { expectedText, simulatedFaults, startSimulatedProvider } from "../../src/provider/script.ts";
import { config, limits, ask, told, serving, startFrame, textFrames, stopFrames, endFrame, question } from "./asking.ts";

/** Where the simulated provider's group is not the class, and why. */
const expectedOutcomes: Readonly<Record<string, readonly string[]>> = {
  // The provider says why it breaks off, and that is the class.
  error_event: ["overloaded", "server", "rate_limit"],
  error_first: ["overloaded", "server", "rate_limit"],
  choice_error: ["overloaded", "server", "rate_limit", "stream_broken"],
  error_with_choices: ["overloaded", "server", "rate_limit", "stream_broken"],
  // A page in place of an answer is a proxy's.
  html_body: ["server"],
  // After a good status a lost connection is a broken answer.
  reset: ["stream_broken"],
  premature_close: ["stream_broken"],
  // Proven, and the turn's to judge: half of the text, and the model says why.
  max_tokens_reached: ["answer max_tokens"],
  refusal: ["answer refusal"],
};

describe.concurrent("every fault of the simulated provider", () => {
  const cases = dialects.flatMap((dialect) => [true, false].map((stream) => [dialect, stream] as const));

  it.each(cases)("on %s, stream %s, is an answer that is right or an error of its class", async (dialect, stream) => {
    const wrong: string[] = [];
    await Promise.all(
      simulatedFaults.map(async ({ name, group }) => {
        await using closing = new AsyncDisposableStack();
        const tools =
          name.startsWith("tool_") || name.includes("tool")
            ? { tools: [{ name: "note", input_schema: { type: "object" }, type: "function", function: { name: "note" } }] }
            : {};
        const simulated = await startSimulatedProvider({ simulation: { faults: [{ fault: name, rate: 1 }], seed: 7 } });
        closing.defer(() => simulated.close());
        const short = group === "stream_stall" ? { firstByteMs: 1_500, idleMs: 1_500, tryMs: stream ? 10_000 : 2_500 } : limits;
        const one = await ask(config(dialect, simulated.url), { stream, limits: short, body: { ...question, ...tools } });
        const text = expectedText({ seed: 7, request: 1, model: "m-1", prompt: "What is new?" });
        const faulted = simulated.faulted === 1;
        const right =
          one instanceof ProviderError ||
          one.text === text ||
          one.toolCalls > 0 ||
          (expectedOutcomes[name]?.includes(told(one)) ?? false);
        const shape = group === "stream_shape" || group === "stream_order";
        const allowed: readonly string[] =
          !faulted || group === "wire_form"
            ? ["answer end_turn"]
            : (expectedOutcomes[name] ?? (group === "stream_stall" && !stream ? ["timeout"] : [group]));
        const expected = shape
          ? one instanceof ProviderError
            ? ["stream_order", "stream_broken", "empty"].includes(one.fault)
            : true
          : allowed.includes(told(one));
        if (!right || !expected)
          wrong.push(
            `${name} (${group}): ${told(one)}${one instanceof ProviderError ? ` ${one.message}` : right ? "" : " WRONG TEXT"}`,
          );
      }),
    );
    expect(wrong).toEqual([]);
  });
});

describe("strictness", () => {
  it("makes a harmless repetition a fault where the configuration says so", async () => {
    await using server = await serving((response) => response.end(startFrame + startFrame + textFrames + stopFrames + endFrame));
    expect(await ask(config("anthropic-messages", server.url))).toMatchObject({
      text: "All is well.",
      repairs: [{ code: "dup_start" }],
    });
    expect(await ask(config("anthropic-messages", server.url, { sseQuirks: { tolerateOutOfOrderEvents: false } }))).toMatchObject(
      { fault: "stream_order", reason: "irregular" },
    );
  });
});
