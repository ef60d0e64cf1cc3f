/** Runs by their id that can be found by their job as well. */

/** The newest entry of a job is the one that is found: at most one run of a job is open. */
export class RunMap<T> extends Map<string, T> {
  readonly #jobOf: (one: T) => string;
  readonly #ofJob: Map<string, string>;

  constructor(jobOf: (one: T) => string) {
    super();
    this.#jobOf = jobOf;
    this.#ofJob = new Map();
  }

  /** The id of the job's run. */
  ofJob(jobId: string): string | undefined {
    return this.#ofJob.get(jobId);
  }

  override set(runId: string, one: T): this {
    this.#ofJob.set(this.#jobOf(one), runId);
    return super.set(runId, one);
  }

  override delete(runId: string): boolean {
    const one = this.get(runId);
    if (one === undefined) return false;
    const jobId = this.#jobOf(one);
    if (this.#ofJob.get(jobId) === runId) this.#ofJob.delete(jobId);
    return super.delete(runId);
  }

  override clear(): void {
    this.#ofJob.clear();
    super.clear();
  }
}
