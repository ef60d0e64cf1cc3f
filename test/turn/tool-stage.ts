/** A turn with tools: its real process, the real gateway, a simulated provider that follows a plan, and a record of each step. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { CallObserver } from "../../src/gateway/gateway.ts";
import { createGateway } from "../../src/gateway/server.ts";
import { createProvider } from "../../src/provider/index.ts";
import { startSimulatedProvider, type ScriptedAnswer, type SimulationSpec } from "../../src/provider/script.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import { createAgentTurn } from "../../src/turn/agent.ts";
import type { Cleanup, TurnHooks, TurnResult, TurnSpec } from "../../src/turn/turn.ts";
import { limits } from "../gateway/stage.ts";
import { builtAgent, carriersOf, specFor } from "./harness.ts";

export interface ToolStage {
  /** `start 1 shell (call 1)`, `end 1 succeeded`: as recorded. */
  readonly steps: readonly string[];
  /** Bodies of the model's requests, as the provider got them. */
  readonly bodies: readonly Readonly<Record<string, unknown>>[];
  /** What the last `run` had to end. */
  readonly killed: number;
  run(
    plan: readonly ScriptedAnswer[],
    hooks?: Partial<TurnHooks>,
  ): Promise<{ readonly result: TurnResult; readonly cleanup: Cleanup }>;
  /** What tools gave, as the model was told last, in Anthropic's form. */
  toolTexts(): string[];
  /** Kills the turn's own process with SIGKILL. */
  killAgent(): void;
  /** Command lines of the turn's processes. */
  commands(): string[];
  carriers(): number[];
  close(): Promise<void>;
}

export interface ToolStageOptions extends Partial<Omit<TurnSpec, "dialect">> {
  readonly dialect: TurnSpec["dialect"];
  readonly work?: string;
  /** The number of the tool whose start cannot be recorded. */
  readonly failAt?: number;
  readonly simulation?: SimulationSpec;
  /** The program of the turn's process. Default the built one, as people get it. */
  readonly entry?: string;
}

/** Linux only. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

const nothing = async (): Promise<void> => {};

export async function toolStage(options: ToolStageOptions): Promise<ToolStage> {
  const { work, failAt, simulation, entry = builtAgent, ...changes } = options;
  const runId = `run-${randomUUID()}`;
  const steps: string[] = [];
  const bodies: Readonly<Record<string, unknown>>[] = [];
  let killed = 0;
  const simulated = await startSimulatedProvider({
    ...(simulation === undefined ? {} : { simulation }),
    onRequest: ({ body }) => void bodies.push(body),
  });
  const provider = createProvider({
    id: "sim",
    baseUrl: simulated.url,
    dialect: options.dialect,
    apiKey: undefined,
    headers: {},
    sseQuirks: { tolerateOutOfOrderEvents: true },
  });
  const gateway = await createGateway({ providers: new Map([["sim", provider]]), sleep: nothing });
  const observer: CallObserver = {
    callStarted: nothing,
    waiting: () => undefined,
    tryStarted: nothing,
    tryAnswered: nothing,
    tryFailed: nothing,
    callFinished: nothing,
    async toolStarted({ tool, name, call }) {
      if (tool === failAt) throw new Error("the ledger is full");
      steps.push(`start ${tool} ${name} (call ${call})`);
    },
    async toolFinished(tool, { status }) {
      steps.push(`end ${tool} ${status}`);
    },
  };
  const stop = new AbortController();
  return {
    steps,
    bodies,
    get killed() {
      return killed;
    },
    async run(plan, hooks = {}) {
      const door = gateway.open({
        runId,
        attempt: 1,
        ladder: ["on", "off"].map((stream) => ({ provider: "sim", model: "m", stream: stream === "on" })),
        retry: standardRetry,
        limits: { ...limits, callsPerAttempt: 1_000 },
        signal: stop.signal,
        observer,
      });
      const message = `do it\nsimulate-plan: ${JSON.stringify(plan)}\nnow`;
      const spec = specFor(gateway.url, {
        runId,
        message,
        ...changes,
        ...(work === undefined ? {} : { workDir: work }),
        limits: { attemptMs: 60_000, ...changes.limits },
        gateway: { url: gateway.url, token: door.token, toolRuns: door.toolRuns },
      });
      const turn = createAgentTurn({ entry });
      const end = await turn.run(spec, { signal: stop.signal, env: process.env, ...hooks });
      door.close();
      killed = end.cleanup.killed;
      return end;
    },
    toolTexts() {
      const messages = bodies.at(-1)?.["messages"];
      const parts: unknown[] = Array.isArray(messages) ? messages.flatMap((message) => message.content) : [];
      return parts.flatMap((part) => textsOfResult(part));
    },
    killAgent() {
      const agent = carriersOf(runId).find((pid) => /^\S*node (?:-\S+ )*\S*agent-child\.[ct]/.test(commandOf(pid)));
      if (agent === undefined) throw new Error("the turn's process is not there");
      process.kill(agent, "SIGKILL");
    },
    commands: () => carriersOf(runId).map(commandOf),
    carriers: () => carriersOf(runId),
    async close() {
      stop.abort();
      await gateway.close();
      await simulated.close();
    },
  };
}

interface ResultPart {
  readonly type: "tool_result";
  readonly content: readonly { readonly type: string; readonly text?: string }[];
}

const isResult = (part: unknown): part is ResultPart =>
  typeof part === "object" && part !== null && "type" in part && part.type === "tool_result" && "content" in part;

function textsOfResult(part: unknown): string[] {
  return isResult(part) ? part.content.map(({ text }) => text ?? "") : [];
}
