/**
 * Runs in the order in which they are to begin: those that could begin now and wait for a place, or those whose time has not come yet. Whoever is
 * due first goes first; what is made up for goes last, because it is late already, and a thousand of it would make everything else late too.
 */
import type { RunRow } from "../../ledger/ledger.ts";
import type { Place } from "./places.ts";

/** A run that is `queued`, or `waiting` with its time come. */
export interface InLine {
  readonly run: RunRow;
  /** When it was to begin, epoch ms. */
  readonly dueAt: number;
  /** Its slot is long over and is made up for: whatever is on time goes first. */
  readonly isCatchUp: boolean;
  /** What it takes up when it has begun. */
  readonly place: Place;
  /** When it is over if it has not begun, epoch ms: as soon as it is looked at where that is past. Default: never by itself. */
  readonly overAt?: number;
  /** The open run of its job whose end it waits for (`overlap: queue` and `replace`). Set and taken away by the line. */
  blockedBy?: string;
}

/**
 * A herd of 10,000 goes through it in one turn, so nothing that is asked of one run walks over all: what is taken out is passed over until it is
 * more than what is left.
 */
export class Line {
  /** Sorted, with those that were taken out among them. */
  #items: InLine[] = [];
  /** Those in front of this place were taken out. */
  #front = 0;
  readonly #byRun = new Map<string, InLine>();
  /** At most one run of a job is queued; the waiting ones are not in here. */
  readonly #queuedOf = new Map<string, InLine>();
  /** By the run whose end they wait for. */
  readonly #blocked = new Map<string, Set<InLine>>();
  #doubtfulAt = Infinity;

  get length(): number {
    return this.#byRun.size;
  }

  /** As they are now, the first in line first; whoever goes through them may take some out. */
  get items(): InLine[] {
    return this.#items.filter((item) => this.holds(item));
  }

  /** The same one by one, for whoever may stop early. What is put in meanwhile may be among them, and one may come twice. */
  *walk(): Generator<InLine, void, undefined> {
    const items = this.#items;
    for (let at = this.#front; at < items.length; at++) {
      const item = items[at];
      if (item !== undefined && this.holds(item)) yield item;
    }
  }

  /** When one of them may be over without having begun: then all are to be looked at. */
  get doubtfulAt(): number {
    return this.#doubtfulAt;
  }

  /** Something has happened that may be the end of any of them: a pause, other jobs, another time. */
  doubt(): void {
    this.#doubtfulAt = -Infinity;
  }

  /** All have been looked at, and the next is over then. */
  trust(until: number): void {
    this.#doubtfulAt = until;
  }

  get first(): InLine | undefined {
    for (; this.#front < this.#items.length; this.#front++) {
      const item = this.#items[this.#front];
      if (item !== undefined && this.holds(item)) return item;
    }
    return undefined;
  }

  /** Whether this very item stands in it; another one of the same run may have taken its place. */
  holds(item: InLine): boolean {
    return this.#byRun.get(item.run.runId) === item;
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

  /** Runs whose end something in the line waits for. */
  blockers(): string[] {
    return [...this.#blocked.keys()];
  }

  add(item: InLine): void {
    if (this.#byRun.has(item.run.runId)) return;
    const at = this.#placeOf(item);
    if (at === this.#items.length) this.#items.push(item);
    else this.#items.splice(at, 0, item);
    this.#front = Math.min(this.#front, at);
    this.#byRun.set(item.run.runId, item);
    this.#doubtfulAt = Math.min(this.#doubtfulAt, item.overAt ?? Infinity);
    if (item.run.status === "queued") this.#queuedOf.set(item.run.jobId, item);
    if (item.blockedBy !== undefined) this.block(item, item.blockedBy);
  }

  remove(runId: string): InLine | undefined {
    const item = this.#byRun.get(runId);
    if (item === undefined) return undefined;
    this.#byRun.delete(runId);
    if (this.#queuedOf.get(item.run.jobId) === item) this.#queuedOf.delete(item.run.jobId);
    const blocked = item.blockedBy === undefined ? undefined : this.#blocked.get(item.blockedBy);
    if (blocked?.delete(item) === true && blocked.size === 0) this.#blocked.delete(item.blockedBy ?? "");
    if (this.#items.length > 2 * this.#byRun.size + 1_000) this.#sweep();
    return item;
  }

  /** The job's queued run stands for a slot that is on time now, and is not passed any longer by others that are. */
  promote(jobId: string): void {
    const item = this.#queuedOf.get(jobId);
    if (item?.isCatchUp !== true) return;
    this.remove(item.run.runId);
    this.add({ ...item, isCatchUp: false });
  }

  /** It waits for the end of that run. */
  block(item: InLine, runId: string): void {
    item.blockedBy = runId;
    const blocked = this.#blocked.get(runId) ?? new Set();
    this.#blocked.set(runId, blocked.add(item));
  }

  /** Whoever waited for this run's end waits no longer. */
  unblock(runId: string): void {
    for (const item of this.#blocked.get(runId) ?? []) delete item.blockedBy;
    this.#blocked.delete(runId);
  }

  clear(): void {
    this.#byRun.clear();
    this.#queuedOf.clear();
    this.#blocked.clear();
    this.#doubtfulAt = Infinity;
    this.#sweep();
  }

  #sweep(): void {
    this.#items = this.items;
    this.#front = 0;
  }

  /** Behind all that go before it, or are due at the same time. */
  #placeOf(item: InLine): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#items[middle];
      if (other === undefined || goesBefore(item, other)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function goesBefore(one: InLine, other: InLine): boolean {
  return one.isCatchUp === other.isCatchUp ? one.dueAt < other.dueAt : other.isCatchUp;
}
