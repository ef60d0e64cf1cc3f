/** How much the daemon may do at once: the configuration's `scheduler`, and `maxRuns` of providers, with every default filled in. */
import type { ConfigValues } from "./config-shape.ts";

export interface SchedulerLimits {
  /** Runs at once, over all jobs. */
  readonly maxRuns: number;
  /** Runs at once of the jobs of a group, by its name. */
  readonly groups: ReadonlyMap<string, number>;
  /** Runs at once of the jobs that may ask a provider, by its id. */
  readonly providers: ReadonlyMap<string, number>;
  /** Runs begun in one second. */
  readonly startsPerSecond: number;
  /** How many of them may be for slots that are caught up with; never more than all. */
  readonly catchUpsPerSecond: number;
  readonly shutdownGraceMs: number;
  readonly killGraceMs: number;
}

/** Together less than the 30 s that Kubernetes gives a container to end. */
export const schedulerDefaults = {
  maxRuns: 8,
  startsPerSecond: 10,
  catchUpsPerSecond: 5,
  shutdownGrace: 20_000,
  killGrace: 5_000,
} as const;

export function schedulerLimits({ scheduler = {}, providers = {} }: ConfigValues): SchedulerLimits {
  const { groups = {}, ...set } = scheduler;
  const { maxRuns, startsPerSecond, catchUpsPerSecond, shutdownGrace, killGrace } = { ...schedulerDefaults, ...set };
  const ofProviders = Object.entries(providers).flatMap(([id, provider]): [string, number][] =>
    provider.maxRuns === undefined ? [] : [[id, provider.maxRuns]],
  );
  return {
    maxRuns,
    groups: new Map(Object.entries(groups)),
    providers: new Map(ofProviders),
    startsPerSecond,
    catchUpsPerSecond: Math.min(catchUpsPerSecond, startsPerSecond),
    shutdownGraceMs: shutdownGrace,
    killGraceMs: killGrace,
  };
}
