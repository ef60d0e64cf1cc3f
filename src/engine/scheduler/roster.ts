/** The jobs in force and when each is due next. An entry is slim: a hundred thousand of them are to fit beside their jobs. */
import type { Job } from "../../job/job.ts";
import { nextSlot } from "../../schedule/slot.ts";
import { staggerOf } from "../../schedule/stagger.ts";
import { Timeline, type Timed } from "./timeline.ts";

/** Two slots of a job are at least so far apart, whatever its schedule computes: nothing can spin (Hexagon/croner#286). */
const leastGapMs = 1_000;

export class Entry implements Timed {
  at: number | undefined = undefined;
  readonly job: Job;
  /** Fingerprints of the definition and of the schedule alone. */
  readonly hash: string;
  readonly scheduleHash: string;
  /** Since when it is armed: nothing before is answered. */
  since = 0;
  /** The newest instant that has a record. */
  last: number | undefined = undefined;
  /** The first instant that has none, and the one after it. */
  next: number | undefined = undefined;
  following: number | undefined = undefined;
  /** So much later than its instant each slot is answered. */
  readonly staggerMs: number;
  /** Slots of it are due and wait for the end of its run: they are caught up with one after the other. */
  behind = false;

  constructor(job: Job, hash: string, scheduleHash: string) {
    this.job = job;
    this.hash = hash;
    this.scheduleHash = scheduleHash;
    this.staggerMs = staggerOf(job.id, job.schedule.staggerMs);
  }
}

export class Roster {
  readonly timeline = new Timeline<Entry>();
  readonly #entries = new Map<string, Entry>();
  /** The last answers of the calculator, by schedule: a herd on one instant is computed once. */
  readonly #computed = new Map<string, { readonly after: number; readonly count: number; readonly slots: Slots }>();
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
    entry.following = undefined;
    this.timeline.set(entry, undefined);
    const [next, following] = this.#slotsAfter(entry, this.cursor(entry, now), 2);
    entry.next = next;
    entry.following = following;
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

  /** Goes on to the slot after the one that was answered; `last` is set already. */
  advance(entry: Entry, now: number): void {
    if (entry.following === undefined || entry.last !== entry.next) return this.place(entry, now);
    const [following] = this.#slotsAfter(entry, entry.following, 1);
    entry.next = entry.following;
    entry.following = following;
    this.rest(entry);
  }

  /** Puts the entry where its next slot is due. */
  rest(entry: Entry): void {
    this.timeline.set(entry, entry.next === undefined ? undefined : entry.next + entry.staggerMs);
  }

  /** The job's first slot after an instant. @throws as `place` */
  slotAfter(entry: Entry, after: number): number | undefined {
    // Nothing lies between the newest slot that has a record and the next one.
    if (entry.next !== undefined && entry.last !== undefined && after >= entry.last && after < entry.next) return entry.next;
    return this.#slotsAfter(entry, after, 1)[0];
  }

  /** Nothing is known any more: somebody else has led meanwhile. */
  clear(): void {
    for (const jobId of this.#entries.keys()) this.remove(jobId);
  }

  /** Forgets what was computed: the zone is another. */
  setZone(zone: string): void {
    if (zone === this.zone) return;
    this.zone = zone;
    this.#computed.clear();
  }

  #slotsAfter(entry: Entry, after: number, count: 1 | 2): Slots {
    const known = this.#computed.get(entry.scheduleHash);
    if (known !== undefined && known.after === after && known.count >= count) return known.slots;
    const { schedule } = entry.job;
    const first = nextSlot(schedule, after, this.zone);
    const second = first === undefined || count === 1 ? undefined : nextSlot(schedule, first, this.zone);
    const slots = [
      first,
      first !== undefined && second !== undefined && second - first < leastGapMs ? undefined : second,
    ] as const;
    if (this.#computed.size >= keptAnswers) this.#computed.clear();
    this.#computed.set(entry.scheduleHash, { after, count, slots });
    return slots;
  }
}

type Slots = readonly [next: number | undefined, following: number | undefined];

const keptAnswers = 512;
