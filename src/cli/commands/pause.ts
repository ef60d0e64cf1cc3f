import type { Project } from "../../compose/project.ts";
import { UsageError } from "../../errors.ts";
import { everyJob, type Pause } from "../../ledger/ledger.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { targetOf, type Target } from "../control/target.ts";
import { userName } from "../control/who.ts";
import { pauseWords } from "../health/words.ts";
import { endOption } from "../time-options.ts";

/** Most characters of a reason. */
const reasonCharacters = 500;

export const pause: CommandDefinition = {
  name: "pause",
  summary: "Let a job, or everything, rest: its slots are recorded as skipped until it is resumed",
  examples: [
    ["runner pause fpl-daily-check", "until it is resumed"],
    ["runner pause fpl-daily-check --reason 'no season' --until 2027-08-01", "by itself again from then on"],
    ["runner pause --all --for 2h", "everything, for two hours"],
    ["runner pause fpl-daily-check --until 'monday 09:00'", "over the weekend"],
  ],
  define: (command) =>
    command
      .argument("[job]", "name or id of a job")
      .option("--all", "everything, also jobs that are yet to come")
      .option("--reason <text>", "why, for whoever wonders: status, history and explain show it")
      .option(
        "--until <time>",
        "it ends by itself then: 18:00, tomorrow, monday 09:00, 2026-12-24 or 2026-12-24T18:00, on the clocks of the job's zone",
      )
      .option("--for <duration>", "it ends by itself after so long: 90m, 2h, 3d"),
  execute,
};

async function execute(context: CommandContext, [jobName]: readonly string[], options: CommandOptions): Promise<number> {
  const { loadProject, openProjectLedger, openProjectLedgerToWrite } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const reason = await reasonOption(options["reason"], project, context.env);
  const now = Date.now();
  // A wrong use makes no ledger.
  const reader = await openProjectLedger(project, { create: false });
  const target = await targetOf(project, reader, jobName, options["all"] === true);
  const before = (await reader?.pauses(now))?.get(target.jobId);
  await reader?.close();
  const until = endOption(options, now, target.zone);
  // A second call without a word more changes nothing; one that says more takes the place of the first.
  const changed = before === undefined || until !== undefined || reason !== undefined;
  const wanted: Pause = {
    jobId: target.jobId,
    at: now,
    by: userName(),
    ...(reason === undefined ? {} : { reason }),
    ...(until === undefined ? {} : { until }),
  };
  if (changed) {
    const ledger = await openProjectLedgerToWrite(project);
    await ledger.pause(wanted);
    const about = target.jobId === everyJob ? {} : { jobId: target.jobId };
    await ledger.noteEvent({ at: now, kind: "paused", ...about, text: pauseWords(wanted, now, target.zone, "now") });
    await ledger.close();
  }
  const inForce = changed ? wanted : before;
  if (context.output.json) context.output.document("pause", { changed, pause: inForce, before: before ?? null });
  else say(context, target, { changed, inForce, before, now });
  return 0;
}

/** @throws UsageError for one that is too long, or holds a key: it is kept in the ledger and shown */
async function reasonOption(written: unknown, { providers }: Project, env: CommandContext["env"]): Promise<string | undefined> {
  if (typeof written !== "string") return undefined;
  const { createRedaction, providerSecrets } = await import("../../compose/redaction.ts");
  if (written.length > reasonCharacters)
    throw new UsageError(`--reason has ${written.length} characters, at most ${reasonCharacters} are kept`);
  if (createRedaction(providerSecrets(providers.values(), env)).keyLike(written) !== written)
    throw new UsageError("--reason holds what looks like a key, and is not kept", { suggestion: "Say it without the key." });
  return written;
}

interface Done {
  readonly changed: boolean;
  readonly inForce: Pause;
  readonly before: Pause | undefined;
  readonly now: number;
}

function say({ output }: CommandContext, target: Target, { changed, inForce, before, now }: Done): void {
  const { words, argument, zone } = target;
  if (!changed) {
    output.note(`${words} is paused already, ${pauseWords(inForce, now, zone)}`);
    return;
  }
  output.note(`${words} is paused ${pauseWords(inForce, now, zone, "now")}`);
  if (before !== undefined) output.note(`This takes the place of the pause ${pauseWords(before, now, zone)}`);
  if (target.gone) output.note("It is not in the job files as they are; the pause counts if it comes back.");
  output.note(
    `Slots that are due meanwhile are recorded as skipped. What is under way goes on, and runner run works. To end it: runner resume ${argument}`,
  );
}
