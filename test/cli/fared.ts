/** A project whose jobs are each in another state: what the commands of the live control are tested on. Times count back from now. */
import { thisOwner } from "../../src/engine/owner.ts";
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger, RunFinish, RunStart } from "../../src/ledger/ledger.ts";
import { owner, runFinish, runStart } from "../ledger/records.ts";
import type { Stage } from "./stage.ts";

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** Three whole hours before these tests began, and a part of one: every slot is at this time of a day, so whenever they run it is as long ago. */
const slotOfToday = Math.floor(Date.now() / hour) * hour - 3 * hour;

/** The last slot (UTC) before an instant. */
export function slotBefore(now: number): number {
  return slotOfToday + Math.floor((now - slotOfToday) / day) * day;
}

const names = ["well", "late", "failing", "blocked", "missed", "paused", "off", "new", "under-way", "waits", "dead"] as const;

export function writeJobs(project: Stage): void {
  for (const name of names) {
    project.write(`jobs/${name}.json`, {
      id: name,
      name,
      message: "Hello",
      model: "kimi-coding/k2p5",
      enabled: name !== "off",
      schedule: { kind: "cron", expr: `0 ${new Date(slotOfToday).getUTCHours()} * * *`, tz: "UTC" },
    });
  }
}

let made = 0;
/** Ids whose first eight characters tell them apart. */
export function newId(): string {
  made += 1;
  return `${made.toString(16).padStart(4, "0")}cafe-4b6d-bb97-7f58-4eb0ef831111`;
}

type Facts = Partial<RunStart> & { readonly jobId: string };

export async function ran(ledger: Ledger, facts: Facts, finish: Partial<RunFinish> = {}): Promise<string> {
  const runId = facts.runId ?? newId();
  const startedAt = facts.slotAt ?? 0;
  const begin = runStart({
    jobName: facts.jobId,
    trigger: facts.slotAt === undefined ? "manual" : "slot",
    startedAt,
    ...facts,
    runId,
  });
  await ledger.claimRun(begin);
  await ledger.finishRun(runId, runFinish({ finishedAt: begin.startedAt + minute, ...finish }));
  return runId;
}

/** An open run of a process that is gone. */
export async function lost(ledger: Ledger, facts: Facts): Promise<string> {
  const runId = newId();
  const [startedAt, leaseUntil] = [facts.startedAt ?? 0, (facts.startedAt ?? 0) + 30_000];
  await ledger.claimRun(runStart({ jobName: facts.jobId, leaseUntil, owner, ...facts, startedAt, runId }));
  return runId;
}

/** Every job in its state; the ids of the runs that matter, by job. */
export async function tellStates(stateDir: string, now: number): Promise<Readonly<Record<string, string>>> {
  const ledger = await openLedger({ stateDir });
  const newest = slotBefore(now);
  const armed = names.filter((name) => name !== "new").map((name) => ({ jobId: name, jobName: name, scheduleHash: "x" }));
  await ledger.armJobs(armed, now - 10 * day, true);
  const ids: Record<string, string> = {};
  for (const back of [3, 2, 1, 0]) {
    const slotAt = newest - back * day;
    for (const jobId of ["well", "paused", "missed", "under-way", "waits", "dead"])
      if (jobId !== "missed" || back > 1) ids[jobId] = await ran(ledger, { jobId, slotAt });
    if (back > 0) ids["late"] = await ran(ledger, { jobId: "late", slotAt });
    const failed: Partial<RunFinish> = {
      status: "failed",
      exitCode: 1,
      fault: "declared",
      reason: "the turn says that it failed",
    };
    ids["failing"] = await ran(ledger, { jobId: "failing", slotAt }, back > 2 ? {} : failed);
    if (back > 0) continue;
    ids["blocked"] = await ran(
      ledger,
      { jobId: "blocked", slotAt },
      { status: "blocked", exitCode: 77, fault: "auth", reason: "KIMI_API_KEY is not set" },
    );
  }
  await ledger.recordSlots([
    {
      runId: newId(),
      jobId: "missed",
      jobName: "missed",
      status: "missed",
      from: newest - day,
      to: newest,
      slots: 2,
      reason: "nobody was there",
      recordedAt: now - minute,
      owner,
      jobHash: "x",
    },
  ]);
  await ledger.pause({ jobId: "paused", at: now - hour, by: "maria", reason: "the shop is closed" });
  ids["dead"] = await lost(ledger, { jobId: "dead", startedAt: now - hour });
  ids["under-way"] = newId();
  const alive = { owner: thisOwner(), leaseUntil: now + hour };
  await ledger.claimRun(
    runStart({ runId: ids["under-way"], jobId: "under-way", jobName: "under-way", startedAt: now - minute, ...alive }),
  );
  ids["waits"] = newId();
  await ledger.claimRun(runStart({ runId: ids["waits"], jobId: "waits", jobName: "waits", startedAt: now - minute, ...alive }));
  const wait = { until: now + hour, why: "the plan resets", kind: "later", since: now, ranMs: 100, uncounted: 0 } as const;
  await ledger.parkRun(ids["waits"], wait);
  await ledger.close();
  return ids;
}
