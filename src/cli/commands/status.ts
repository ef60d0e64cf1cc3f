import { UsageError } from "../../errors.ts";
import { exitCodes } from "../../run/exit-code.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { withRecords } from "../records.ts";
import { durationOption } from "../time-options.ts";

export const status: CommandDefinition = {
  name: "status",
  summary: "Show how the jobs fare: what is due, under way, overdue, blocked or failing; exit 1 if anything is",
  examples: [
    ["runner status", "every job, and whether a daemon is there"],
    ["runner status fpl-daily-check", "one job"],
    ["runner status --watch", "live; q leaves"],
    ["runner status --quiet || notify-send 'runner: look at me'", "for scripts and monitors: the exit code alone"],
    ["runner status --json | jq '.jobs[] | select(.light == \"red\")'", "for scripts"],
  ],
  define: (command) =>
    command
      .argument("[job]", "name or id of a job")
      .option("-w, --watch", "stay, and show what changes; without a terminal one line for each change")
      .option("-q, --quiet", "print nothing: the exit code alone")
      .option("--tolerance <duration>", "how long after it was due a slot without a record is called overdue", "90s"),
  execute,
};

async function execute(context: CommandContext, [jobName]: readonly string[], options: CommandOptions): Promise<number> {
  const quiet = options["quiet"] === true;
  const watch = options["watch"] === true;
  if (quiet && watch) throw new UsageError("--quiet prints nothing, so there is nothing to --watch");
  const toleranceMs = durationOption("--tolerance", options["tolerance"]);
  if (watch) {
    const { watchStatus } = await import("../health/watch.ts");
    return watchStatus(context, jobName, toleranceMs);
  }
  return withRecords(context, async (records) => {
    const { lookAt, lookOf } = await import("../health/gather.ts");
    const now = Date.now();
    const health = await lookAt({ ...lookOf(records.project, jobName, toleranceMs), ledger: records.ledger }, now);
    const { output } = context;
    if (!quiet && output.json) {
      const { healthDocument } = await import("../health/document.ts");
      output.document("status", healthDocument(health, now));
    } else if (!quiet) {
      const [{ statusLines }, { glyphsFor }] = await Promise.all([import("../health/view.ts"), import("../health/glyphs.ts")]);
      const width = output.terminal ? output.width : Infinity;
      const zone = records.project.zone;
      const view = { now, zone, width, height: Infinity, glyphs: glyphsFor(context.env), style: output.style };
      for (const line of statusLines(health, view)) output.data(line);
      if (health.jobs.length === 0) output.note("No jobs here. A job is a file in jobs/; make a first one: runner init");
    }
    if (health.trouble) return exitCodes.failed;
    // What is odd about the files is for `validate` to say; what cannot be used does not run.
    return (health.problems ?? []).length > 0 ? exitCodes.config : exitCodes.ok;
  });
}
