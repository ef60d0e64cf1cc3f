import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/errors.ts";
import { parseSimulation, simulatedFaults, startSimulatedProvider } from "../../../src/provider/script.ts";
import type { SimulationSpec } from "../../../src/provider/script.ts";
import { drawFault } from "../../../src/provider/simulated/simulation.ts";
import { ask, bodyFor, withFault } from "./ask.ts";

function refused(text: string): { message: string; suggestion: string | undefined } {
  try {
    parseSimulation(text);
  } catch (error) {
    if (error instanceof UsageError) return { message: error.message, suggestion: error.suggestion };
    throw error;
  }
  throw new Error(`${text} was taken`);
}

describe("parseSimulation", () => {
  test("reads faults, groups, rates, a seed, spaces, hyphens and aliases", () => {
    expect(parseSimulation("stream_order:0.8,overloaded:0.1")).toEqual({
      faults: [
        { fault: "stream_order", rate: 0.8 },
        { fault: "overloaded", rate: 0.1 },
      ],
      seed: 1,
    });
    expect(parseSimulation("dup-start:.5 , seed=7")).toEqual({ faults: [{ fault: "dup_start", rate: 0.5 }], seed: 7 });
    expect(parseSimulation("hang", 9)).toEqual({ faults: [{ fault: "hang", rate: 1 }], seed: 9 });
    expect(parseSimulation("429:0.1,restart:0.2,529:0,seed=4294967295").faults).toEqual([
      { fault: "rate_limit_seconds", rate: 0.1 },
      { fault: "restart_new_id", rate: 0.2 },
      { fault: "overloaded_529", rate: 0 },
    ]);
    expect(parseSimulation("none,seed=4")).toEqual({ faults: [], seed: 4 });
    expect(parseSimulation("seed=3")).toEqual({ faults: [], seed: 3 });
    expect(parseSimulation("hang:0.1,reset:0.2,garbage:0.3,truncate:0.4").faults).toHaveLength(4);
  });

  test.each([
    ["stream_ordr:0.8", /"stream_ordr"/u, /stream_order\?/u],
    ["dupstart:0.8", /"dupstart"/u, /dup_start\?/u],
    ["zzzzzzzzzzzzzz", /"zzzzzzzzzzzzzz"/u, /lists all/u],
    ["stream_order:80", /"80" is not a rate for stream_order/u, /stream_order:0\.8/u],
    ["stream_order:80%", /"80%"/u, /0\.8/u],
    ["stream_order:-0.1", /"-0\.1"/u, /0\.8/u],
    ["stream_order:", /"" is not a rate/u, /0\.8/u],
    ["stream_order:0.1:2", /"0\.1:2"/u, /0\.8/u],
    ["stream_order:1e0", /"1e0"/u, /0\.8/u],
    ["stream_order:0.8,", /empty part/u, /FAULT:RATE/u],
    [":0.8", /rate without a fault/u, /FAULT:RATE/u],
    ["hang:0.6,reset:0.5", /add up to 1\.1/u, /at most one fault/u],
    ["hang:0.6,seed=x", /"x" is not a seed/u, /seed=7/u],
    ["hang:0.6,seed=4294967296", /is not a seed/u, /seed=7/u],
  ])("refuses %s and says what to write", (text, message, suggestion) => {
    const error = refused(text);
    expect(error.message).toMatch(message);
    expect(error.suggestion).toMatch(suggestion);
  });

  test.each(["", " ", ","])("refuses %j as nothing at all", (text) => {
    expect(refused(text).message).toMatch(/at least one fault/u);
  });
});

