/** What is known of slots that are claimed before their time; claim-ahead.ts says why and how. */
import { Line } from "./line.ts";
import type { Entry } from "./roster.ts";

/** The slots that are claimed and have not come yet. */
export class Ahead {
  /** In the order in which they will be due. */
  readonly claimed = new Line();
  /** Slots whose claim was written ahead and whose time has come, by job: they are answered. */
  readonly come = new Map<string, number>();
  /** Jobs whose next slot comes soon, and which have not been looked at. */
  soon: readonly Entry[] = [];
  /** What is due up to then was looked at, so that nothing is looked at twice. */
  lookedUntil = -Infinity;

  /** Something has happened after which what was claimed ahead is not certain any more. */
  isDoubtful = false;

  /** Nothing is known any more, or everything is to be looked at again. */
  clear(): void {
    this.claimed.clear();
    this.come.clear();
    this.lookAgain();
  }

  lookAgain(): void {
    this.soon = [];
    this.lookedUntil = -Infinity;
  }
}
