import type { CommandContext, CommandDefinition } from "../command.ts";
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
  ],
  define: (command) => command.argument("<run>", "a run's id or its beginning, a job for its newest run, or `last`"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[]): Promise<number> {
  const { output } = context;
  await withRecords(context, async (records) => {
    const detail = await findRun(records, wanted);
    const { run } = detail;
    const died = (await deathWatch([run]))(run);
    const { storyOf } = await import("../story.ts");
    const story = storyOf(detail, { died, now: Date.now() });
    if (output.json) {
      const { runId, jobId, jobName, status } = run;
      output.document("explanation", { run: { runId, jobId, jobName, status, died }, story });
      return;
    }
    output.data(`${output.style("bold", `run ${run.runId}`)}\n`);
    for (const told of story.filter(({ about }) => about !== "advice")) output.data(styled(told, output.style));
    const advice = story.filter(({ about }) => about === "advice");
    if (advice.length > 0) output.data(`\n${output.style("bold", "What to do")}`);
    for (const told of advice) output.data(`  ${told.text}`);
  });
  return 0;
}

const styles = { plain: undefined, good: "green", bad: "yellow", aside: "dim" } as const satisfies Record<
  StoryLine["tone"],
  Style | undefined
>;

function styled({ text, depth, tone }: StoryLine, style: (style: Style, text: string) => string): string {
  const name = styles[tone];
  return `${"  ".repeat(depth)}${name === undefined ? text : style(name, text)}`;
}
