/**
 * How fast runs may begin: a bucket of as many starts as one second allows, filled evenly on the monotonic clock. A herd of jobs on one
 * second must not freeze the machine (openclaw/openclaw#18892, systemd/systemd#43464).
 */
export class StartRate {
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  constructor(perSecond: number, monotonic: number) {
    this.#perSecond = perSecond;
    this.#tokens = Math.max(1, perSecond);
    this.#filledAt = monotonic;
  }

  /** Whether one more may begin now; if so it is counted. */
  take(monotonic: number): boolean {
    this.#fill(monotonic);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds until one more may begin; 0 if it may now. */
  waitMs(monotonic: number): number {
    this.#fill(monotonic);
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1000);
  }

  #fill(monotonic: number): void {
    const gained = ((monotonic - this.#filledAt) / 1000) * this.#perSecond;
    this.#tokens = Math.min(Math.max(1, this.#perSecond), this.#tokens + gained);
    this.#filledAt = monotonic;
  }
}
