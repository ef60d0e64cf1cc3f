/** `runner reload --check`: what the files would change, against what the ledger knows of the jobs. Nothing is written. */
import type { Project } from "../../compose/project.ts";
import type { Job } from "../../job/job.ts";
import type { LedgerReader } from "../../ledger/ledger.ts";
import { jobHash, scheduleHash } from "../../load/job-hash.ts";
import { nextSlots } from "../../schedule/slot.ts";

export interface CheckedJob {
  readonly id: string;
  readonly name: string;
  /** `schedule`: another one than is in force. `definition`: another one than its last run had. */
  readonly what?: readonly ("schedule" | "definition")[];
  /** Its next instants, epoch ms; of a removed one none. */
  readonly next: readonly number[];
  readonly zone?: string;
}

export interface ReloadCheck {
  readonly added: readonly CheckedJob[];
  readonly changed: readonly CheckedJob[];
  /** Empty while a file cannot be used. */
  readonly removed: readonly CheckedJob[];
  readonly unchanged: number;
}

const shownNext = 3;

export async function checkReload(project: Project, ledger: LedgerReader | undefined, now: number): Promise<ReloadCheck> {
  const [armed, lastRuns] = await Promise.all([ledger?.armed() ?? new Map(), ledger?.lastRuns() ?? new Map()]);
  const next = ({ schedule, enabled }: Job): number[] =>
    enabled ? nextSlots(schedule, new Date(now), shownNext, project.zone).map((slot) => slot.getTime()) : [];
  const added: CheckedJob[] = [];
  const changed: CheckedJob[] = [];
  const ids = new Set<string>();
  for (const job of project.jobs) {
    const { id, name, schedule } = job;
    ids.add(id);
    const before = armed.get(id);
    const zone = schedule.tz ?? project.zone;
    // A job that is disabled is not looked after: whether it is new, nothing tells.
    if (before === undefined && !job.enabled) continue;
    if (before === undefined) {
      added.push({ id, name, next: next(job), zone });
      continue;
    }
    const what: ("schedule" | "definition")[] = [];
    if (before.scheduleHash !== scheduleHash(job, project.zone)) what.push("schedule");
    const last = lastRuns.get(id);
    if (last !== undefined && last.jobHash !== jobHash(job)) what.push("definition");
    if (what.length > 0) changed.push({ id, name, what, next: next(job), zone });
  }
  // Of a file that cannot be read nobody knows which jobs are in it.
  const gone = project.issues.length > 0 ? [] : [...armed.keys()];
  const removed = gone
    .filter((id) => !ids.has(id))
    .map((id): CheckedJob => ({ id, name: lastRuns.get(id)?.jobName ?? id, next: [] }));
  return { added, changed, removed, unchanged: ids.size - added.length - changed.length };
}
