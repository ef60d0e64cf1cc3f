import { setTimeout as wait } from "node:timers/promises";
import type { RunDetail } from "../../ledger/ledger.ts";
import { exitCodeOf, exitCodes } from "../../run/exit-code.ts";
import { isEnding } from "../../run/run.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { instantMs } from "../format.ts";
import { jsonVersion, type Output } from "../output.ts";
import { findRun, withRecords, type Records } from "../records.ts";
import { onStopSignals, type StopSignals } from "../signals.ts";
import { deathWatch } from "../status.ts";
import type { Moment } from "../timeline.ts";

/** How often a live run is looked at. A look costs a millisecond or two. */
const lookEveryMs = 400;

const goneWords = "Its process is gone without having recorded an end; a daemon or the next run closes it.";

export const logs: CommandDefinition = {
  name: "logs",
  summary: "Show a run moment by moment, with times; -f follows one that is under way",
  examples: [
    ["runner logs last", "the newest run"],
    ["runner logs fpl-daily-check -f", "watch the newest run of a job; ends with it, with its exit code"],
    ["runner logs last --json | jq .text", "one JSON document a line"],
  ],
  define: (command) =>
    command
      .argument("<run>", "a run's id or its beginning, a job for its newest run, or `last`")
      .option("-f, --follow", "go on until the run ends, and exit with its exit code"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[], options: CommandOptions): Promise<number> {
  // Before the first word is written: whoever sees it may press Ctrl-C.
  const signals =
    options["follow"] === true
      ? onStopSignals((signal) => context.exitNow(exitCodeOf({ status: "cancelled", signal })))
      : undefined;
  try {
    return await withRecords(context, async (records) => {
      const detail = await findRun(records, wanted);
      const tell = await teller(context.output);
      tell(detail);
      if (signals !== undefined) return follow(context, records, detail, { tell, signals });
      if ((await deathWatch([detail.run], records.ledger))(detail.run)) context.output.note(goneWords);
      else if (!isEnding(detail.run.status)) context.output.note(`It is under way; follow it: runner logs ${wanted} -f`);
      return exitCodes.ok;
    });
  } finally {
    signals?.release();
  }
}

/** Prints what it has not printed before. */
async function teller(output: Output): Promise<(detail: RunDetail) => void> {
  const { timelineOf, keyOf } = await import("../timeline.ts");
  const told = new Set<string>();
  return (detail) => {
    for (const moment of timelineOf(detail)) {
      if (told.has(keyOf(moment))) continue;
      told.add(keyOf(moment));
      print(output, detail.run.runId, moment);
    }
  };
}

interface Watch {
  readonly tell: (detail: RunDetail) => void;
  readonly signals: StopSignals;
}

/** Until the run ends, its process is found dead, or a signal comes; only this watching ends with the signal, not the run. */
async function follow(context: CommandContext, { ledger }: Records, found: RunDetail, { tell, signals }: Watch): Promise<number> {
  for (let detail = found; ;) {
    if (isEnding(detail.run.status)) return detail.run.exitCode ?? exitCodeOf(detail.run);
    const died = (await deathWatch([detail.run], ledger))(detail.run);
    const pause = died ? undefined : wait(lookEveryMs, undefined, { signal: signals.signal }).catch(() => signals.stopped);
    const stopped = await Promise.race([signals.stopped, pause]);
    if (stopped !== undefined) return exitCodeOf({ status: "cancelled", signal: stopped });
    const next = await ledger?.run(found.run.runId);
    if (next === undefined || "ambiguous" in next) return exitCodes.failed;
    // A process that is gone may have recorded its end in its last moment, after it was looked at.
    if (died && !isEnding(next.run.status)) {
      context.output.note(goneWords);
      return exitCodes.failed;
    }
    detail = next;
    tell(detail);
  }
}

const tones = { plain: undefined, good: "green", bad: "yellow" } as const;

function print(output: Output, runId: string, moment: Moment): void {
  if (output.json) {
    const { at, tone: _tone, depth: _depth, ...facts } = moment;
    const time = at === undefined ? {} : { at: new Date(at).toISOString() };
    output.data(JSON.stringify({ version: jsonVersion, kind: "log", runId, ...time, ...facts }));
    return;
  }
  const time = moment.at === undefined ? "?".padEnd(24) : instantMs(moment.at);
  const tone = tones[moment.tone];
  output.data(
    `${output.style("dim", time)}  ${"  ".repeat(moment.depth)}${tone === undefined ? moment.text : output.style(tone, moment.text)}`,
  );
}
