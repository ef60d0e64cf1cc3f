/**
 * How fast runs may begin: a bucket of as many starts as one second allows, filled evenly on the monotonic clock. A herd of jobs on one
 * second must not freeze the machine (openclaw/openclaw#18892, systemd/systemd#43464). What is caught up with begins one at a time, from the
 * beginning: after a start of the daemon there is the most of it, and nobody waits for the second it is begun in.
 */
import type { SchedulerSettings } from "../scheduler-parts.ts";

class Bucket {
  readonly #perSecond: number;
  readonly #most: number;
  #tokens: number;
  #filledAt: number;

  /** @param most Starts at once, after a time without any. */
  constructor(perSecond: number, most: number, monotonic: number) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#tokens = most;
    this.#filledAt = monotonic;
  }

  take(): void {
    this.#tokens -= 1;
  }

  /** Milliseconds until one more may begin; 0 if it may now. */
  waitMs(monotonic: number): number {
    const gained = ((monotonic - this.#filledAt) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#most, this.#tokens + gained);
    this.#filledAt = monotonic;
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1000);
  }
}

/** Runs that are caught up with have a limit of their own below that of all runs, so that what is due now finds a start at once. */
export class StartRate {
  readonly #all: Bucket;
  readonly #catchUps: Bucket;

  constructor(
    { startsPerSecond, catchUpsPerSecond }: Pick<SchedulerSettings, "startsPerSecond" | "catchUpsPerSecond">,
    monotonic: number,
  ) {
    this.#all = new Bucket(startsPerSecond, Math.max(1, startsPerSecond), monotonic);
    this.#catchUps = new Bucket(catchUpsPerSecond, 1, monotonic);
  }

  /** Counts one more start if it may be now, and returns 0; else returns in how many milliseconds it may. */
  take(isCatchUp: boolean, monotonic: number): number {
    const waitMs = Math.max(this.#all.waitMs(monotonic), isCatchUp ? this.#catchUps.waitMs(monotonic) : 0);
    if (waitMs > 0) return waitMs;
    this.#all.take();
    if (isCatchUp) this.#catchUps.take();
    return 0;
  }
}
