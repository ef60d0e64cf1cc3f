/**
 * What every turn is told beside its job's own words. An unattended turn that asks a question waits for ever
 * (anthropics/claude-code#81860), and a prompt that says "each Monday" has made agents schedule themselves a second time
 * (HKUDS/nanobot#1458).
 */
import type { Job } from "../job/job.ts";
import { outcomeNote } from "../job/sentinel.ts";

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

/** What the turn is told, with the job's own words as they are given. */
export function promptTexts({ payload, quiet }: Job, own: { readonly system?: string; readonly message: string }): PromptTexts {
  // A plain job is a program; nobody tells it anything.
  if (payload.kind === "command") return { system: "", message: "" };
  const notes = `${unattendedNote} ${outcomeNote(quiet)}`;
  return { system: own.system === undefined || own.system === "" ? notes : `${notes}\n\n${own.system}`, message: own.message };
}

/** The job's texts as they are written. */
export function ownTexts({ payload }: Job): { readonly system?: string; readonly message: string } {
  if (payload.kind === "command") return { message: "" };
  const { system, message } = payload;
  return system === undefined ? { message } : { system, message };
}
