/**
 * A plain job: a program without a model, in the same room as an agent turn and ended as thoroughly. Its stdout is the answer. What it does,
 * nobody sees: so it counts as one tool run from the moment it was started.
 */
import type { CommandPayload } from "../job/job.ts";
import { endedByUs, failed, stderrBytes, unstarted, withoutAny, withStderr } from "./ending.ts";
import { environmentToCome, secretValues, turnEnvironment, withoutSecrets } from "./environment.ts";
import { missingWords, resolveTexts } from "./references.ts";
import { inWorkspace } from "./in-workspace.ts";
import { carryOut, type ProcessEnd } from "./spawn.ts";
import type { Turn, TurnResult, TurnSpec } from "./turn.ts";

/** Characters of stderr that stand in the error itself; the rest of its end is beside it. */
const errorCharacters = 300;

export function createCommandTurn(): Turn {
  return {
    kind: "command",
    environment: environmentToCome,
    // It asks nothing of the gateway.
    request: () => ({}),
    async run(spec, hooks) {
      const { command } = spec;
      const [file, ...args] = command?.argv ?? [];
      if (command === undefined || file === undefined) return unstarted("internal", "a command turn was given no command");
      const granted = resolveTexts(command.env ?? {}, hooks.env);
      if (granted.missing.length > 0) return unstarted("auth", missingWords([...new Set(granted.missing)]));
      return inWorkspace(spec, hooks, async (workspace) => {
        const own = turnEnvironment(spec, hooks.env, workspace);
        const end = await carryOut({
          file,
          args,
          // The marks by which it is found again cannot be set by the job.
          env: { ...own, ...granted.texts, RUNNER_RUN_ID: spec.runId, RUNNER_ATTEMPT: String(spec.attempt) },
          cwd: workspace.work,
          input: () => Promise.resolve(command.input ?? ""),
          marker: { runId: spec.runId, attempt: spec.attempt },
          givesResult: false,
          limits: {
            attemptMs: spec.limits.attemptMs,
            killGraceMs: spec.limits.killGraceMs,
            resultBytes: 0,
            stdoutBytes: spec.limits.outputBytes,
            stderrBytes,
            ...(command.noOutputMs === undefined ? {} : { noOutputMs: command.noOutputMs }),
          },
          signal: hooks.signal,
        });
        const secrets = secretValues(hooks.env, undefined, granted.values);
        const result = withoutAny(withStderr(resultOf(end, spec, command, secrets), end), secrets);
        return { result, cleanup: end.cleanup };
      });
    },
  };
}

function resultOf(end: ProcessEnd, { limits }: TurnSpec, command: CommandPayload, secrets: readonly string[]): TurnResult {
  const text = withoutSecrets(end.stdout, secrets);
  const left = end.stdoutBytes - limits.outputBytes;
  const warnings =
    left > 0
      ? { warnings: [`stdout had ${end.stdoutBytes} bytes; its last ${limits.outputBytes} are kept (limits.outputBytes)`] }
      : {};
  // Whatever follows, it was started, and may have acted.
  const facts = { toolRuns: end.cause === "not_started" ? 0 : 1, ...warnings };
  const partial = text === "" ? {} : { partial: text };
  const cut = endedByUs(end, limits, command.noOutputMs);
  if (cut !== undefined) return { ...cut, ...facts, ...partial };
  const { code, signal } = end.exit ?? { code: undefined, signal: undefined };
  if (code === 0) return { status: "answered", text, stopReason: "exit", model: "", ...facts };
  const how = signal === undefined ? `the command exited with code ${code ?? "unknown"}` : `the command was killed by ${signal}`;
  const said = lastLine(end.stderr);
  const result = failed(signal === undefined ? "declared" : "turn_died", said === "" ? how : `${how}: ${said}`);
  return { ...result, ...facts, ...partial };
}

function lastLine(text: string): string {
  const lines = text.trimEnd().split("\n");
  return (lines.at(-1) ?? "").trim().slice(0, errorCharacters);
}
