/**
 * Compares the wall clock with the monotonic one. Neither a clock that is set nor a machine that sleeps tells anybody, and timers
 * stand still in a sleep, so this is asked at every wake, which is at most 30 s away.
 */
import type { Clock } from "../clock.ts";

/** How far the clocks may drift apart between two looks: more is no drift of a quartz, nor a slew of NTP. */
const toleratedDriftMs = 5_000;

export type ClockLook =
  | { readonly kind: "steady"; readonly now: number }
  /** The wall clock moved by so much more (or less, negative) than time passed. */
  | { readonly kind: "set"; readonly now: number; readonly byMs: number }
  /** So much time passed in which this process did not run: the machine slept, or the process was stopped. */
  | { readonly kind: "slept"; readonly now: number; readonly byMs: number };

export class ClockWatch {
  readonly #clock: Clock;
  #wall: number;
  #monotonic: number;
  #sinceBoot: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wall = clock.now();
    this.#monotonic = clock.monotonic();
    this.#sinceBoot = clock.sinceBoot?.();
  }

  /** @param lateMs by how much the last timer was late, on the monotonic clock. */
  look(lateMs: number): ClockLook {
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const sinceBoot = this.#clock.sinceBoot?.();
    const passedMs = monotonic - this.#monotonic;
    const byMs = Math.round(now - this.#wall - passedMs);
    // The time since the machine's start goes on while it sleeps, and does not care for a clock that is set.
    const asleep = sinceBoot === undefined || this.#sinceBoot === undefined ? 0 : sinceBoot - this.#sinceBoot - passedMs;
    this.#wall = now;
    this.#monotonic = monotonic;
    this.#sinceBoot = sinceBoot;
    if (asleep > toleratedDriftMs && Math.abs(byMs - asleep) <= toleratedDriftMs) return { kind: "slept", now, byMs };
    if (Math.abs(byMs) > toleratedDriftMs) return { kind: "set", now, byMs };
    if (lateMs > toleratedDriftMs) return { kind: "slept", now, byMs: Math.round(lateMs) };
    return { kind: "steady", now };
  }
}
