/**
 * Puts another set of jobs in force. What is the same stays where it is; a schedule that is another is armed from now on, and its old slots are
 * not caught up with. What runs goes on as it was begun (aptible/supercronic#150 waited for it).
 *
 * Ten thousand jobs take seconds, so it is done in pieces, between which the loop turns and what is due is answered. Until all of them are
 * looked at, the old set is in force; then the new one is, in one piece, so that a slot is of one definition; and the next slots of what
 * has changed are computed after that, in pieces again (`goOn` of fire.ts).
 */
import { setImmediate as yieldOnce } from "node:timers/promises";
import type { Job } from "../../job/job.ts";
import { recordedAheadMs, type Armed } from "../../ledger/ledger.ts";
import type { SchedulerParts } from "../scheduler-parts.ts";
import type { Entry } from "./roster.ts";
import { StartRate } from "./start-rate.ts";
import type { State } from "./state.ts";

/** The jobs that are wanted, and whether those that are not among them were removed. */
export interface JobSet {
  readonly jobs: readonly Job[];
  readonly complete: boolean;
}

export interface Replaced {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** What counts for all jobs. */
export type Rules = Pick<SchedulerParts, "settings" | "zone">;

/** Other limits, or another zone, from now on. */
export function setRules(state: State, { settings, zone }: Rules): void {
  const { places, roster, parts } = state;
  const { startsPerSecond, catchUpsPerSecond } = state.settings;
  if (settings.startsPerSecond !== startsPerSecond || settings.catchUpsPerSecond !== catchUpsPerSecond)
    state.rate = new StartRate(settings, parts.clock.monotonic());
  state.settings = settings;
  places.limits = settings;
  roster.zone = zone;
}

/** Jobs that are looked at in one piece: some milliseconds. */
const lookedAtOnce = 200;

interface Wanted extends Armed {
  readonly job: Job;
  /** Absent: it is the very job that is in force. */
  readonly hash: string | undefined;
}

/** A set of jobs on its way into force. */
export class Replacement {
  readonly #state: State;
  readonly #set: JobSet;
  readonly #wanted = new Map<string, Wanted>();
  #looked = 0;

  constructor(state: State, set: JobSet) {
    this.#state = state;
    this.#set = set;
  }

  /** Does a piece of it. Returns what was replaced when the set is in force, and undefined before. */
  async step(): Promise<Replaced | undefined> {
    const { jobs } = this.#set;
    for (const job of jobs.slice(this.#looked, this.#looked + lookedAtOnce)) this.#lookAt(job);
    this.#looked += lookedAtOnce;
    if (this.#looked < jobs.length) {
      await yieldOnce();
      return undefined;
    }
    return this.#putInForce();
  }

  /** All of it in one go, where nothing is in force that could be due meanwhile. */
  async run(): Promise<Replaced> {
    for (;;) {
      const replaced = await this.step();
      if (replaced !== undefined) return replaced;
    }
  }

  /** A disabled job has no slots; it is run by hand only. */
  #lookAt(job: Job): void {
    if (!job.enabled) return;
    const { parts, roster } = this.#state;
    const hash = roster.get(job.id)?.job === job ? undefined : parts.hash(job);
    this.#wanted.set(job.id, { job, hash, jobId: job.id, jobName: job.name, scheduleHash: parts.scheduleHash(job) });
  }

  async #putInForce(): Promise<Replaced> {
    const { parts, roster } = this.#state;
    const { complete } = this.#set;
    const wanted = this.#wanted;
    const since = await parts.ledger.armJobs([...wanted.values()], parts.clock.now(), complete);
    const last = await parts.ledger.settledSlots(parts.clock.now() + recordedAheadMs);
    // From here on nothing is waited for: no slot is answered between two definitions.
    this.#state.complete = complete;
    this.#state.line.doubt();
    const gone = complete ? [...roster.entries()].filter(({ job }) => !wanted.has(job.id)) : [];
    for (const { job } of gone) roster.remove(job.id);
    const [added, changed, armed]: [string[], string[], Entry[]] = [[], [], []];
    for (const { job, hash } of wanted.values()) {
      const before = roster.get(job.id);
      const armedAt = since.get(job.id);
      const isSame = before !== undefined && (hash === undefined || hash === before.hash);
      // It may stand on another line of its file.
      if (isSame) before.job = job;
      // Armed anew: the schedule, or the zone that counts where it names none, is another.
      if (isSame && (armedAt === undefined || armedAt === before.since)) continue;
      (before === undefined ? added : changed).push(job.name);
      const entry = isSame ? before : roster.newEntry(job, hash ?? parts.hash(job));
      if (!enter(this.#state, entry, armedAt, last.get(job.id))) armed.push(entry);
    }
    // The last one is taken first, and of several that are due at once the first job of the files is to come first.
    for (const entry of armed.toReversed()) this.#state.answered.push({ entry });
    return { added, changed, removed: gone.map(({ job }) => job.name) };
  }
}

/** Puts an entry in force. Returns whether it has its time: then only what it does is another. */
function enter({ roster, parts }: State, entry: Entry, since: number | undefined, last: number | undefined): boolean {
  const now = parts.clock.now();
  const before = roster.get(entry.job.id);
  const isSameSchedule = before !== undefined && before.since === since;
  entry.behind = isSameSchedule && before.behind;
  entry.since = since ?? now;
  entry.last = last;
  entry.next = undefined;
  const at = isSameSchedule && before.last === entry.last ? before.at : undefined;
  if (at !== undefined) entry.next = before?.next;
  if (before === entry) roster.timeline.set(entry, undefined);
  else {
    roster.remove(entry.job.id);
    roster.add(entry);
  }
  roster.timeline.set(entry, at);
  return at !== undefined;
}
