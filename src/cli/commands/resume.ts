import { everyJob } from "../../ledger/ledger.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { targetOf } from "../control/target.ts";
import { userName } from "../control/who.ts";
import { oneLine } from "../format.ts";
import { pauseWords } from "../health/words.ts";

export const resume: CommandDefinition = {
  name: "resume",
  summary: "End the pause of a job, or of everything",
  examples: [
    ["runner resume fpl-daily-check", "its next slot fires again"],
    ["runner resume --all", "what is paused by itself stays so, and is named"],
  ],
  define: (command) =>
    command
      .argument("[job]", "name or id of a job")
      .option("--all", "end the pause of everything; jobs that are paused by themselves stay so"),
  execute,
};

async function execute(context: CommandContext, [jobName]: readonly string[], options: CommandOptions): Promise<number> {
  const { output } = context;
  const { loadProject, openProjectLedger, openProjectLedgerToWrite } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const now = Date.now();
  const reader = await openProjectLedger(project, { create: false });
  const target = await targetOf(project, reader, jobName, options["all"] === true);
  const pauses = (await reader?.pauses(now)) ?? new Map<string, never>();
  await reader?.close();
  const before = pauses.get(target.jobId);
  if (before !== undefined) {
    const ledger = await openProjectLedgerToWrite(project);
    await ledger.unpause(target.jobId, now);
    const about = target.jobId === everyJob ? {} : { jobId: target.jobId };
    await ledger.noteEvent({ at: now, kind: "unpaused", ...about, text: `by ${userName()}` });
    await ledger.close();
  }
  const nameOf = (id: string): string => oneLine(project.jobs.find((job) => job.id === id)?.name ?? id, 60);
  const stillPaused = [...pauses.keys()].filter((id) => id !== target.jobId && (target.jobId === everyJob || id === everyJob));
  if (output.json) output.document("resume", { changed: before !== undefined, before: before ?? null, stillPaused });
  else {
    output.note(
      before === undefined
        ? `${target.jobId === everyJob ? "There is no pause of everything" : `${target.words} is not paused by itself`}; nothing was changed.`
        : `${target.words} is resumed; it was paused ${pauseWords(before, now, target.zone)}`,
    );
    const all = pauses.get(everyJob);
    if (target.jobId !== everyJob && all !== undefined)
      output.note(`Everything is still paused, ${pauseWords(all, now, target.zone)}. To end that: runner resume --all`);
    if (target.jobId === everyJob && stillPaused.length > 0)
      output.note(`Still paused by themselves: ${stillPaused.map(nameOf).join(", ")}. To end that: runner resume JOB`);
  }
  return 0;
}
