/** A slot that has a record: what became of it, and why when it did. Pure. */
import type { RunRow } from "../../ledger/ledger.ts";
import { isEnding } from "../../run/run.ts";
import { duration, instantIn, oneLine, shortId, withInstants } from "../format.ts";
import type { StoryLine } from "../story.ts";
import { absenceAt } from "./absence.ts";
import { say, at, type AtFacts } from "./facts.ts";

/** A run that began so much later than it was due needs no word on that. */
const punctualMs = 2_000;

/** `succeeded (run 1f2e3d4c)`; of one that has no run, why not. */
export function resultWords(facts: Pick<AtFacts, "zone">, record: RunRow): string {
  const told = record.status === "missed" || record.status === "skipped";
  const why = told ? `: ${oneLine(reasonIn(facts, record), 160)}` : "";
  return `${record.status.replace("_", " ")} (run ${shortId(record.runId)})${why}`;
}

function reasonIn({ zone }: Pick<AtFacts, "zone">, { reason = "" }: RunRow): string {
  return withInstants(reason, (instant) => instantIn(zone, instant)).replace(/\.$/, "");
}

export function recordLines(facts: AtFacts, slot: number, record: RunRow): StoryLine[] {
  const { status } = record;
  if (status === "queued") {
    const since = at(facts, record.queuedAt ?? record.startedAt);
    return [say(`It is claimed since ${since} (run ${shortId(record.runId)}), and waits to be begun.`)];
  }
  const notRun = status === "blocked" || status === "missed" || status === "skipped";
  return notRun ? notRunLines(facts, slot, record) : runLines(facts, slot, record);
}

function notRunLines(facts: AtFacts, slot: number, record: RunRow): StoryLine[] {
  const { slots = 1, slotFrom = slot, slotAt = slot } = record;
  const range =
    slots === 1
      ? ""
      : ` It is one of ${slots} slots in a row, from ${at(facts, slotFrom)} to ${at(facts, slotAt)}, with the same answer.`;
  const recordedAt = record.finishedAt ?? record.startedAt;
  const why = record.reason === undefined || record.reason === "" ? "" : `: ${oneLine(reasonIn(facts, record), 500)}`;
  return [
    say(`It did not run: it was ${record.status}${why} (recorded ${instantIn(facts.zone, recordedAt)}).${range}`, "bad"),
    ...(record.status === "missed" ? absenceLines(facts, slot) : []),
    ...blockerLines(facts, record),
    ...(record.status === "blocked" ? [adviceLine(record)] : []),
  ];
}

function adviceLine({ runId }: RunRow): StoryLine {
  return { about: "advice", text: `All of it: runner explain ${shortId(runId)}`, depth: 0, tone: "plain" };
}

export function absenceLines(facts: AtFacts, slot: number): StoryLine[] {
  const absence = absenceAt(facts.events, slot + facts.around.staggerMs);
  if (absence === undefined) return [];
  if (absence.kind === "died")
    return [
      say(
        `The daemon that had begun at ${at(facts, absence.since)} ended without a word, and the next one began at ${at(facts, absence.until)}.`,
      ),
    ];
  const since = absence.since === undefined ? "" : ` since ${at(facts, absence.since)}`;
  const until = absence.until === undefined ? "" : ` until ${at(facts, absence.until)}`;
  return [say(`No daemon was running then${since}${until}, as far as is known.`)];
}

function blockerLines(facts: AtFacts, { blockedBy }: RunRow): StoryLine[] {
  const blocker = blockedBy === undefined ? undefined : facts.blockers.get(blockedBy);
  if (blocker === undefined) return [];
  const end = blocker.finishedAt === undefined ? "and has not ended yet" : `and ended at ${at(facts, blocker.finishedAt)}`;
  return [
    say(
      `In its way was run ${shortId(blocker.runId)}: it began at ${at(facts, blocker.startedAt)} ${end} (${blocker.status.replace("_", " ")}).`,
    ),
  ];
}

function runLines(facts: AtFacts, slot: number, record: RunRow): StoryLine[] {
  const { slots = 1, slotFrom } = record;
  const id = shortId(record.runId);
  const since = slots > 1 && slotFrom !== undefined ? ` So ended ${slots} slots in a row, since ${at(facts, slotFrom)}.` : "";
  const why = record.reason === undefined || record.reason === "" ? "" : `: ${oneLine(reasonIn(facts, record), 500)}`;
  const end = isEnding(record.status)
    ? `It ended ${record.status.replace("_", " ")}${record.finishedAt === undefined ? "" : ` at ${at(facts, record.finishedAt)}`}${why}.`
    : record.status === "waiting" && record.wait !== undefined
      ? `It waits until ${at(facts, record.wait.until)}: ${oneLine(record.wait.why, 300)}.`
      : "It is under way.";
  const good = record.status === "succeeded" || record.status === "quiet";
  return [
    say(`Run ${id} answered it: it began at ${at(facts, record.startedAt)}${latenessWords(facts, slot, record)}.`),
    ...latenessLines(facts, slot, record),
    say(`${end}${since}`, good ? "good" : isEnding(record.status) ? "bad" : "plain"),
    ...blockerLines(facts, record),
    adviceLine(record),
  ];
}

function dueOf({ around }: AtFacts, slot: number, { dueAt }: RunRow): number {
  return dueAt ?? slot + around.staggerMs;
}

function latenessWords(facts: AtFacts, slot: number, record: RunRow): string {
  const late = record.startedAt - dueOf(facts, slot, record);
  return late < 1_000 ? ", on time" : `, ${duration(late)} after it was due`;
}

/** Where the time went between the instant and the beginning. */
function latenessLines(facts: AtFacts, slot: number, record: RunRow): StoryLine[] {
  const due = dueOf(facts, slot, record);
  if (record.startedAt - due < punctualMs) return [];
  const claimedAt = record.queuedAt ?? record.startedAt;
  const lines: StoryLine[] = [];
  if (claimedAt - due >= punctualMs) {
    const caught = facts.events.filter(({ at: when }) => when >= due - punctualMs && when <= claimedAt + punctualMs);
    const slept = caught.find(({ kind }) => kind === "slept" || kind === "clock_jumped" || kind === "held");
    lines.push(say(`It was claimed at ${at(facts, claimedAt)}, ${duration(claimedAt - due)} late.`, "plain", 1));
    if (slept !== undefined) lines.push(say(`${causes[slept.kind] ?? ""}: ${oneLine(slept.text, 200)}.`, "plain", 1));
    else lines.push(...absenceLines(facts, slot).map((line) => ({ ...line, depth: 1 as const })));
  }
  const queued = record.startedAt - claimedAt;
  if (queued >= punctualMs)
    lines.push(say(`It waited ${duration(queued)} for a free place, or for the job's run before it.`, "plain", 1));
  return lines;
}

const causes: Readonly<Record<string, string>> = {
  slept: "The machine had slept",
  clock_jumped: "The clock jumped",
  held: "The daemon could start nothing",
};
