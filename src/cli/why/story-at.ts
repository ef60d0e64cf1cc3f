/** Why a job did or did not run at a time, in plain sentences: what `runner explain JOB --at TIME` prints. Pure. */
import { nextOffsetChange } from "../../job/offset.ts";
import type { RunRow, SchedulerEventRow } from "../../ledger/ledger.ts";
import { describeSchedule } from "../../schedule/describe.ts";
import { oneLine, shortId, withInstants } from "../format.ts";
import type { StoryLine } from "../story.ts";
import { at, say, type AtFacts } from "./facts.ts";
import { recordLines, resultWords } from "./record-lines.ts";
import { unansweredLines } from "./unanswered-lines.ts";

export function storyAt(facts: AtFacts): readonly StoryLine[] {
  const { around, records } = facts;
  const { slot } = around;
  const record = slot === undefined ? undefined : records.get(slot);
  return [
    ...clockLines(facts),
    ...(slot === undefined
      ? noSlotLines(facts)
      : [...slotLines(facts, slot), ...(record === undefined ? unansweredLines(facts, slot) : recordLines(facts, slot, record))]),
    ...handLines(facts),
    ...eventLines(facts, slot, record),
  ];
}

/** What the clocks of the zone did at the time. */
function clockLines({ asked, zone, around, job }: AtFacts): StoryLine[] {
  if (job.schedule.kind !== "cron") return [];
  if (asked.skipped)
    return [
      say(`${asked.local} does not exist in ${zone}: the clocks jump over it. What is due then fires once, right after it.`),
    ];
  if (asked.again !== undefined)
    return [
      say(
        `${asked.local} comes twice in ${zone}, because the clocks are set back: a fixed time fires once, at the first; * in the minute or hour follows real time.`,
      ),
    ];
  const { slot } = around;
  const change = slot === undefined ? undefined : nextOffsetChange(zone, slot - 1_000, slot);
  if (change === undefined || change.afterMinutes < change.beforeMinutes) return [];
  return [say(`The clocks of ${zone} jumped forward at that moment: what was due in between fires now, once.`)];
}

function slotLines(facts: AtFacts, slot: number): StoryLine[] {
  const { job, around } = facts;
  const staggered = around.staggerMs === 0 ? "" : `; staggered, it is due at ${at(facts, slot + around.staggerMs)}`;
  return [say(`${oneLine(job.name, 100)} has a slot at ${at(facts, slot)} (${scheduleWords(facts)})${staggered}.`)];
}

function scheduleWords({ job, zone }: AtFacts): string {
  const { schedule } = job;
  return schedule.kind === "cron" ? `${schedule.expr}, ${zone}` : describeSchedule(schedule);
}

function noSlotLines(facts: AtFacts): StoryLine[] {
  const { job, asked, around, records, armedSince } = facts;
  const { schedule } = job;
  const name = oneLine(job.name, 100);
  const old = records.get(asked.at);
  const outside =
    schedule.startAt !== undefined && asked.at < schedule.startAt
      ? ` Its schedule begins only at ${at(facts, schedule.startAt)}.`
      : schedule.endAt !== undefined && asked.at >= schedule.endAt
        ? ` Its schedule ended at ${at(facts, schedule.endAt)}.`
        : "";
  const why =
    schedule.kind === "manual"
      ? "it has no schedule, and runs by hand only"
      : schedule.kind === "boot"
        ? "it is due once after each start of the machine"
        : `its schedule is ${scheduleWords(facts)}`;
  const changed =
    armedSince !== undefined && armedSince > asked.at && old === undefined
      ? [say(`Its schedule counts since ${at(facts, armedSince)}; what it was before is not kept.`, "aside")]
      : [];
  const told =
    old === undefined ? [] : [say("It had one by the schedule of that time.", "aside"), ...recordLines(facts, asked.at, old)];
  return [
    say(`${name} has no slot at ${asked.local}: ${why}.${outside}`),
    ...told,
    ...changed,
    ...nearLine(facts, "The slot before", around.before),
    ...nearLine(facts, "The slot after", around.after),
  ];
}

function nearLine(facts: AtFacts, words: string, slot: number | undefined): StoryLine[] {
  if (slot === undefined) return [];
  const record = facts.records.get(slot);
  const result = record === undefined ? (slot > facts.now ? "yet to come" : "no record") : resultWords(facts, record);
  return [say(`${words}: ${at(facts, slot)}, ${result}.`, "plain", 1)];
}

function handLines(facts: AtFacts): StoryLine[] {
  return facts.byHand.slice(0, 5).map((run) => {
    const how =
      run.trigger === "manual" ? "By hand" : run.trigger === "boot" ? "After a start of the machine" : "As a repetition";
    return say(`${how}, run ${shortId(run.runId)} began at ${at(facts, run.startedAt)}: ${resultWords(facts, run)}.`);
  });
}

/** How far from the slot something is still told as having happened around it. */
const aroundMs = 30 * 60_000;
const givenBackMs = 24 * 3_600_000;
const mostEvents = 12;

const eventWords: Readonly<Record<SchedulerEventRow["kind"], string>> = {
  started: "a daemon was started",
  stopped: "the daemon stopped",
  took_over: "a daemon took over",
  stood_down: "a daemon stood down",
  ticked: "runner tick did what was due",
  reloaded: "the job files were read anew",
  reload_refused: "changed job files were refused",
  files_refused: "job files could not be used",
  files_mended: "all job files could be used again",
  clock_jumped: "the clock jumped",
  withdrawn: "slots were given back",
  slept: "the machine had slept",
  held: "nothing was started",
  resumed: "runs were started again",
  paused: "paused",
  unpaused: "resumed",
  rescued: "dead runs were closed",
  reset: "the job was reset",
  blocked: "the job was found blocked",
  unblocked: "the job was no longer blocked",
  armed: "the job was looked after from then on",
  booted: "runner ran for the first time since the machine was started",
};

function eventLines(facts: AtFacts, slot: number | undefined, record: RunRow | undefined): StoryLine[] {
  const from = (slot ?? facts.asked.at) - aroundMs;
  const until = Math.max(record?.startedAt ?? 0, (slot ?? facts.asked.at) + facts.around.staggerMs) + aroundMs;
  const meant = slot ?? facts.asked.at;
  // Slots that are given back lie hours after that: it is told for those of the day.
  const isNear = (event: SchedulerEventRow): boolean =>
    event.at >= (event.kind === "withdrawn" ? meant - givenBackMs : from) && event.at <= until;
  const near = facts.events.filter((event) => isNear(event) && concerns(facts, event)).toSorted((a, b) => a.at - b.at);
  // A wish that is said twice, such as a reload, is answered twice.
  const told = near.filter(({ kind, text }, index) => kind !== near[index - 1]?.kind || text !== near[index - 1]?.text);
  if (told.length === 0) return [];
  const local = (words: string): string => withInstants(words, (instant) => at(facts, instant));
  const lines = told.slice(0, mostEvents).map(({ at: when, kind, text }) => {
    // What blocks it the record of its slot says, in full.
    const more = text === "" || kind === "booted" ? "" : `: ${oneLine(local(text), kind === "blocked" ? 80 : 250)}`;
    return say(`${at(facts, when)}  ${eventWords[kind]}${more}`, "aside", 1);
  });
  return [say("Around that time:", "aside"), ...lines];
}

/** Starts of the machine are news for the jobs that are due then, and that somebody ticks is none. */
function concerns({ job }: AtFacts, { kind }: SchedulerEventRow): boolean {
  return kind !== "ticked" && (kind !== "booted" || job.schedule.kind === "boot");
}
