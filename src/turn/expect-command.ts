/** The program that a job lets judge its answer: exit 0 accepts it. */
import type { Expectations } from "../job/job.ts";
import { secretValues, turnEnvironment, withoutSecrets } from "./environment.ts";
import type { Unmet } from "./expect-text.ts";
import { carryOut, type ProcessEnd } from "./spawn.ts";
import type { JudgeContext } from "./turn.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

/** Bytes kept of each of its outputs, and the characters of them that are told. */
const keptBytes = 16 * 1024;
const toldCharacters = 600;

/** From TERM to KILL. */
const killGraceMs = 2_000;

export interface CommandJudgement {
  readonly unmet: readonly Unmet[];
  readonly warnings: readonly string[];
}

/**
 * Runs it in the work folder with the turn's environment and the answer on its stdin. It is dead afterwards, with all it started.
 * @param apart put before it: see `apartFromRunner`.
 */
export async function judgeByCommand(
  text: string,
  command: NonNullable<Expectations["command"]>,
  context: JudgeContext,
  apart: readonly string[],
): Promise<CommandJudgement> {
  const [file = "", ...args] = [...apart, ...command.argv];
  const name = JSON.stringify(command.argv[0] ?? "");
  let directories: Workspace;
  try {
    directories = createWorkspace(context.runId, context.env);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { unmet: [{ line: `command ${name}: its directory cannot be made: ${why}`, retryable: false }], warnings: [] };
  }
  try {
    const end = await carryOut({
      file,
      args,
      cwd: context.workDir,
      env: turnEnvironment(context, context.env, directories),
      input: () => Promise.resolve(text),
      marker: { runId: context.runId, attempt: context.attempt },
      limits: {
        attemptMs: command.timeoutMs,
        killGraceMs,
        resultBytes: keptBytes,
        stdoutBytes: keptBytes,
        stderrBytes: keptBytes,
      },
      signal: context.signal,
    });
    const problem = problemOf(end, command.timeoutMs);
    const said = withoutSecrets(end.stderr.trim() === "" ? end.stdout : end.stderr, secretValues(context.env, undefined));
    const words = said.trim() === "" ? "" : `: ${said.trim().slice(-toldCharacters)}`;
    return {
      unmet: problem === undefined ? [] : [{ line: `command ${name} ${problem.what}${words}`, retryable: problem.retryable }],
      warnings: end.cleanup.confirmed ? [] : [`expect: something that ${name} started could not be confirmed dead`],
    };
  } finally {
    directories.remove();
  }
}

function problemOf(end: ProcessEnd, timeoutMs: number): { readonly what: string; readonly retryable: boolean } | undefined {
  switch (end.cause) {
    case "abort":
      return { what: "was cancelled", retryable: false };
    case "timeout":
    case "silent":
      return { what: `took longer than ${timeoutMs / 1000} s and was ended`, retryable: false };
    case "not_started":
      return { what: `could not be started (${end.startError ?? "unknown reason"})`, retryable: false };
    case "no_input":
    case "overflow":
      return { what: "could not be carried out", retryable: false };
    case "exit":
    case "result":
      break;
  }
  if (end.exit?.code === 0) return undefined;
  if (end.exit?.code !== undefined) return { what: `exited with code ${end.exit.code}`, retryable: true };
  return { what: `was killed by ${end.exit?.signal ?? "us, for it stayed"}`, retryable: false };
}
