/** What other processes asked for through the ledger and did there, and whether they live: looked at now and then. */
import { claimAgain } from "./claim-again.ts";
import { isHerdAtHand } from "./claim-ahead.ts";
import { readControl } from "./control.ts";
import { hasOneDied, lookAround } from "./open-runs.ts";
import { repeatRescued, rescue } from "./rescue.ts";
import { beside, type State } from "./state.ts";

/** How often it is heard whether another process has asked for something, or has died. */
const hearMs = 1_000;

/** How often the owners of open runs that cannot be seen are looked at although nothing was written: the dead write nothing. */
const lookMs = 30_000;

export class Hearing {
  readonly #state: State;
  #heardAt = -Infinity;
  /** Something was written, and what people ask for was not read since. */
  #unheard = true;
  #lookedAt = -Infinity;

  constructor(state: State) {
    this.#state = state;
  }

  /** What was going on in the last time is in doubt: everything is read anew. */
  doubt(): void {
    this.#unheard = true;
    this.#state.stale = true;
  }

  /** Only what was asked for in the last second, before runs begin at once; costs some microseconds where nothing was. */
  async hearRequests(): Promise<void> {
    if (!(await this.#state.parts.ledger.hasChangedElsewhere())) return;
    this.doubt();
    await readControl(this.#state);
  }

  /** All of it, if it is time. */
  async hear(now: number): Promise<void> {
    const state = this.#state;
    const { clock, ledger } = state.parts;
    const monotonic = clock.monotonic();
    // A herd's claims are a change as well, and reading anything just before it is due would make it late.
    const herd = isHerdAtHand(state, now) && monotonic - this.#lookedAt < lookMs;
    if (monotonic - this.#heardAt >= hearMs) {
      this.#heardAt = monotonic;
      // What this process has written itself tells it nothing of open runs. What people ask for is read all the same: it is little, and a ledger
      // that cannot be read any more is found before the next runs are to begin.
      if (await ledger.hasChangedElsewhere()) this.doubt();
      if (!herd && (await ledger.hasChanged())) this.#unheard = true;
      if (!herd && hasOneDied(state)) state.stale = true;
    }
    if (this.#unheard) {
      await readControl(state);
      this.#unheard = false;
    }
    if (herd) return;
    const everyMs = state.hasDead ? hearMs : lookMs;
    if (state.stale || monotonic - this.#lookedAt >= everyMs) {
      this.#lookedAt = monotonic;
      const dead = await lookAround(state);
      if (dead.length > 0) beside(state, repeatRescued(state, rescue(state, dead)));
      // Somebody may have asked for the end of a run that is known only now: its process has put it aside before it heard of that.
      if (state.cancelRequests.size > 0) await readControl(state);
    }
    await claimAgain(state);
  }
}
