/** Reads what `explain --at` has to know of a job and a time. */
import { isClaimedAhead } from "../../engine/claimed-ahead.ts";
import { judgeDaemon } from "../../engine/health/daemon-health.ts";
import type { Job } from "../../job/job.ts";
import type { LedgerReader, RunRow } from "../../ledger/ledger.ts";
import { leaderState, ticksOf } from "../health/gather.ts";
import type { AtFacts } from "./facts.ts";
import { slotsAround } from "./slots-around.ts";
import type { TimeAsked } from "../time-asked.ts";

/** All that is kept of the scheduler's doings: a daemon may have been started long before. */
const mostEvents = 10_000;
/** Runs by hand so near to the time are told, and so many of the newest runs are looked through for them. */
const nearMs = 15 * 60_000;
const lookedThrough = 1_000;

export interface AtQuestion {
  readonly job: Job;
  readonly asked: TimeAsked;
  readonly now: number;
  /** Zone of schedules that name none. */
  readonly projectZone: string;
}

export async function gatherAt(ledger: LedgerReader | undefined, projectDir: string, question: AtQuestion): Promise<AtFacts> {
  const { job, asked, now, projectZone } = question;
  const zone = job.schedule.tz ?? projectZone;
  const around = slotsAround(job, asked, projectZone);
  const records = new Map<number, RunRow>();
  for (const slot of [around.before, around.slot, around.after]) {
    const record = slot === undefined ? undefined : await ledger?.slotRecord(job.id, slot);
    // A slot that was claimed ahead is yet to come all the same.
    if (slot !== undefined && record !== undefined && !isClaimedAhead(record, now)) records.set(slot, record);
  }
  // By the schedule of that time there may have been a slot; a range over the time says nothing of that.
  const exact = await ledger?.slotRecord(job.id, asked.at);
  if (exact !== undefined && (exact.slotAt === asked.at || exact.slotFrom === asked.at)) records.set(asked.at, exact);
  const leader = await ledger?.leader();
  const events = (await ledger?.events({ jobId: job.id, limit: mostEvents })) ?? [];
  const pauses = await ledger?.pauses(now);
  const runs = (await ledger?.history({ jobId: job.id, limit: lookedThrough })) ?? [];
  const until = asked.at + asked.spanMs + nearMs;
  return {
    ...question,
    zone,
    around,
    records,
    blockers: await blockersOf(ledger, [...records.values()]),
    lastSlot: (await ledger?.lastSlots(now))?.get(job.id),
    armedSince: (await ledger?.armed())?.get(job.id)?.since,
    pause: pauses?.get(job.id) ?? pauses?.get("*"),
    endedPauses: ((await ledger?.endedPauses(now)) ?? []).filter(({ jobId }) => jobId === job.id || jobId === "*"),
    daemon: judgeDaemon({
      leader,
      leaderState: leader === undefined ? "dead" : leaderState(ledger, leader, now),
      events,
      ticks: await ticksOf(ledger, projectDir),
      now,
    }),
    events,
    byHand: runs.filter(({ slotAt, startedAt }) => slotAt === undefined && startedAt >= asked.at - nearMs && startedAt < until),
  };
}

async function blockersOf(ledger: LedgerReader | undefined, records: readonly RunRow[]): Promise<ReadonlyMap<string, RunRow>> {
  const found = new Map<string, RunRow>();
  for (const { blockedBy } of records) {
    const detail = blockedBy === undefined ? undefined : await ledger?.run(blockedBy);
    if (detail !== undefined && !("ambiguous" in detail)) found.set(detail.run.runId, detail.run);
  }
  return found;
}
