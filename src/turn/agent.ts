/** The built-in agent turn, from the parent's side: one isolated process that asks the gateway and returns one result. */
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentToCome, secretValues, turnEnvironment, withoutSecrets } from "./environment.ts";
import { turnRequest } from "./request.ts";
import { parseResult } from "./result.ts";
import { carryOut, type ProcessEnd } from "./spawn.ts";
import type { Turn, TurnHooks, TurnResult, TurnSpec } from "./turn.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

export interface AgentTurnOptions {
  /** The program of the turn's process, run by this Node. Default: the one that was built or lies with this module. */
  readonly entry?: string;
}

/** Characters of stderr that go into a failed result. */
const stderrCharacters = 4_000;

/** Bytes of stderr kept while it runs: more than the characters need, so that a secret at the cut is seen whole and taken out. */
const stderrBytes = 64 * 1024;

/** Stdout of the built-in turn says nothing; its end is kept for the error of a process that printed instead of answering. */
const stdoutBytes = 4 * 1024;

export function createAgentTurn(options: AgentTurnOptions = {}): Turn {
  return {
    kind: "agentTurn",
    environment: environmentToCome,
    request: (spec) => turnRequest(spec.dialect, spec),
    async run(spec, hooks) {
      let workspace: Workspace;
      try {
        workspace = createWorkspace(spec.runId, hooks.env);
      } catch (error) {
        const result = failed(
          "turn_died",
          `the turn's directory cannot be made: ${error instanceof Error ? error.message : String(error)}`,
        );
        return { result, cleanup: { killed: 0, confirmed: true } };
      }
      let token: string | undefined;
      try {
        const end = await carryOut({
          file: process.execPath,
          args: [options.entry ?? agentEntry()],
          env: turnEnvironment(spec, hooks.env, workspace),
          cwd: workspace.work,
          input: async () => {
            const door = typeof spec.gateway === "function" ? await spec.gateway() : spec.gateway;
            token = door.token;
            return JSON.stringify({ ...spec, gateway: door });
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
        return { result: withStderr(resultOf(end, spec), end, token, hooks), cleanup: end.cleanup };
      } finally {
        workspace.remove();
      }
    },
  };
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

function failed(fault: Extract<TurnResult, { status: "failed" }>["fault"], error: string): TurnResult {
  return { status: "failed", fault, error, toolRuns: 0 };
}

function resultOf(end: ProcessEnd, spec: TurnSpec): TurnResult {
  switch (end.cause) {
    case "abort":
      return failed("aborted", "the attempt was cancelled");
    case "timeout":
      return failed(
        "timeout",
        `the attempt took longer than ${spec.limits.attemptMs / 1000} s (payload.timeoutSeconds) and was ended`,
      );
    case "overflow":
      return failed(
        "turn_died",
        `the turn's process wrote a result too large for limits.outputBytes (${spec.limits.outputBytes}) and was ended`,
      );
    case "no_input":
      return failed("internal", `the turn's process could not be told what to do: ${end.startError ?? "unknown reason"}`);
    case "not_started":
      return failed("turn_died", `the turn's process could not be started: ${end.startError ?? "unknown reason"}`);
    case "exit":
    case "result":
      break;
  }
  // It ended by itself, or said its result and was ended when it stayed.
  if (end.exit?.signal !== undefined) return failed("turn_died", `the turn's process was killed by ${end.exit.signal}`);
  if (end.exit !== undefined && end.exit.code !== 0)
    return failed("turn_died", `the turn's process exited with code ${end.exit.code}`);
  if (end.resultLine === undefined) return failed("turn_died", "the turn's process exited without a result");
  const parsed = parseResult(end.resultLine);
  return "problem" in parsed
    ? failed("turn_died", `the turn's process gave an invalid result: ${parsed.problem}`)
    : parsed.result;
}

/** A failed result gets the end of stderr, or of stdout if that is all there is; neither it nor the error holds a secret. */
function withStderr(result: TurnResult, end: ProcessEnd, token: string | undefined, hooks: TurnHooks): TurnResult {
  if (result.status !== "failed") return result;
  const secrets = secretValues(hooks.env, token);
  const said = withoutSecrets(end.stderr === "" ? end.stdout : end.stderr, secrets).slice(-stderrCharacters);
  const error = withoutSecrets(result.error, secrets);
  return said === "" ? { ...result, error } : { ...result, error, stderr: said };
}
