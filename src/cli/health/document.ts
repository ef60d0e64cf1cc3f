/** `status` as a document of a stable shape. Pure. */
import { lightOf, type JobHealth } from "../../engine/health/job-state.ts";
import type { ProjectHealth } from "../../engine/health/health.ts";

export function healthDocument(health: ProjectHealth, now: number): Record<string, unknown> {
  const { daemon, pausedAll, ahead, strays, trouble, withdrawn } = health;
  return {
    now,
    trouble,
    daemon,
    problems: health.problems ?? [],
    pausedAll: pausedAll ?? null,
    clockSetBack: ahead ?? null,
    slotsGivenBack: withdrawn ?? null,
    otherOpenRuns: strays.map(({ runId, jobId, jobName, status }) => ({ runId, jobId, jobName, status })),
    jobs: health.jobs.map((job) => jobDocument(job)),
  };
}

export function jobDocument(health: JobHealth): Record<string, unknown> {
  const { job, state, lastEnd, nextAt, paused, rate, recent, streak } = health;
  return {
    jobId: job.id,
    job: job.name,
    light: lightOf(health),
    state,
    badInARow: streak?.inARow ?? 0,
    lastEnd: lastEnd ?? null,
    nextAt: nextAt ?? null,
    paused: paused ?? null,
    last30Days: { succeeded: rate.good, carriedOut: rate.all },
    recent: recent.map(({ status }) => status),
  };
}
