/** Jobs, rows and times for the tests of what `status` and `explain --at` say. */
import assert from "node:assert";
import { parseJob } from "../../../src/job/parse.ts";
import type { Job } from "../../../src/job/job.ts";
import type { RecentRuns, RunRow } from "../../../src/ledger/ledger.ts";
import { runStart } from "../../ledger/records.ts";

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** A job by its file's text; daily at 09:00 UTC unless `schedule` says otherwise. */
export function jobOf(over: Readonly<Record<string, unknown>> = {}): Job {
  const written = { message: "Hello", model: "kimi-coding/k2p5", schedule: { cron: "0 9 * * *", tz: "UTC" }, ...over };
  const parsed = parseJob(written, () => ({ line: 1, column: 1 }), {
    file: "jobs/check.json",
    id: typeof over["id"] === "string" ? over["id"] : "check",
    name: typeof over["name"] === "string" ? over["name"] : "check",
  });
  assert("job" in parsed, JSON.stringify(parsed));
  return parsed.job;
}

let made = 0;

/** A row of the ledger; ended after a minute unless it is open. */
export function row(facts: Partial<RunRow> & Pick<RunRow, "status" | "startedAt">): RunRow {
  const open = ["queued", "running", "waiting"].includes(facts.status);
  made += 1;
  const runId = `${made.toString(16).padStart(8, "0")}-4b6d-bb97-7f58-4eb0ef831111`;
  return {
    ...runStart({ runId, jobId: "check", jobName: "check", trigger: facts.slotAt === undefined ? "manual" : "slot" }),
    ...(open ? {} : { finishedAt: facts.startedAt + minute, reason: `it ${facts.status}`, exitCode: 0 }),
    ...facts,
  };
}

/** What the ledger tells of these rows, newest first, to whoever looks at all jobs. */
export function recentOf(rows: readonly RunRow[]): RecentRuns {
  const lastEnd = rows.find(({ finishedAt }) => finishedAt !== undefined);
  const bad = new Set(["failed", "timed_out", "interrupted", "unknown", "blocked"]);
  const runs = rows.map(({ runId, status, startedAt, slotFrom = startedAt, slots = 1 }) =>
    bad.has(status) ? { status, told: { runId, since: slotFrom, slots } } : { status },
  );
  return lastEnd === undefined ? { runs } : { runs, lastEnd };
}