describe("the catalogue", () => {
  test("names each fault once, and no fault like a group", () => {
    const names = simulatedFaults.map(({ name }) => name);
    const groups = new Set<string>(simulatedFaults.map(({ group }) => group));
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => groups.has(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(90);
    for (const { name, description } of simulatedFaults)
      expect([name, description]).toEqual([expect.stringMatching(/^[a-z0-9_]+$/u), expect.stringMatching(/\S{3}/u)]);
  });

  test("has a group for each failure a provider can cause", () => {
    const groups = new Set<string>(simulatedFaults.map(({ group }) => group));
    const causes =
      "stream_order stream_stall stream_broken empty network billing quota_window overloaded rate_limit auth content_policy context_overflow output_truncated model_gone permission timeout bad_request server";
    expect(causes.split(" ").filter((cause) => !groups.has(cause))).toEqual([]);
  });
});

/** How often each fault is drawn in the first thousand requests. */
function counts(
  spec: SimulationSpec,
  dialect: "anthropic-messages" | "openai-completions" = "anthropic-messages",
): Map<string, number> {
  const drawn = new Map<string, number>();
  for (let number = 1; number <= 1000; number++) {
    const name = drawFault(spec, { number, dialect })?.name ?? "clean";
    drawn.set(name, (drawn.get(name) ?? 0) + 1);
  }
  return drawn;
}

/** Twenty bodies of a provider with this seed, asked for one after the other or all at once. */
function bodies(seed: number, atOnce: boolean): Promise<string[]> {
  const twenty = async ({ url }: { url: string }): Promise<string[]> => {
    const one = async (): Promise<string> => (await ask(url, "anthropic-messages", bodyFor(true))).text();
    if (atOnce) return await Promise.all(Array.from({ length: 20 }, () => one()));
    const inOrder: string[] = [];
    for (let at = 0; at < 20; at++) inOrder.push(await one());
    return inOrder;
  };
  return withFault(undefined, twenty, { simulation: parseSimulation("stream_order:0.4,truncate:0.2,late_start:0.2", seed) });
}

describe("the draw", () => {
  test("holds its rates, and a group gives its members equal shares", () => {
    for (const seed of [1, 2, 3, 4_294_967_295]) {
      const drawn = counts(parseSimulation("stream_order:0.8,http_500:0.1", seed));
      expect(drawn.get("clean")).toBeGreaterThan(65);
      expect(drawn.get("clean")).toBeLessThan(140);
      expect(drawn.get("http_500")).toBeGreaterThan(65);
      expect(drawn.get("http_500")).toBeLessThan(140);
      for (const name of ["dup_start", "dup_start_29", "restart_new_id", "orphan_stop"]) {
        expect(drawn.get(name)).toBeGreaterThan(150);
        expect(drawn.get(name)).toBeLessThan(250);
      }
      expect(drawn.size).toBe(6);
    }
  });

  test("holds its rates for the first request of many seeds, as processes that run once need it", () => {
    const spec = parseSimulation("stream_order:0.8");
    const seeds = Array.from({ length: 1000 }, (_, seed) => seed);
    const names = seeds.map(
      (seed) => drawFault({ ...spec, seed }, { number: 1, dialect: "anthropic-messages" })?.name ?? "clean",
    );
    for (const name of ["dup_start", "dup_start_29", "restart_new_id", "orphan_stop", "clean"]) {
      const share = names.filter((one) => one === name).length;
      expect(share).toBeGreaterThan(150);
      expect(share).toBeLessThan(250);
    }
  });

  test("never fires at 0 and always at 1", () => {
    expect(counts(parseSimulation("hang:0"))).toEqual(new Map([["clean", 1000]]));
    expect(counts(parseSimulation("hang:1"))).toEqual(new Map([["hang", 1000]]));
    expect(counts(parseSimulation("hang:0.5,reset:0.5")).get("clean")).toBeUndefined();
  });

  test("of a group keeps to the members the dialect has", () => {
    expect(counts(parseSimulation("stream_broken")).has("finish_error")).toBe(false);
    expect(counts(parseSimulation("stream_broken"), "openai-completions").get("finish_error")).toBeGreaterThan(50);
    expect(counts(parseSimulation("stream_shape"), "openai-completions").has("block_not_closed")).toBe(false);
  });

  test("of another seed is another draw", () => {
    expect(counts(parseSimulation("stream_order:0.5", 1))).not.toEqual(counts(parseSimulation("stream_order:0.5", 2)));
  });

  test("repeats with the seed, byte for byte, also for answers that overtake each other", async () => {
    const first = await bodies(5, false);
    expect(await bodies(5, false)).toEqual(first);
    expect((await bodies(5, true)).toSorted()).toEqual(first.toSorted());
    expect(new Set(first).size).toBe(20);
  });

  test("is separate for a model with faults of its own", async () => {
    const provider = await startSimulatedProvider({
      simulation: parseSimulation("http_500"),
      models: { good: { faults: [], seed: 1 } },
    });
    const statuses = [];
    for (const model of ["bad", "good", "bad", "good"]) {
      statuses.push((await ask(provider.url, "openai-completions", bodyFor(false, { model }))).status);
    }
    expect(statuses).toEqual([500, 200, 500, 200]);
    expect(provider).toMatchObject({ requests: 4, faulted: 2 });
    await provider.close();
  });
});
