/** A slot that has no record: why not, and what will become of it. Pure. */
import { keptMs, keptRuns } from "../../ledger/ledger.ts";
import { restOf } from "../../engine/scheduler/pauses.ts";
import { blackoutAt, describeBlackout } from "../../schedule/blackout.ts";
import { dueSlots } from "../../schedule/missed.ts";
import { ago, duration, withInstants } from "../format.ts";
import { count } from "../money.ts";
import { pauseWords } from "../health/words.ts";
import type { StoryLine } from "../story.ts";
import { absenceLines } from "./record-lines.ts";
import { at, say, type AtFacts } from "./facts.ts";

export function unansweredLines(facts: AtFacts, slot: number): StoryLine[] {
  const { now, job, around, armedSince, lastSlot } = facts;
  const due = slot + around.staggerMs;
  if (!job.enabled)
    return [say(`The job is disabled (enabled: false in ${job.source.file}): none of its slots fires; runner run works.`, "bad")];
  if (due > now) return [say(`That is yet to come, in ${duration(due - now)}.`), ...obstacleLines(facts, slot)];
  if (armedSince === undefined)
    return [say("It did not run: no daemon and no runner tick has looked after this job yet.", "bad"), ...daemonLines(facts)];
  if (slot <= armedSince) return [say(`It did not run: ${armedWords(facts, armedSince)}`, "bad")];
  if (lastSlot !== undefined && slot < lastSlot) return goneLines(facts, slot, lastSlot);
  return overdueLines(facts, slot, due);
}

/** What will be in its way. */
function obstacleLines({ job, zone, pause, now }: AtFacts, slot: number): StoryLine[] {
  const blackout = blackoutAt(job.schedule.blackout ?? [], zone, slot);
  return [
    ...(pause === undefined || (pause.until ?? Infinity) <= slot
      ? []
      : [say(`It will be skipped unless that ends before: paused ${pauseWords(pause, now, zone)}.`, "bad")]),
    ...(blackout === undefined ? [] : [say(`It will be skipped: it lies in the blackout ${describeBlackout(blackout)}.`, "bad")]),
  ];
}

function armedWords(facts: AtFacts, armedSince: number): string {
  const reset = facts.events.find(({ kind, at: when }) => kind === "reset" && Math.abs(when - armedSince) < 5_000);
  const since = at(facts, armedSince);
  if (reset !== undefined) return `the job was reset at ${since} ${reset.text}, and nothing from before is made up for.`;
  return `nothing has fired this job, with its present schedule, before ${since}; earlier slots are not made up for.`;
}

function goneLines(facts: AtFacts, slot: number, lastSlot: number): StoryLine[] {
  const old = facts.now - slot > keptMs;
  const kept = `Runs are kept for ${duration(keptMs)}, and the newest ${count(keptRuns)} of each job`;
  return [
    say(
      old
        ? `There is no record of it any more. ${kept}.`
        : `There is no record of it, although later slots, up to ${at(facts, lastSlot)}, have one: it was removed (runner prune), or the job was looked after from another time then. ${kept}.`,
    ),
    ...absenceLines(facts, slot),
  ];
}

function overdueLines(facts: AtFacts, slot: number, due: number): StoryLine[] {
  const { job, now, projectZone, pause, armedSince, lastSlot } = facts;
  const since = Math.max(armedSince ?? 0, lastSlot ?? 0);
  const paused = pause === undefined ? undefined : `paused by ${pause.by}`;
  const answer = dueSlots({ job, since, now, zone: projectZone, paused, rests: facts.endedPauses.map(restOf) });
  const range = answer.ranges.find(({ from, to }) => slot >= from && slot <= to);
  const willRun = answer.run.some((one) => one.at === slot);
  const will = willRun
    ? "Whoever comes first, runner start or runner tick, runs it."
    : range === undefined
      ? "Whoever comes first, runner start or runner tick, decides what becomes of it."
      : `Whoever comes first, runner start or runner tick, records it as ${range.status}: ${withInstants(range.reason, (instant) => at(facts, instant))}.`;
  return [
    say(`It has not run: it is overdue, by ${duration(now - due)}, and has no record.`, "bad"),
    ...daemonLines(facts),
    say(will),
  ];
}

function daemonLines(facts: AtFacts): StoryLine[] {
  const { daemon, now } = facts;
  switch (daemon.kind) {
    case "none": {
      const { ticked, stoppedAt } = daemon;
      if (ticked?.everyMs !== undefined)
        return [
          say(
            `No daemon is running: runner tick comes about every ${duration(ticked.everyMs)}, last at ${at(facts, ticked.at)}.`,
          ),
        ];
      const stopped =
        ticked !== undefined
          ? `; runner tick did what was due at ${at(facts, ticked.at)}`
          : stoppedAt === undefined
            ? ""
            : `; the last one stopped at ${at(facts, stoppedAt)}`;
      return [say(`No daemon is running${stopped}. To start one: runner start`)];
    }
    case "dead":
      return [
        say(
          `The daemon (pid ${daemon.leader.owner.pid}) died; it was last seen ${ago(daemon.seenAt, now)}. To start one: runner start`,
        ),
      ];
    case "alive": {
      const { held, leader } = daemon;
      const why = held === undefined ? "" : `, but starts nothing: ${held.reason ?? "the ledger cannot be written"}`;
      return [say(`A daemon is running (pid ${leader.owner.pid}, since ${at(facts, leader.startedAt)})${why}.`)];
    }
  }
}
