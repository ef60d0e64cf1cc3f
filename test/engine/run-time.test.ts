/** A run's time: what an attempt leaves to its calls, and a clock that somebody sets. Real gateway, real sockets, real ledger. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { systemClock, type Clock } from "../../src/engine/clock.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { RunEvent } from "../../src/engine/events.ts";
import type { RunOutcome } from "../../src/engine/outcome.ts";
import { createGateway } from "../../src/gateway/server.ts";
import type { Job, JobLimits } from "../../src/job/job.ts";
import { openLedger } from "../../src/ledger/index.ts";
import { createProvider } from "../../src/provider/index.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import type { Turn, TurnResult } from "../../src/turn/turn.ts";
import { limits } from "../gateway/stage.ts";
import { engineParts } from "./parts.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const whole = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "all is well" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
};

/** A provider on a socket: what it does with the n-th request. */
async function upstream(answers: (asked: number) => "whole" | "silence"): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const server: Server = createServer((request, response) => {
    request.resume();
    asked += 1;
    if (answers(asked) === "silence") return;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(whole));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`, asked: () => asked };
}

/** Asks the gateway once and says what it said; as the built-in turn, without a process of its own. */
const onlyAsks: Pick<Turn, "kind" | "run"> = {
  kind: "agentTurn",
  async run(spec, { signal }) {
    const cleanup = { killed: 0, confirmed: true };
    const door = typeof spec.gateway === "function" ? await spec.gateway() : spec.gateway;
    const asking = fetch(`${door.url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": door.token },
      body: JSON.stringify({ model: spec.model, max_tokens: 100, messages: [{ role: "user", content: "hi" }] }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(spec.limits.attemptMs)]),
    });
    const result = await asking.then(
      async (response): Promise<TurnResult> =>
        response.ok
          ? { status: "answered", text: await response.text(), stopReason: "end_turn", model: "m", toolRuns: 0 }
          : { status: "failed", fault: "timeout", error: await response.text(), toolRuns: 0 },
      (): TurnResult => ({ status: "failed", fault: "timeout", error: "the attempt's limit", toolRuns: 0 }),
    );
    return { result, cleanup };
  },
};

interface Asked {
  readonly models: readonly string[];
  readonly limits: Partial<JobLimits>;
  readonly clock?: Clock;
  readonly listen?: (event: RunEvent) => void;
}

async function run({ models, limits: own, clock = systemClock, listen = () => {} }: Asked): Promise<RunOutcome> {
  const stateDir = await mkdtemp(path.join(tmpdir(), "runner-time-"));
  const ledger = await openLedger({ stateDir });
  const gateway = await createGateway({
    providers: new Map(
      models.map((baseUrl, at) => {
        const id = `p${at}`;
        const config = { id, dialect: "anthropic-messages", baseUrl, apiKey: undefined, headers: {} } as const;
        return [id, createProvider({ ...config, sseQuirks: { tolerateOutOfOrderEvents: true } })];
      }),
    ),
  });
  cleanups.push(
    () => rm(stateDir, { recursive: true, force: true }),
    () => ledger.close(),
    () => gateway.close(),
  );
  const parts = engineParts({
    ledger,
    gateway: async () => gateway,
    turns: new Map([["agentTurn", { ...onlyAsks, request: () => ({}), environment: () => ({}) }]]),
    clock,
    resolveModel: (name) => ({ provider: name.split("/")[0] ?? "", model: "m", dialect: "anthropic-messages" }),
    defaults: { model: undefined, fallbacks: [] },
  });
  const [model = "", ...fallbacks] = models.map((_, at) => `p${at}/m`);
  const job: Job = {
    id: "job",
    name: "job",
    enabled: true,
    schedule: { kind: "manual" },
    payload: { kind: "agentTurn", message: "hi", model, fallbacks, stream: false, maxTokens: 100 },
    retry: { ...standardRetry, maxAttempts: 2, delayMs: 1, jitter: 0, set: ["delay"] },
    limits: { ...limits, attemptMs: 1_800_000, runMs: 3_600_000, deferMs: 86_400_000, outputBytes: 1_000_000, ...own },
    idempotent: false,
    source: { file: "job.json", line: 1 },
  };
  return createEngine(parts).run(job, { trigger: "manual", signal: new AbortController().signal, listen });
}

test("a hanging model leaves the fallback its time, however short the attempt is", async () => {
  const hanging = await upstream(() => "silence");
  const healthy = await upstream(() => "whole");
  const outcome = await run({ models: [hanging.url, healthy.url], limits: { attemptMs: 1_500, tryMs: 600_000 } });
  expect([outcome.status, outcome.attempts, hanging.asked(), healthy.asked()]).toEqual(["succeeded", 1, 1, 1]);
});

test("and so does what is left of the run", async () => {
  const hanging = await upstream(() => "silence");
  const healthy = await upstream(() => "whole");
  const outcome = await run({ models: [hanging.url, healthy.url], limits: { runMs: 1_500, tryMs: 600_000 } });
  expect([outcome.status, outcome.attempts]).toEqual(["succeeded", 1]);
});

test.each([3_600_000, -3_600_000])(
  "a clock that is set by %i ms in the middle ends nothing and is not measured",
  async (stepMs) => {
    let set = 0;
    const clock: Clock = { ...systemClock, now: () => Date.now() + set };
    const once = await upstream((asked) => (asked === 1 ? "silence" : "whole"));
    const took: number[] = [];
    const outcome = await run({
      models: [once.url],
      limits: { attemptMs: 1_800_000, runMs: 1_800_000, tryMs: 200, triesPerCall: 1 },
      clock,
      listen: (event) => {
        if (event.type === "try_started") set = stepMs;
        if (event.type === "try_failed") took.push(event.tookMs);
      },
    });
    expect([outcome.status, outcome.attempts]).toEqual(["succeeded", 2]);
    expect(took[0]).toBeGreaterThanOrEqual(190);
    expect(took[0]).toBeLessThan(10_000);
  },
);
