/** The one timer: sleeps until an instant, or until somebody rings. */
import type { Clock } from "../clock.ts";

/** The longest sleep: no clock that is set and no machine that slept may hide a slot for longer. */
export const longestSleepMs = 30_000;

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

  /** Sleeps for so long, at most 30 s; returns how long it meant to sleep, 0 if it was rung already. */
  async sleep(ms: number): Promise<number> {
    const asleepMs = Math.min(Math.max(ms, 0), longestSleepMs);
    if (!this.#rung && asleepMs > 0) {
      this.#wake = new AbortController();
      await this.#clock.sleep(asleepMs, this.#wake.signal).catch(() => {});
      this.#wake = undefined;
    }
    this.#rung = false;
    return asleepMs;
  }
}

const woken = new Error("woken");
