/** The one timer: sleeps until an instant, or until somebody rings. */
import { longestHoldMs, type Clock } from "../clock.ts";

/** The longest sleep: no clock that is set and no machine that slept may hide a slot for longer. */
const longestSleepMs = 30_000;

export class Alarm {
  readonly #clock: Clock;
  #rung = false;
  #wake: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has changed: whoever sleeps wakes at once, and whoever sleeps next does not sleep. */
  ring(): void {
    this.#rung = true;
    this.#wake?.abort(woken);
  }

  /**
   * Sleeps for so long, at most 30 s. Returns by how much the timer was late, on the monotonic clock.
   *
   * @param exactly An instant at which something is to begin at once, if it is what is slept for.
   */
  async sleep(ms: number, exactly?: number): Promise<number> {
    const aheadMs = (exactly ?? -Infinity) - this.#clock.now();
    if (exactly === undefined || this.#clock.hold === undefined || aheadMs <= 0 || aheadMs > ms) return this.#sleep(ms);
    const lateMs = await this.#sleep(ms - longestHoldMs);
    // Whoever was woken has something else to do.
    if (exactly - this.#clock.now() <= longestHoldMs) this.#clock.hold(exactly);
    return lateMs;
  }

  async #sleep(ms: number): Promise<number> {
    const asleepMs = Math.min(Math.max(ms, 0), longestSleepMs);
    if (!this.#rung && asleepMs > 0) {
      this.#wake = new AbortController();
      const before = this.#clock.monotonic();
      await this.#clock.sleep(asleepMs, this.#wake.signal).catch(() => {});
      this.#wake = undefined;
      this.#rung = false;
      return Math.max(0, this.#clock.monotonic() - before - asleepMs);
    }
    this.#rung = false;
    return 0;
  }
}

const woken = new Error("woken");
