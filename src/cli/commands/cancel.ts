import { setTimeout as wait } from "node:timers/promises";
import { UsageError } from "../../errors.ts";
import { isClaimedAhead } from "../../engine/claimed-ahead.ts";
import type { EndedRun, EndRunParts } from "../../engine/end-run.ts";
import type { Ledger, RunRow } from "../../ledger/ledger.ts";
import { exitCodeOf, exitCodes } from "../../run/exit-code.ts";
import { isEnding } from "../../run/run.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { userName } from "../control/who.ts";
import { ago, duration, oneLine, shortId } from "../format.ts";
import { findRun, type Records } from "../records.ts";
import { onStopSignals, type StopSignals } from "../signals.ts";
import { durationOption } from "../time-options.ts";

/** How often the run is looked at. Its process looks for the request each second. */
const lookEveryMs = 200;

export const cancel: CommandDefinition = {
  name: "cancel",
  summary: "End a run: its processes are stopped and confirmed dead; what waits or is queued is closed at once",
  examples: [
    ["runner cancel 1f2e3d4c", "and wait until it has ended"],
    ["runner cancel fpl-daily-check", "every open run of a job"],
    ["runner cancel last --no-wait", "ask, and come back at once"],
  ],
  define: (command) =>
    command
      .argument("<run>", "a run's id or its beginning, a job for its open runs, or `last`")
      .option("--wait <duration>", "wait at most so long for its end, then exit 75; the request stays", "2m")
      .option("--no-wait", "ask, and do not wait for the end"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[], options: CommandOptions): Promise<number> {
  const waitMs = options["wait"] === false ? 0 : durationOption("--wait", options["wait"]);
  const { loadProject, openProjectLedger, openProjectLedgerToWrite } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const reader = await openProjectLedger(project, { create: false });
  await reader?.close();
  if (reader === undefined)
    throw new UsageError(`there is no run "${wanted}": nothing has been run yet`, { suggestion: "See: runner status" });
  const ledger = await openProjectLedgerToWrite(project);
  const signals = onStopSignals((signal) => context.exitNow(exitCodeOf({ status: "cancelled", signal })));
  try {
    const runs = await runsToEnd({ project, ledger }, wanted);
    const { endRunParts } = await import("../../compose/control.ts");
    const { endRun } = await import("../../engine/end-run.ts");
    const parts = endRunParts(ledger);
    const results: Result[] = [];
    for (const run of runs) {
      const why = `cancelled by ${userName()}`;
      results.push(await toItsEnd({ ledger, parts, endRun, waitMs, signals }, run, why));
    }
    if (context.output.json) context.output.document("cancel", { runs: results.map(toDocument) });
    else for (const result of results) say(context, result, waitMs);
    const stopped = results.find(({ left }) => left !== undefined && left !== "late")?.left;
    if (stopped !== undefined && stopped !== "late") return exitCodeOf({ status: "cancelled", signal: stopped });
    const done = results.every(({ ended, left }) => left === undefined && ended.how !== "unconfirmed");
    return done ? exitCodes.ok : exitCodes.later;
  } finally {
    signals.release();
    await ledger.close();
  }
}

/** The run of that id; of a job that is named, its open ones, or the newest if none is. */
async function runsToEnd(records: Records & { readonly ledger: Ledger }, wanted: string): Promise<readonly RunRow[]> {
  const { project, ledger } = records;
  const open = await ledger.openRuns();
  const jobId = project.jobIdFor(wanted);
  const now = Date.now();
  const isNamed = (run: RunRow): boolean =>
    jobId === undefined ? run.jobName === wanted || run.jobId === wanted : run.jobId === jobId;
  const ofJob = open.filter((run) => isNamed(run) && !isClaimedAhead(run, now));
  if (ofJob.length > 0) return ofJob;
  const { run } = await findRun(records, wanted);
  if (!isNamed(run) || !isClaimedAhead(run, now)) return [run];
  // Of a job that is named, a slot that has not come yet is no run of it, though it may be claimed.
  const before = (await ledger.history({ jobId: run.jobId, limit: 2 })).find((one) => !isClaimedAhead(one, now));
  if (before === undefined)
    throw new UsageError(`there is no run of "${wanted}" yet`, { suggestion: "Its next slots: runner next" });
  return [before];
}

interface Result {
  readonly run: RunRow;
  readonly ended: EndedRun;
  /** The run as it is now, if it was waited for. */
  readonly after?: RunRow;
  /** It has not ended yet: the time was up, or a signal ended the waiting. */
  readonly left?: "late" | "SIGINT" | "SIGTERM" | "SIGHUP";
}

interface Ending {
  readonly ledger: Ledger;
  readonly parts: EndRunParts;
  readonly endRun: (parts: EndRunParts, run: RunRow, words: string) => Promise<EndedRun>;
  readonly waitMs: number;
  readonly signals: StopSignals;
}

async function toItsEnd({ ledger, parts, endRun, waitMs, signals }: Ending, run: RunRow, why: string): Promise<Result> {
  let ended = await endRun(parts, run, why);
  const until = performance.now() + waitMs;
  if (waitMs === 0) return { run, ended };
  while (ended.how === "asked") {
    const found = await ledger.run(run.runId);
    if (found === undefined || "ambiguous" in found) throw new Error(`broken invariant: run ${run.runId} vanished`);
    if (isEnding(found.run.status)) return { run, ended, after: found.run };
    const stopped = await Promise.race([wait(lookEveryMs), signals.stopped]);
    if (stopped !== undefined) return { run, ended, left: stopped };
    if (performance.now() >= until) return { run, ended, left: "late" };
    // Its process may have died meanwhile, or it may wait now, and then it is ours to end.
    const has = found.run.status === "running" && parts.ownerState(found.run.owner) !== "dead";
    if (!has) ended = await endRun(parts, found.run, why);
  }
  return { run, ended };
}

function toDocument({ run, ended, after, left }: Result): Record<string, unknown> {
  const { runId, jobId, jobName, status } = run;
  return {
    runId,
    jobId,
    job: jobName,
    before: status,
    how: ended.how,
    after: after?.status ?? null,
    ended: isOver({ ended, after, left }),
  };
}

function isOver({ ended, after, left }: { ended: EndedRun; after: RunRow | undefined; left: Result["left"] }): boolean {
  return left === undefined && (after !== undefined || ["over", "closed", "swept"].includes(ended.how));
}

function say({ output }: CommandContext, { run, ended, after, left }: Result, waitMs: number): void {
  const name = `run ${shortId(run.runId)} of ${oneLine(run.jobName, 60)}`;
  output.note(`${name} ${words(run, ended, { after, left, waitMs })}`);
}

interface Waited {
  readonly after: RunRow | undefined;
  readonly left: Result["left"];
  readonly waitMs: number;
}

function words(run: RunRow, ended: EndedRun, { after, left, waitMs }: Waited): string {
  if (after !== undefined) {
    const took = after.finishedAt === undefined ? "" : `, after ${duration(after.finishedAt - after.startedAt)}`;
    return after.status === "cancelled" ? `is cancelled${took}` : `has ended: ${after.status}${took}`;
  }
  switch (ended.how) {
    case "over":
      return `has ended already: ${ended.run.status} ${ago(ended.run.finishedAt ?? ended.run.startedAt, Date.now())}; nothing was changed`;
    case "closed":
      return ended.before === "queued" ? "is cancelled; it had not begun" : "is cancelled; it was waiting, and had no process";
    case "swept":
      return "is cancelled; its process had died, and nothing of it is left";
    case "unconfirmed":
      return "is still open: its process has died, and that nothing of it lives cannot be confirmed (docs/isolation.md)";
    case "asked": {
      const where = `pid ${run.owner.pid} on ${oneLine(run.owner.host, 60)}`;
      if (left === undefined) return `was asked to end (${where}); see: runner logs ${shortId(run.runId)} -f`;
      const how = left === "late" ? `has not ended after ${duration(waitMs)}` : "was asked to end";
      return `${how}; the request stays, and its process is ${where}`;
    }
  }
}
