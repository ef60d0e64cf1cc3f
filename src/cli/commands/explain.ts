import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import type { Style } from "../output.ts";
import { findRun, withRecords } from "../records.ts";
import { deathWatch } from "../status.ts";
import type { StoryLine } from "../story.ts";

export const explain: CommandDefinition = {
  name: "explain",
  summary: "Tell a run in plain words: what happened, what healed it, what it cost, why it ended so, what to do",
  examples: [
    ["runner explain last", "the newest run"],
    ["runner explain fpl-daily-check", "the newest run of a job"],
    ["runner explain 1f2e3d4c", "the beginning of a run's id is enough"],
    ["runner explain fpl-daily-check --at 'yesterday 12:00'", "why a job did, or did not, run at a time"],
  ],
  define: (command) =>
    command
      .argument("<run>", "a run's id or its beginning, a job for its newest run, or `last`; with --at a job")
      .option(
        "--at <time>",
        "why the job did, or did not, run then: now, 2h ago, 09:00, yesterday, yesterday 09:00, monday, 2026-11-24T09:00, or with an offset",
      ),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[], options: CommandOptions): Promise<number> {
  const { output } = context;
  if (typeof options["at"] === "string") return explainAt(context, wanted, options["at"]);
  await withRecords(context, async (records) => {
    const detail = await findRun(records, wanted);
    const { run } = detail;
    const died = (await deathWatch([run], records.ledger))(run);
    const { storyOf } = await import("../story.ts");
    const story = storyOf(detail, { died, now: Date.now() });
    if (output.json) {
      const { runId, jobId, jobName, status } = run;
      output.document("explanation", { run: { runId, jobId, jobName, status, died }, story });
      return;
    }
    output.data(`${output.style("bold", `run ${run.runId}`)}\n`);
    print(context, story);
  });
  return 0;
}

/** Why a job did, or did not, run at a time. */
async function explainAt(context: CommandContext, wanted: string, time: string): Promise<number> {
  await withRecords(context, async ({ project, ledger }) => {
    const job = project.jobFor(wanted);
    const [{ timeAsked }, { gatherAt }, { storyAt }] = await Promise.all([
      import("../time-asked.ts"),
      import("../why/gather.ts"),
      import("../why/story-at.ts"),
    ]);
    const now = Date.now();
    const asked = timeAsked(time, now, job.schedule.tz ?? project.zone);
    const facts = await gatherAt(ledger, project.projectDir, { job, asked, now, projectZone: project.zone });
    const story = storyAt(facts);
    if (!context.output.json) {
      print(context, story);
      return;
    }
    const { around, records, zone } = facts;
    const record = records.get(around.slot ?? asked.at);
    context.output.document("explanation-at", {
      job: { jobId: job.id, job: job.name, zone },
      asked,
      slot: around.slot ?? null,
      before: around.before ?? null,
      after: around.after ?? null,
      record: record ?? null,
      story,
    });
  });
  return 0;
}

function print({ output }: CommandContext, story: readonly StoryLine[]): void {
  for (const told of story.filter(({ about }) => about !== "advice")) output.data(styled(told, output.style));
  const advice = story.filter(({ about }) => about === "advice");
  if (advice.length > 0) output.data(`\n${output.style("bold", "What to do")}`);
  for (const told of advice) output.data(`  ${told.text}`);
}

const styles = { plain: undefined, good: "green", bad: "yellow", aside: "dim" } as const satisfies Record<
  StoryLine["tone"],
  Style | undefined
>;

function styled({ text, depth, tone }: StoryLine, style: (style: Style, text: string) => string): string {
  const name = styles[tone];
  return `${"  ".repeat(depth)}${name === undefined ? text : style(name, text)}`;
}
