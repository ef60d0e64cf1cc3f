/** Whether what the turn answered is what the job wants, judged while its work folder still is there. */
import type { Judgement, TurnHooks, TurnResult } from "../turn/turn.ts";
import { identityOf } from "./attempt-spec.ts";
import type { RunContext } from "./run-context.ts";

export interface Inspector {
  readonly inspect: NonNullable<TurnHooks["inspect"]>;
  /** What was found; a turn that has no work folder to show has its answer judged in the job's own. */
  verdict(result: TurnResult): Promise<Judgement | undefined>;
}

export function createInspector(
  { job, parts, start, signal, filesBefore }: RunContext,
  attempt: number,
  sessionId: string,
): Inspector {
  let judged: Judgement | undefined;
  const judge = async (result: TurnResult, workDir: string): Promise<void> => {
    if (result.status !== "answered") return;
    const { runId } = start;
    const identity = { runId, attempt, sessionId, ...identityOf(start) };
    judged = await parts.judge.judge(result, job, { workDir, filesBefore, ...identity, env: parts.env, signal });
  };
  return {
    async inspect(result, workDir) {
      await judge(result, workDir);
      return result;
    },
    async verdict(result) {
      if (judged === undefined) await judge(result, job.workDir ?? "/nonexistent");
      return judged;
    },
  };
}
