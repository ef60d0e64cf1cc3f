/** How many runs are under way, of what, and whether there is a place for one more. */
import type { SchedulerSettings } from "../scheduler-parts.ts";

/** What a run takes up while it is under way. */
export interface Place {
  readonly jobId: string;
  readonly group: string | undefined;
  /** Every provider that it may ask. */
  readonly providers: readonly string[];
}

type Limits = Pick<SchedulerSettings, "maxRuns" | "groups" | "providers">;

export class Places {
  limits: Limits;
  /** By run id, so that a place is given back once however often that is said. */
  readonly #taken = new Map<string, Place>();
  readonly #ofGroup = new Map<string, number>();
  readonly #ofProvider = new Map<string, number>();
  readonly #ofJob = new Map<string, number>();

  constructor(limits: Limits) {
    this.limits = limits;
  }

  get taken(): number {
    return this.#taken.size;
  }

  /** Whether there is no place for any job at all. */
  get isFull(): boolean {
    return this.#taken.size >= this.limits.maxRuns;
  }

  /** Which limit keeps a run from beginning now, in words; undefined if none does. */
  whyNot({ jobId, group, providers }: Place): string | undefined {
    if (this.isFull) return `${this.limits.maxRuns} runs are under way (scheduler.maxRuns)`;
    if ((this.#ofJob.get(jobId) ?? 0) > 0) return "a run of this job is under way";
    if (group !== undefined && isUsedUp(this.#ofGroup, this.limits.groups, group))
      return `group ${group} has ${this.limits.groups.get(group)} runs under way (scheduler.groups)`;
    const provider = providers.find((id) => isUsedUp(this.#ofProvider, this.limits.providers, id));
    return provider === undefined
      ? undefined
      : `${this.limits.providers.get(provider)} runs may be asking ${provider} (providers.${provider}.maxRuns)`;
  }

  take(runId: string, place: Place): void {
    if (this.#taken.has(runId)) return;
    this.#taken.set(runId, place);
    this.#count(place, 1);
  }

  giveBack(runId: string): void {
    const place = this.#taken.get(runId);
    if (place === undefined) return;
    this.#taken.delete(runId);
    this.#count(place, -1);
  }

  #count({ jobId, group, providers }: Place, by: 1 | -1): void {
    add(this.#ofJob, jobId, by);
    if (group !== undefined) add(this.#ofGroup, group, by);
    for (const id of new Set(providers)) add(this.#ofProvider, id, by);
  }
}

function isUsedUp(counts: ReadonlyMap<string, number>, limits: ReadonlyMap<string, number>, key: string): boolean {
  return (counts.get(key) ?? 0) >= (limits.get(key) ?? Infinity);
}

function add(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
