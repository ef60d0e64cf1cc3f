/** What the scheduler's benchmarks give it: this machine's clock, a ledger in a folder of its own, and nothing that limits it but what a benchmark says. */
import { systemClock } from "../src/engine/clock.ts";
import { ownerState, thisOwner } from "../src/engine/owner.ts";
import type { SchedulerParts, SchedulerSettings } from "../src/engine/scheduler-parts.ts";
import type { Job } from "../src/job/job.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import { jobHash, scheduleHash } from "../src/load/job-hash.ts";

const zone = "UTC";

/** More than any benchmark has jobs. */
const endless: SchedulerSettings = {
  maxRuns: 1_000_000,
  groups: new Map(),
  providers: new Map(),
  startsPerSecond: 1e9,
  catchUpsPerSecond: 1e9,
  shutdownGraceMs: 0,
  killGraceMs: 0,
};

/** What the daemon limits by default. */
export const asByDefault = {
  maxRuns: 8,
  startsPerSecond: 10,
  catchUpsPerSecond: 5,
} as const satisfies Partial<SchedulerSettings>;

export interface BenchParts {
  readonly folder: string;
  readonly ledger: Ledger;
  readonly carrier: SchedulerParts["carrier"];
  readonly settings?: Partial<SchedulerSettings>;
  readonly settled?: NonNullable<SchedulerParts["settled"]>;
  /** It leads, and every job has its slot. */
  readonly leads: () => void;
}

export function schedulerParts({ folder, ledger, carrier, settings, settled, leads }: BenchParts): SchedulerParts {
  return {
    ledger,
    carrier,
    clock: systemClock,
    random: Math.random,
    owner: thisOwner(),
    ownerState,
    sweep: async () => true,
    settings: { ...endless, ...settings },
    zone,
    projectDir: folder,
    version: "bench",
    hash: jobHash,
    scheduleHash: (job: Job) => scheduleHash(job, zone),
    providersOf: () => [],
    modelOf: () => "simulated/model",
    simulated: false,
    ...(settled === undefined ? {} : { settled }),
    listen: (event) => event.type === "leading" && leads(),
  };
}
