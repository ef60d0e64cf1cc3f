/** A program beside the turn, such as a gate: in the turn's isolation, without a gateway. It is dead afterwards, with all it started. */
import { secretValues, turnEnvironment, withoutSecrets } from "./environment.ts";
import { apartFromRunner } from "./sandbox.ts";
import { carryOut, type ProcessEnd } from "./spawn.ts";
import type { ProgramEnd, ProgramPlan } from "./turn.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

/** Bytes of stderr that are kept. */
const stderrBytes = 16 * 1024;

/** From TERM to KILL. */
const killGraceMs = 2_000;

/** Never throws for what the program does. */
export async function runProgram(plan: ProgramPlan): Promise<ProgramEnd> {
  const [file = "", ...args] = [...(await apartFromRunner(plan.payload, plan.env)), ...plan.argv];
  let directories: Workspace;
  try {
    directories = createWorkspace(plan.runId, plan.env);
  } catch (error) {
    const why = `its directory cannot be made: ${error instanceof Error ? error.message : String(error)}`;
    return { cause: "not_started", why, stdout: "", stderr: "", confirmedDead: true };
  }
  try {
    const end = await carryOut({
      file,
      args,
      cwd: plan.workDir ?? directories.work,
      // Attempts count from 1: a program before the first one belongs to the run and to none of them.
      env: turnEnvironment({ ...plan, attempt: 0, sessionId: "" }, plan.env, directories),
      input: () => Promise.resolve(""),
      marker: { runId: plan.runId, attempt: 0 },
      givesResult: false,
      limits: {
        attemptMs: plan.timeoutMs,
        killGraceMs,
        resultBytes: stderrBytes,
        stdoutBytes: plan.stdoutBytes,
        stderrBytes,
      },
      signal: plan.signal,
    });
    return endOf(end, plan);
  } finally {
    directories.remove();
  }
}

function endOf(end: ProcessEnd, plan: ProgramPlan): ProgramEnd {
  const secrets = secretValues(plan.env, undefined);
  const said = {
    stdout: withoutSecrets(end.stdout, secrets),
    stderr: withoutSecrets(end.stderr, secrets),
    confirmedDead: end.cleanup.confirmed,
  };
  switch (end.cause) {
    case "abort":
      return { cause: "cancelled", why: "was cancelled", ...said };
    case "timeout":
    case "silent":
      return { cause: "timeout", why: `took longer than ${plan.timeoutMs / 1000} s and was ended`, ...said };
    case "not_started":
      return { cause: "not_started", why: `could not be started: ${end.startError ?? "unknown reason"}`, ...said };
    case "no_input":
    case "overflow":
      return { cause: "killed", why: "could not be carried out", ...said };
    case "exit":
    case "result":
      break;
  }
  if (end.exit?.code !== undefined) return { cause: "exit", code: end.exit.code, ...said };
  return { cause: "killed", why: `was killed by ${end.exit?.signal ?? "us, for it stayed"}`, ...said };
}
