/**
 * What the gateway heals: calls through it against a simulated provider that faults 80 % of its requests, beside the official SDK alone
 * on the same provider with the same seed. Real HTTP on loopback, everything in one process, short waits.
 *
 *     node bench/gateway-heal.ts [--runs 1000] [--mix-runs 300] [--rate 0.8] [--seed 1]
 *
 * An answer is right only if it is exactly one whole text of the provider and quotes this call's own question; anything else that is not
 * an error is WRONG. The exit code is 1 if there is one wrong answer, or one failed call where a fallback model stands in the ladder.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Anthropic from "@anthropic-ai/sdk";
import type { CallObserver, Gateway } from "../src/gateway/gateway.ts";
import { createGateway } from "../src/gateway/server.ts";
import { createProvider } from "../src/provider/index.ts";
import type { ProviderConfig } from "../src/provider/provider.ts";
import { judgeText, startSimulatedProvider, type SimulatedProvider, type SimulationSpec } from "../src/provider/script.ts";
import { buildLadder } from "../src/run/ladder.ts";

/** The faults of the origin's failure; each gets its own row. */
export const originFaults = ["dup_start", "dup_start_29", "restart_new_id", "orphan_stop"] as const;

/** All of them mixed with what else goes wrong; equal shares. */
export const mixedFaults = [
  ...originFaults,
  "truncate",
  "error_event",
  "empty_stream",
  "empty_message",
  "garbage",
  "rate_limit_ms",
  "overloaded_529",
  "reset",
  "hang",
] as const;

/** Who answers a call: the ladder behind the gateway, or nobody but the SDK. */
export const arrangements = {
  "SDK alone": { gateway: false, fallback: "none", stream: "auto" },
  "gateway, clean fallback": { gateway: true, fallback: "clean", stream: "auto" },
  "gateway, fallback as faulty": { gateway: true, fallback: "faulty", stream: "auto" },
  "gateway, no fallback": { gateway: true, fallback: "none", stream: "auto" },
  "gateway, no fallback, stream: true": { gateway: true, fallback: "none", stream: true },
} as const;
export type Arrangement = keyof typeof arrangements;

export interface Tally {
  calls: number;
  right: number;
  wrong: number;
  failed: number;
  /** Tries of the gateway; 0 for the SDK, whose own retries show in `requests`. */
  tries: number;
  /** Requests the providers got. */
  requests: number;
  faulted: number;
  repairs: number;
  /** Faults the calls were given up with. */
  readonly givenUp: Record<string, number>;
  ms: number;
}

export interface Measurement {
  readonly faults: readonly string[];
  readonly rate: number;
  readonly seed: number;
  readonly calls: number;
  readonly arrangement: Arrangement;
}

const limits = {
  firstByteMs: 400,
  idleMs: 400,
  tryMs: 800,
  callMs: 60_000,
  triesPerCall: 12,
  callsPerAttempt: 1_000_000,
  maxWaitMs: 10_000,
};
const retry = { maxAttempts: 1, delayMs: 1, factor: 2, maxDelayMs: 10, jitter: 0.25, set: ["delay", "maxDelay"] as const };
/** What a 429 asks to wait. */
const delays = { retryAfterMs: 100 };
const concurrency = 8;
/** Ends a call of the SDK alone that hangs; it has no limit of its own for a silent stream. */
const patienceMs = 2_000;

/** Makes the calls and counts how they end. */
export async function measure(what: Measurement): Promise<Tally> {
  const { gateway: healed, fallback, stream } = arrangements[what.arrangement];
  const spec: SimulationSpec = {
    faults: what.faults.map((fault) => ({ fault, rate: what.rate / what.faults.length })),
    seed: what.seed,
  };
  const first = await startSimulatedProvider({ simulation: spec, delays });
  const second = await startSimulatedProvider(
    fallback === "faulty" ? { simulation: { ...spec, seed: what.seed + 1 }, delays } : {},
  );
  const tally: Tally = {
    calls: what.calls,
    right: 0,
    wrong: 0,
    failed: 0,
    tries: 0,
    requests: 0,
    faulted: 0,
    repairs: 0,
    givenUp: {},
    ms: 0,
  };
  const startedAt = performance.now();
  if (healed) await throughGateway(what, { first, second, fallback, stream }, tally);
  else await ask(what.calls, sdkTo(first.url, "no key"), tally, true);
  tally.ms = performance.now() - startedAt;
  for (const provider of [first, second]) {
    tally.requests += provider.requests;
    tally.faulted += provider.faulted;
    await provider.close();
  }
  return tally;
}

interface Behind {
  readonly first: SimulatedProvider;
  readonly second: SimulatedProvider;
  readonly fallback: string;
  readonly stream: true | "auto";
}

