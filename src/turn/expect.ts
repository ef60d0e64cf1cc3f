/**
 * Whether a turn's answer is what its job wants: the difference between "the process ended well" and "the task is done"
 * (openclaw/openclaw#85442, openclaw/openclaw#140387). Nothing is guessed from free text; every verdict follows from a typed word or
 * from an expectation that the job states. docs/expect.md is the same for people.
 */
import type { Expectations, Job } from "../job/job.ts";
import { readSentinel } from "../job/sentinel.ts";
import { judgeFiles } from "./expect-file.ts";
import { endsInQuestion, unmetText, type Unmet } from "./expect-text.ts";
import type { AnsweredResult, JudgeContext, Judgement } from "./turn.ts";

/** In this order: a declared failure, the text, the files, and, only if all of that holds, the command. */
export async function judgeAnswer(
  result: AnsweredResult,
  job: Pick<Job, "expect" | "quiet" | "payload">,
  context: JudgeContext,
): Promise<Judgement> {
  const expect = job.expect ?? {};
  const sentinel = readSentinel(result.text, job.quiet);
  const warnings: string[] = [];
  if (sentinel.kind === "declared")
    return { verdict: "declared", reason: sentinel.reason === "" ? "no reason was given" : sentinel.reason, warnings };
  if (sentinel.kind === "quiet_and_more") warnings.push("the answer holds the quiet word and more, so it is not taken for quiet");
  if (sentinel.kind === "quiet" && sentinel.near !== undefined)
    warnings.push(`the answer ${JSON.stringify(sentinel.near.slice(0, 40))} is taken for the quiet word`);

  // An answer that says there is nothing to report has no text to judge; what the turn was to leave behind it must be there all the same.
  const quiet = sentinel.kind === "quiet";
  const text = quiet ? { unmet: [] } : await judgeText(result, expect, job.payload.kind === "command");
  const files = await judgeFiles(expect, context.workDir, context.filesBefore);
  warnings.push(...files.warnings);
  const unmet = [...text.unmet, ...files.unmet];
  if (unmet.length === 0 && expect.command !== undefined) {
    const { judgeByCommand } = await import("./expect-command.ts");
    const { apartFromRunner } = await import("./sandbox.ts");
    const apart = await apartFromRunner(job.payload, context.env);
    const judged = await judgeByCommand(result.text, expect.command, context, apart);
    unmet.push(...judged.unmet);
    warnings.push(...judged.warnings);
  }
  if (unmet.length > 0)
    return {
      verdict: "unmet",
      unmet: unmet.map(({ line }) => line),
      retryable: unmet.every(({ retryable }) => retryable),
      warnings,
    };
  if (quiet) return { verdict: "quiet", warnings };
  if (job.payload.kind === "agentTurn" && !("value" in text) && endsInQuestion(result.text))
    warnings.push("the answer ends in a question, and nobody is there to answer it");
  return "value" in text ? { verdict: "met", value: text.value, warnings } : { verdict: "met", warnings };
}

type TextJudgement = { readonly unmet: readonly Unmet[] } | { readonly unmet: readonly []; readonly value: unknown };

async function judgeText(result: AnsweredResult, expect: Expectations, isCommand: boolean): Promise<TextJudgement> {
  // A program that says nothing has most often done well, as cron's users know; a model that says nothing has not.
  const unmet = unmetText(result.text, expect, isCommand);
  if (expect.jsonSchema === undefined) return { unmet };
  const { judgeSchema } = await import("./expect-schema.ts");
  const judged = await judgeSchema(result.text, expect.jsonSchema, result.value);
  if ("unmet" in judged) return { unmet: [...unmet, ...judged.unmet] };
  return unmet.length > 0 ? { unmet } : { unmet: [], value: judged.value };
}
