/** The jobs in force and when each is due next. An entry is slim: a hundred thousand of them are to fit beside their jobs. */
import type { Job } from "../../job/job.ts";
import { nextSlot } from "../../schedule/slot.ts";
import { staggerOf } from "../../schedule/stagger.ts";
import { Timeline, type Timed } from "./timeline.ts";

/** Two slots of a job are at least so far apart, whatever its schedule computes: nothing can spin (Hexagon/croner#286). */
export const leastGapMs = 1_000;

export class Entry implements Timed {
  at: number | undefined = undefined;
  readonly job: Job;
  /** Fingerprint of the definition. That of the schedule alone is the ledger's: it says since when the job is armed. */
  readonly hash: string;
  /** Since when it is armed: nothing before is answered. */
  since = 0;
  /** The newest instant that has a record. */
  last: number | undefined = undefined;
  /** The first instant that has none. */
  next: number | undefined = undefined;
  /** So much later than its instant each slot is answered. */
  readonly staggerMs: number;
  /** Slots of it are due and wait for the end of its run: they are caught up with one after the other. */
  behind = false;

  constructor(job: Job, hash: string) {
    this.job = job;
    this.hash = hash;
    this.staggerMs = staggerOf(job.id, job.schedule.staggerMs);
  }
}

export class Roster {
  readonly timeline = new Timeline<Entry>();
  readonly #entries = new Map<string, Entry>();
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

  add(entry: Entry): void {
    this.#entries.set(entry.job.id, entry);
  }

  remove(jobId: string): void {
    const entry = this.#entries.get(jobId);
    if (entry === undefined) return;
    this.timeline.set(entry, undefined);
    this.#entries.delete(jobId);
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
    for (const jobId of this.#entries.keys()) this.remove(jobId);
  }
}
