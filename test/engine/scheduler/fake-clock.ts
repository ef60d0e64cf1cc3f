/** Clocks that tests set: a wall clock and a monotonic one that are independent, as on a machine that sleeps and whose clock is set. */
import type { Clock } from "../../../src/engine/clock.ts";

interface Sleeper {
  /** On the monotonic clock. */
  readonly until: number;
  readonly wake: () => void;
}

export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 1_000;
  #sinceBoot = 100_000;
  #sleepers = new Set<Sleeper>();
  /** Counts whatever happens, to see when nothing happens any more. */
  #stirred = 0;

  constructor(wall: number | string) {
    this.#wall = typeof wall === "string" ? Date.parse(wall) : wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sinceBoot(): number {
    return this.#sinceBoot;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.#stirred += 1;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = (): void => {
        this.#stirred += 1;
        this.#sleepers.delete(sleeper);
        reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
      };
      const sleeper: Sleeper = {
        until: this.#monotonic + Math.ceil(ms),
        wake: () => {
          this.#stirred += 1;
          this.#sleepers.delete(sleeper);
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Lets time pass, from timer to timer. */
  async pass(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await this.settle();
    for (;;) {
      const next = Math.min(end, ...[...this.#sleepers].map(({ until }) => until));
      this.#move(Math.max(0, next - this.#monotonic));
      const due = [...this.#sleepers].filter(({ until }) => until <= this.#monotonic);
      for (const { wake } of due) wake();
      await this.settle();
      if (this.#monotonic >= end && due.length === 0) return;
    }
  }

  /** Lets time pass until the wall clock says so. */
  passUntil(wall: string): Promise<void> {
    return this.pass(Date.parse(wall) - this.#wall);
  }

  /** The same in strides of four seconds, in which timers are late by less than counts as a sleep: for when nothing is of interest. */
  async skipUntil(wall: string): Promise<void> {
    const strideMs = 4_000;
    for (let left = Date.parse(wall) - this.#wall; left > 0; left = Date.parse(wall) - this.#wall) {
      this.#move(Math.min(left, strideMs));
      await this.pass(0);
    }
  }

  /** Somebody sets the wall clock. Nobody is told. */
  set(byMs: number): void {
    this.#wall += byMs;
  }

  /** The machine sleeps: timers and the monotonic clock stand still. */
  suspend(ms: number): void {
    this.#wall += ms;
    this.#sinceBoot += ms;
  }

  /** Time passes, and whoever sleeps does not hear of it before the next `pass`: timers are late. */
  stride(ms: number): void {
    this.#move(ms);
  }

  /** Resolves when nothing happens any more but sleeping. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 5;) {
      const before = this.#stirred;
      await new Promise((resolve) => setImmediate(resolve));
      quiet = before === this.#stirred ? quiet + 1 : 0;
    }
  }

  #move(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
    this.#sinceBoot += ms;
  }
}
