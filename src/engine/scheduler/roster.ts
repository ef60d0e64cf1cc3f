/** The jobs in force and when each is due next. */
import type { Job } from "../../job/job.ts";
import { nextSlot } from "../../schedule/slot.ts";
import { Entry, EntryTables } from "./entry.ts";
import { Timeline } from "./timeline.ts";

export type { Entry } from "./entry.ts";

/** Two slots of a job are at least so far apart, whatever its schedule computes: nothing can spin (Hexagon/croner#286). */
export const leastGapMs = 1_000;

export class Roster {
  readonly timeline = new Timeline<Entry>();
  readonly #entries = new Map<string, Entry>();
  #tables = new EntryTables();
  zone: string;

  constructor(zone: string) {
    this.zone = zone;
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  get(jobId: string): Entry | undefined {
    return this.#entries.get(jobId);
  }

  /** An entry for a job, which is not in force before it is added. */
  newEntry(job: Job, hash: string): Entry {
    return new Entry(job, hash, this.#tables.withRoom());
  }

  add(entry: Entry): void {
    this.#entries.set(entry.job.id, entry);
  }

  remove(jobId: string): void {
    const entry = this.#entries.get(jobId);
    if (entry === undefined) return;
    this.timeline.set(entry, undefined);
    this.#entries.delete(jobId);
    this.#tables.release(entry);
  }

  /**
   * Finds the entry's next slots anew from what is recorded, and puts it in its place.
   * @throws whatever the calculator throws for a schedule that cannot be computed; the entry then has no place.
   */
  place(entry: Entry, now: number): void {
    entry.next = undefined;
    this.timeline.set(entry, undefined);
    entry.next = nextSlot(entry.job.schedule, this.cursor(entry, now), this.zone);
    this.rest(entry);
  }

  /**
   * The instant after which the job's next slot lies. An arming from the future, of a clock that was set back since, hides nothing; and two
   * slots are never nearer to each other than the least gap.
   */
  cursor({ since, last }: Entry, now: number): number {
    const armed = Math.min(since, now);
    return last === undefined ? armed : Math.max(armed, last + leastGapMs - 1);
  }

  /** Puts the entry where its next slot is due. */
  rest(entry: Entry): void {
    this.timeline.set(entry, entry.next === undefined ? undefined : entry.next + entry.staggerMs);
  }

  /** The job's first slot after an instant. @throws as `place` */
  slotAfter(entry: Entry, after: number): number | undefined {
    // Nothing lies between the newest slot that has a record and the next one.
    if (entry.next !== undefined && entry.last !== undefined && after >= entry.last && after < entry.next) return entry.next;
    return nextSlot(entry.job.schedule, after, this.zone);
  }

  /** Nothing is known any more: somebody else has led meanwhile. */
  clear(): void {
    for (const entry of this.#entries.values()) this.timeline.set(entry, undefined);
    this.#entries.clear();
    this.#tables = new EntryTables();
  }
}