async function throughGateway(what: Measurement, { first, second, fallback, stream }: Behind, tally: Tally): Promise<void> {
  const configs = [configOf("kimi-coding", first.url), configOf("backup", second.url)];
  const providers = new Map(configs.map((config) => [config.id, createProvider(config)]));
  const gateway: Gateway = await createGateway({ providers });
  const names = [
    { provider: "kimi-coding", model: "k2p5" },
    ...(fallback === "none" ? [] : [{ provider: "backup", model: "other" }]),
  ];
  const { rungs } = buildLadder({ models: names, stream, memories: [], now: Date.now() });
  const observer = counting(tally);
  const ended = new AbortController();
  const door = gateway.open({ runId: "bench", attempt: 1, ladder: rungs, retry, limits, signal: ended.signal, observer });
  await ask(what.calls, sdkTo(gateway.url, door.token), tally, false);
  door.close();
  await gateway.close();
}

function configOf(id: string, baseUrl: string): ProviderConfig {
  return {
    id,
    dialect: "anthropic-messages",
    baseUrl,
    apiKey: undefined,
    headers: {},
    sseQuirks: { tolerateOutOfOrderEvents: true },
  };
}

function sdkTo(baseURL: string, apiKey: string): Anthropic {
  return new Anthropic({ baseURL, apiKey, logLevel: "off" });
}

/** Asks `calls` questions, a few at a time. Alone, the SDK always streams, as the turns of the origin did; else every second time. */
async function ask(calls: number, client: Anthropic, tally: Tally, alone: boolean): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < calls) {
      const number = (next += 1);
      const question = `Question ${number} of the day`;
      const body = { model: "k2p5", max_tokens: 1_000, messages: [{ role: "user" as const, content: question }] };
      const patience = alone ? { signal: AbortSignal.timeout(patienceMs) } : {};
      try {
        const message =
          alone || number % 2 === 0
            ? await client.messages.stream(body, patience).finalMessage()
            : await client.messages.create(body, patience);
        const text = message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
        if (judgeText(text) === "right" && text.includes(`“${question}”`)) tally.right += 1;
        else tally.wrong += 1;
      } catch {
        tally.failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}

function counting(tally: Tally): CallObserver {
  const done = Promise.resolve();
  return {
    callStarted: () => done,
    waiting: () => undefined,
    tryStarted: () => {
      tally.tries += 1;
      return done;
    },
    tryAnswered: (_, answer) => {
      tally.repairs += answer.repairs.length;
      return done;
    },
    tryFailed: () => done,
    callFinished: ({ failure }) => {
      if (failure !== undefined) tally.givenUp[failure.fault] = (tally.givenUp[failure.fault] ?? 0) + 1;
      return done;
    },
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "1000" },
      "mix-runs": { type: "string", default: "300" },
      rate: { type: "string", default: "0.8" },
      seed: { type: "string", default: "1" },
    },
  });
  const rate = Number(values.rate);
  const seed = Number(values.seed);
  const scenes = [
    ...originFaults.map((fault) => ({ name: fault, faults: [fault], calls: Number(values.runs) })),
    { name: `mix of ${mixedFaults.length} faults`, faults: mixedFaults, calls: Number(values["mix-runs"]) },
    // Neither repaired nor avoided without streaming: here only other tries and other models help.
    { name: "overloaded_529", faults: ["overloaded_529"], calls: Number(values["mix-runs"]) },
  ];
  console.log(`Fault rate ${rate}, seed ${seed}; waits from ${retry.delayMs} ms, at most ${limits.triesPerCall} tries a call.`);
  console.log("A clean fallback never faults; a fallback as faulty faults at the same rate with another seed.\n");
  console.log(
    row([
      "fault",
      "who answers",
      "calls",
      "right",
      "WRONG",
      "failed",
      "failed %",
      "tries/call",
      "requests",
      "repairs",
      "s",
      "given up with",
    ]),
  );
  let broken = false;
  for (const { name, faults, calls } of scenes) {
    for (const arrangement of Object.keys(arrangements).filter((key): key is Arrangement => key in arrangements)) {
      const tally = await measure({ faults, rate, seed, calls, arrangement });
      console.log(row([name, arrangement, ...figures(tally)]));
      const { gateway, fallback } = arrangements[arrangement];
      if (gateway && (tally.wrong > 0 || (fallback === "clean" && tally.failed > 0))) broken = true;
    }
  }
  process.exitCode = broken ? 1 : 0;
}

function figures(tally: Tally): string[] {
  const givenUp = Object.entries(tally.givenUp).map(([fault, count]) => `${fault} ${count}`);
  return [
    String(tally.calls),
    String(tally.right),
    String(tally.wrong),
    String(tally.failed),
    ((100 * tally.failed) / tally.calls).toFixed(1),
    tally.tries === 0 ? "–" : (tally.tries / tally.calls).toFixed(2),
    String(tally.requests),
    String(tally.repairs),
    (tally.ms / 1_000).toFixed(1),
    givenUp.join(", ") || "–",
  ];
}

const widths = [19, 35, 5, 5, 5, 6, 8, 10, 8, 7, 6, 13];

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
