/** Runs that could begin now and wait for a place, in the order in which they were due. */
import type { RunRow } from "../../ledger/ledger.ts";
import type { Place } from "./places.ts";

/** A run that is `queued`, or `waiting` with its time come. */
export interface InLine {
  readonly run: RunRow;
  /** When it was to begin, epoch ms. */
  readonly dueAt: number;
  /** What it takes up when it has begun. */
  readonly place: Place;
  /** The open run of its job whose end it waits for (`overlap: queue` and `replace`). */
  blockedBy?: string;
}

export class Line {
  #items: InLine[] = [];
  readonly #byRun = new Map<string, InLine>();
  /** At most one run of a job is queued; the waiting ones are not in here. */
  readonly #queuedOf = new Map<string, InLine>();

  get length(): number {
    return this.#items.length;
  }

  /** As they are now, the first in line first; whoever goes through them may take some out. */
  get items(): InLine[] {
    return [...this.#items];
  }

  has(runId: string): boolean {
    return this.#byRun.has(runId);
  }

  get(runId: string): InLine | undefined {
    return this.#byRun.get(runId);
  }

  /** The job's run that was claimed and not begun. */
  queuedOf(jobId: string): InLine | undefined {
    return this.#queuedOf.get(jobId);
  }

  add(item: InLine): void {
    if (this.#byRun.has(item.run.runId)) return;
    this.#items.splice(this.#placeOf(item.dueAt), 0, item);
    this.#byRun.set(item.run.runId, item);
    if (item.run.status === "queued") this.#queuedOf.set(item.run.jobId, item);
  }

  remove(runId: string): InLine | undefined {
    const item = this.#byRun.get(runId);
    if (item === undefined) return undefined;
    this.#byRun.delete(runId);
    if (this.#queuedOf.get(item.run.jobId) === item) this.#queuedOf.delete(item.run.jobId);
    // Among those of one instant the line is short of nothing but the right one.
    for (let at = this.#placeOf(item.dueAt) - 1; at >= 0; at--) {
      if (this.#items[at] !== item) continue;
      this.#items.splice(at, 1);
      break;
    }
    return item;
  }

  /** Whoever waited for this run's end waits no longer. */
  unblock(runId: string): void {
    for (const item of this.#items) if (item.blockedBy === runId) delete item.blockedBy;
  }

  clear(): void {
    this.#items = [];
    this.#byRun.clear();
    this.#queuedOf.clear();
  }

  /** Behind all that were due then or before. */
  #placeOf(dueAt: number): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#items[middle]?.dueAt ?? Infinity) <= dueAt) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
