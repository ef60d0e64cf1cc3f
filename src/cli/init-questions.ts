/** The questions of `runner init`, for a person at a terminal. */
import { cancel, intro, isCancel, select, text } from "@clack/prompts";
import { jobNameProblem, scheduleProblem } from "./init.ts";

/** A provider that can be chosen. */
interface Choice {
  readonly provider: string;
  /** In a few words: whether its key is there. */
  readonly hint: string;
  readonly model: string;
}

/** What is not undefined was answered by a flag and is not asked. */
export interface Questions {
  readonly choices: readonly Choice[];
  /** The provider that is offered first. */
  readonly provider: string;
  readonly model: string | undefined;
  readonly job: string | undefined;
  readonly schedule: string | undefined;
  readonly message: string | undefined;
  readonly suggested: { readonly job: string; readonly schedule: string; readonly message: string };
}

export interface Answered {
  readonly model: string;
  readonly job: string;
  readonly schedule: string;
  readonly message: string;
}

/** Asks on stdin and stdout; undefined when the person leaves (Ctrl-C). */
export async function askQuestions(questions: Questions): Promise<Answered | undefined> {
  intro("A configuration and a first job for this folder");
  const { suggested } = questions;
  try {
    return {
      model: questions.model ?? (await askModel(questions)),
      job:
        questions.job ??
        (await line("Name of the first job", suggested.job, (value) => jobNameProblem(value === "" ? suggested.job : value))),
      schedule:
        questions.schedule ??
        (await line('When is it due? A cron expression, "30m", "@daily" or "manual"', suggested.schedule, (value) =>
          scheduleProblem(value === "" ? suggested.schedule : value),
        )),
      message: questions.message ?? (await line("What is the model to do?", suggested.message, () => undefined)),
    };
  } catch (error) {
    if (!(error instanceof Left)) throw error;
    cancel("Nothing was written.");
    return undefined;
  }
}

class Left extends Error {}

async function askModel({ choices, provider }: Questions): Promise<string> {
  const chosen = answered(
    await select({
      message: "Which provider answers?",
      options: choices.map((choice) => ({ value: choice.provider, label: choice.provider, hint: choice.hint })),
      initialValue: provider,
    }),
  );
  const model = choices.find((choice) => choice.provider === chosen)?.model ?? `${chosen}/`;
  return line("Which model?", model, (value) =>
    value === "" || /^[^/\s]+\/\S+$/.test(value) ? undefined : `write provider/model, such as ${model}`,
  );
}

async function line(message: string, fallback: string, problem: (value: string) => string | undefined): Promise<string> {
  const given = answered(
    await text({ message, placeholder: fallback, defaultValue: fallback, validate: (value) => problem((value ?? "").trim()) }),
  );
  return given.trim() === "" ? fallback : given.trim();
}

function answered(value: string | symbol): string {
  if (isCancel(value) || typeof value !== "string") throw new Left("left");
  return value;
}
