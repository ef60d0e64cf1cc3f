/**
 * What every turn is told beside its job's own words. An unattended turn that asks a question waits for ever
 * (anthropics/claude-code#81860), and a prompt that says "each Monday" has made agents schedule themselves a second time
 * (HKUDS/nanobot#1458).
 */
import type { Job } from "../job/job.ts";
import { outcomeNote } from "../job/sentinel.ts";
import { renderTemplate, type TemplateValues } from "../job/template.ts";
import { simulatedJobId } from "../run/run.ts";
import { promptValues } from "./prompt-values.ts";
import type { RunContext } from "./run-context.ts";

const unattendedNote =
  "You are running unattended, started by a scheduler: nobody reads along and nobody can answer. " +
  "Do the task now, once. Do not ask questions, do not wait for confirmation, and do not schedule anything: the schedule is taken care of. " +
  "If something is missing, do what can be done and say plainly what could not be.";

export interface PromptTexts {
  readonly system: string;
  readonly message: string;
}

/** The texts of an attempt that starts at this instant, epoch ms. */
export type Prompt = (at: number) => PromptTexts;

/** What the turn is told: the notes that every turn gets, then the job's own words with their values. */
export function promptTexts({ payload, quiet }: Pick<Job, "payload" | "quiet">, values: TemplateValues): PromptTexts {
  // A plain job is a program; nobody tells it anything.
  if (payload.kind === "command") return { system: "", message: "" };
  const notes = `${unattendedNote} ${outcomeNote(quiet)}`;
  const own = renderTemplate(payload.system ?? "", values);
  return { system: own === "" ? notes : `${notes}\n\n${own}`, message: renderTemplate(payload.message, values) };
}

/** Both texts of a job whose names have values. */
export function ownTexts({ payload }: Pick<Job, "payload">): readonly string[] {
  return payload.kind === "command" ? [] : [payload.system ?? "", payload.message];
}

export async function preparePrompt({ job, start, parts, request }: RunContext, gate: string): Promise<Prompt> {
  const valuesAt = await promptValues(ownTexts(job), {
    job,
    jobId: parts.simulated ? simulatedJobId(job.id) : job.id,
    runId: start.runId,
    zone: parts.zone,
    scheduledFor: start.scheduledFor ?? start.slotAt ?? start.startedAt,
    ...(start.dueAt === undefined ? {} : { dueAt: start.dueAt }),
    gate,
    vars: request.vars ?? {},
    env: parts.env,
    ledger: parts.ledger,
  });
  return (at) => promptTexts(job, valuesAt(at));
}
