/** When a set of jobs that has come into force is quiet: see `settled` of scheduler-parts.ts. */
import type { State } from "./state.ts";

/** It is when nothing is due for so long, and is taken to be after so long. */
const quietMs = 2_000;
const anywayMs = 60_000;

export class Settling {
  readonly #state: Pick<State, "parts" | "roster">;
  /** On the monotonic clock; undefined while there is nothing to tell. */
  #since: number | undefined;

  constructor(state: Pick<State, "parts" | "roster">) {
    this.#state = state;
  }

  /** A set of jobs has come into force. */
  begin(): void {
    this.#since = this.#state.parts.clock.monotonic();
  }

  /** Tells it, once, if it is quiet now. To be asked when all slots are known. */
  look(): void {
    if (this.#since === undefined) return;
    const { parts, roster } = this.#state;
    const quietForMs = (roster.timeline.nextAt() ?? Infinity) - parts.clock.now();
    if (quietForMs < quietMs && parts.clock.monotonic() - this.#since < anywayMs) return;
    this.#since = undefined;
    parts.settled?.(roster.size);
  }
}
