/** What a job says of its slots beside when they are, with every default filled in: for `run --dry-run`. */
import type { CatchUp, Job, Overlap } from "../job/job.ts";
import { describeBlackout } from "../schedule/blackout.ts";
import { defaultMaxCaughtUp } from "../schedule/due-question.ts";
import { staggerOf } from "../schedule/stagger.ts";

export interface SchedulingPlan {
  readonly staggerMs: number;
  /** This job's share of the stagger: so much after their instants its slots are answered. */
  readonly shareMs: number;
  /** Epoch ms. */
  readonly startAt?: number;
  readonly endAt?: number;
  /** As job files write them. */
  readonly blackout: readonly string[];
  readonly catchUp: {
    readonly policy: CatchUp["policy"];
    /** Absent: the least of one interval and 24 h. */
    readonly maxAgeMs?: number;
    /** With `all` only. */
    readonly max?: number;
  };
  readonly overlap: Overlap;
  readonly group?: { readonly name: string; /** Absent: no limit of its own. */ readonly maxRuns?: number };
}

export function schedulingOf(job: Job, groups: ReadonlyMap<string, number>): SchedulingPlan {
  const { kind, startAt, endAt, blackout = [] } = job.schedule;
  // What is due at a start of the machine is not spread.
  const staggerMs = kind === "boot" ? 0 : (job.schedule.staggerMs ?? 0);
  const {
    policy,
    maxAgeMs = policy === "all" ? 24 * 3_600_000 : undefined,
    max = defaultMaxCaughtUp,
  }: CatchUp = job.catchUp ?? {
    policy: "latest",
  };
  const maxRuns = job.group === undefined ? undefined : groups.get(job.group);
  return {
    staggerMs,
    shareMs: staggerOf(job.id, staggerMs),
    ...(startAt === undefined ? {} : { startAt }),
    ...(endAt === undefined ? {} : { endAt }),
    blackout: blackout.map(describeBlackout),
    catchUp: { policy, ...(maxAgeMs === undefined ? {} : { maxAgeMs }), ...(policy === "all" ? { max } : {}) },
    overlap: job.overlap ?? "skip",
    ...(job.group === undefined ? {} : { group: { name: job.group, ...(maxRuns === undefined ? {} : { maxRuns }) } }),
  };
}
