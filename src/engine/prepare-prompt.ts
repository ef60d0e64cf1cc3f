/** The prompt of a run. */
import { ownTexts, promptTexts, type Prompt } from "./prompt.ts";
import type { RunContext } from "./run-context.ts";

export async function preparePrompt({ job }: RunContext, _facts: string): Promise<Prompt> {
  const texts = promptTexts(job, ownTexts(job));
  return () => texts;
}
