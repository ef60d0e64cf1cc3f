/**
 * What becomes of the scheduler while the ledger cannot be written (a full disk, a lock that is never let go): nothing is started, it is
 * said once, and it is tried again with growing pauses. Whatever was not recorded was not done, so nothing is lost by waiting.
 */
import { LedgerError } from "../../errors.ts";
import type { SchedulerParts } from "../scheduler-parts.ts";

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** A trouble that comes back so soon after the last is the same one: its pauses go on growing. */
const sameTroubleMs = 60_000;

/** A ledger that was removed is waited for so long: a disk may come back. */
const goneMs = 60_000;

type Parts = Pick<SchedulerParts, "clock" | "ledger" | "listen">;

export class Hold {
  readonly #parts: Parts;
  #held: { readonly error: unknown; readonly reason: string; readonly at: number; readonly since: number } | undefined;
  #pauseMs = firstPauseMs;
  #probeAt = 0;
  #resumedAt = -Infinity;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** For how long, on the monotonic clock; 0 while nothing holds it. */
  get heldMs(): number {
    return this.#held === undefined ? 0 : this.#parts.clock.monotonic() - this.#held.since;
  }

  /** What holds it; undefined while nothing does. */
  get error(): unknown {
    return this.#held?.error;
  }

  /** What no waiting mends: the ledger was removed or replaced, and is not back. */
  get isLost(): boolean {
    const held = this.#held;
    const removed = held !== undefined && held.error instanceof LedgerError && held.error.reason === "removed";
    return removed && this.#parts.clock.monotonic() - held.since >= goneMs;
  }

  /** Milliseconds until the ledger is tried again; undefined while it is not held. */
  probeInMs(): number | undefined {
    return this.#held === undefined ? undefined : Math.max(0, this.#probeAt - this.#parts.clock.monotonic());
  }

  /** Something could not be written or read, or went wrong in a way that nobody thought of: the work stops, and is done again later. */
  trouble(error: unknown): void {
    if (this.#held !== undefined) return;
    const { clock, listen } = this.#parts;
    const monotonic = clock.monotonic();
    const reason = inWords(error);
    if (monotonic - this.#resumedAt > sameTroubleMs) this.#pauseMs = firstPauseMs;
    this.#held = { error, reason, at: clock.now(), since: monotonic };
    this.#probeAt = monotonic + this.#pauseMs;
    listen({ type: "held", at: clock.now(), reason });
  }

  /** If its time has come, tries to write, and says whether the work may go on. What is written is the record of the trouble itself. */
  async probe(): Promise<boolean> {
    if (this.#held === undefined) return true;
    const { clock, ledger, listen } = this.#parts;
    if (clock.monotonic() < this.#probeAt) return false;
    const { reason, at, since } = this.#held;
    const heldMs = Math.round(clock.monotonic() - since);
    try {
      await ledger.noteEvent({ at, kind: "held", text: `nothing was started for ${Math.ceil(heldMs / 1000)} s: ${reason}` });
      await ledger.noteEvent({ at: clock.now(), kind: "resumed", text: `after ${Math.ceil(heldMs / 1000)} s: ${reason}` });
    } catch {
      this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
      this.#probeAt = clock.monotonic() + this.#pauseMs;
      return false;
    }
    this.#held = undefined;
    this.#resumedAt = clock.monotonic();
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    listen({ type: "resumed", at: clock.now(), heldMs });
    return true;
  }
}

function inWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof LedgerError ? message : `internal: ${message}`;
}
