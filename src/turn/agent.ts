/** The built-in agent turn, from the parent's side: one isolated process that asks the gateway and returns one result. */
import type { Duplex } from "node:stream";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ToolGrants } from "../job/job.ts";
import { endedByUs, failed, stderrBytes, unstarted, withoutAny, withStderr } from "./ending.ts";
import { environmentToCome, secretsAmong, secretValues, turnEnvironment } from "./environment.ts";
import { gatewayDescriptor } from "./inherited-connection.ts";
import { turnRequest } from "./request.ts";
import { keptWarnings, parseResult } from "./result.ts";
import { needsSandbox, sandboxFor, sandboxWords, startsServers, type Sandbox } from "./sandbox.ts";
import { missingWords, resolveGrants } from "./references.ts";
import { inWorkspace } from "./in-workspace.ts";
import { carryOut, type ProcessEnd } from "./spawn.ts";
import { builtInTools } from "./toolbox.ts";
import type { Door, OpenSpec, Turn, TurnResult, TurnSpec } from "./turn.ts";

export interface AgentTurnOptions {
  /** The program of the turn's process, run by this Node. Default: the one that was built or lies with this module. */
  readonly entry?: string;
}

/** Stdout of the built-in turn says nothing; its end is kept for the error of a process that printed instead of answering. */
const stdoutBytes = 4 * 1024;

/** A tool may signal the turn's process, and at SIGUSR1 Node would open a debugger on it to everybody on loopback (Node 22.14 and later). */
const noDebugger = ["--disable-sigusr1"];

export function createAgentTurn(options: AgentTurnOptions = {}): Turn {
  return {
    kind: "agentTurn",
    environment: environmentToCome,
    request: (spec) => turnRequest(spec.dialect, spec, builtInTools(spec.tools ?? {}, { work: ".", apart: [] })),
    async run(spec, hooks) {
      const granted = resolveGrants(spec.tools, hooks.env);
      if ("missing" in granted) return unstarted("auth", missingWords(granted.missing));
      return inWorkspace(spec, hooks, async (workspace) => {
        const sandbox = needsSandbox(spec.tools) ? await sandboxFor(hooks.env) : undefined;
        const [file, ...args] = [...outerOf(sandbox), process.execPath, ...noDebugger, options.entry ?? agentEntry()];
        let door: Door | undefined;
        const end = await carryOut({
          file,
          args,
          env: turnEnvironment(spec, hooks.env, workspace),
          cwd: workspace.work,
          connected: asksOnce(spec),
          input: async (connection) => {
            door = typeof spec.gateway === "function" ? await spec.gateway() : spec.gateway;
            const gateway = { url: door.url, token: door.token, ...handOver(connection, door) };
            const secrets = secretsAmong(granted.values, hooks.env);
            return JSON.stringify({ ...spec, tools: granted.tools, gateway, secrets, ...innerOf(sandbox, granted.tools) });
          },
          marker: { runId: spec.runId, attempt: spec.attempt },
          limits: {
            attemptMs: spec.limits.attemptMs,
            killGraceMs: spec.limits.killGraceMs,
            // JSON writes a control character as six bytes; the rest is the frame around the text.
            resultBytes: spec.limits.outputBytes * 6 + 64 * 1024,
            stdoutBytes,
            stderrBytes,
          },
          signal: hooks.signal,
        });
        const secrets = secretValues(hooks.env, door?.token, granted.values);
        const said = withoutAny(withStderr(resultOf(end, spec, sandbox), end), secrets);
        const result = withNote(withCount(said, door), sandbox);
        return { result, cleanup: end.cleanup };
      });
    },
  };
}

/** Without a tool nothing follows the first answer, and nothing can be started; a stream is read as it comes. */
function asksOnce({ tools, stream }: TurnSpec): boolean {
  return !stream && Object.keys(tools ?? {}).length === 0;
}

function handOver(connection: Duplex | undefined, { connect }: Door): Pick<OpenSpec["gateway"], "descriptor"> {
  if (connection === undefined || connect === undefined) return {};
  connect(connection);
  return { descriptor: gatewayDescriptor };
}

/**
 * The program of the turn's process: `agent-child.cjs` beside the bundled command line or above the built library, or this
 * folder's source when run from sources.
 */
export function agentEntry(moduleUrl: string = import.meta.url): string {
  const file = fileURLToPath(moduleUrl);
  if (file.endsWith(".ts")) return join(dirname(file), "agent-child.ts");
  return join(basename(dirname(file)) === "turn" ? dirname(dirname(file)) : dirname(file), "agent-child.cjs");
}

function resultOf(end: ProcessEnd, spec: TurnSpec, sandbox: Sandbox | undefined): TurnResult {
  const cut = endedByUs(end, spec.limits);
  if (cut !== undefined) return cut;
  // It ended by itself, or said its result and was ended when it stayed.
  if (end.exit?.signal !== undefined) return failed("turn_died", `the turn's process was killed by ${end.exit.signal}`);
  if (end.exit !== undefined && end.exit.code !== 0) {
    // util-linux before 2.39 says 1 for a process that was killed.
    const or = sandbox?.kind === "namespaces" && end.exit.code === 1 ? " or was killed" : "";
    return failed("turn_died", `the turn's process exited with code ${end.exit.code}${or}`);
  }
  if (end.resultLine === undefined) return failed("turn_died", "the turn's process exited without a result");
  const parsed = parseResult(end.resultLine);
  return "problem" in parsed
    ? failed("turn_died", `the turn's process gave an invalid result: ${parsed.problem}`)
    : parsed.result;
}

/** A process that died cannot say what it has done, but whatever it did stands in the gateway's book. */
function withCount(result: TurnResult, door: Door | undefined): TurnResult {
  return { ...result, toolRuns: Math.max(result.toolRuns, door?.toolRuns?.() ?? 0) };
}

function outerOf(sandbox: Sandbox | undefined): readonly string[] {
  return sandbox?.kind === "namespaces" ? sandbox.outer : [];
}

function innerOf(sandbox: Sandbox | undefined, tools: ToolGrants | undefined): Pick<OpenSpec, "apart" | "shellApart"> {
  if (sandbox?.kind !== "namespaces") return {};
  return startsServers(tools) ? { apart: sandbox.inner, shellApart: sandbox.alone } : { apart: sandbox.inner };
}

/** A run whose tools could look at runner itself says so. */
function withNote(result: TurnResult, sandbox: Sandbox | undefined): TurnResult {
  if (sandbox?.kind !== "none") return result;
  const note = `sandbox: ${sandboxWords(sandbox)}; its tools can read what this user can, see docs/isolation.md`;
  return { ...result, warnings: [note, ...(result.warnings ?? [])].slice(0, keptWarnings) };
}
