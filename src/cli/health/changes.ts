/** What has changed between two looks, one line each: the live view for pipes and logs. Pure. */
import type { JobHealth } from "../../engine/health/job-state.ts";
import type { ProjectHealth } from "../../engine/health/health.ts";
import { shortId } from "../format.ts";
import { jobDocument } from "./document.ts";
import { headLines } from "./head.ts";
import { stateWords } from "./words.ts";

export interface Change {
  /** Absent: it concerns the whole. */
  readonly job?: string;
  readonly text: string;
  readonly document: Record<string, unknown>;
}

/** Remembers what was told; the first look tells everything. */
export function changeTeller(zone: string): (health: ProjectHealth, now: number) => readonly Change[] {
  const told = new Map<string, string>();
  const isNew = (key: string, value: string): boolean => {
    if (told.get(key) === value) return false;
    told.set(key, value);
    return true;
  };
  return (health, now) => {
    const { daemon } = health;
    const head = headLines(health, now, zone);
    const whole = JSON.stringify([
      daemon.kind,
      daemon.kind === "none" ? [daemon.ticked !== undefined, daemon.ticked?.everyMs !== undefined] : daemon.leader.owner,
      daemon.kind === "alive" ? [daemon.draining, daemon.held, daemon.problems, daemon.refused] : "",
      health.problems,
      health.pausedAll,
      health.ahead,
      health.strays.map(({ runId }) => runId),
    ]);
    const changes: Change[] = isNew("", whole) ? head.map(({ text }) => ({ text, document: { daemon: daemon.kind, text } })) : [];
    for (const job of health.jobs) {
      if (!isNew(job.job.id, keyOf(job))) continue;
      const id = "runId" in job.state && job.state.runId !== undefined ? ` (run ${shortId(job.state.runId)})` : "";
      changes.push({ job: job.job.name, text: `${stateWords(job, now)}${id}`, document: jobDocument(job) });
    }
    return changes;
  };
}

/** Everything of a state but the time that passes in it. */
function keyOf({ state, streak, lastEnd }: JobHealth): string {
  return JSON.stringify([state, streak?.inARow, lastEnd?.runId]);
}
