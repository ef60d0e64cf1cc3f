/** One turn of the loop, and what is kept from turn to turn. */
import type { SchedulerParts } from "../scheduler-parts.ts";
import { beginWhatMay } from "./carry.ts";
import type { ClockLook } from "./clock-watch.ts";
import { readControl } from "./control.ts";
import { fire, goOn } from "./fire.ts";
import { onJump } from "./jump.ts";
import { lookAround } from "./open-runs.ts";
import type { Post } from "./post.ts";
import { putInForce, type JobSet } from "./reload.ts";
import { repeatRescued, rescue } from "./rescue.ts";
import { endWaits } from "./standing.ts";
import { StartRate } from "./start-rate.ts";
import { beside, type State } from "./state.ts";
import { takeOver } from "./take-over.ts";

/** How often it is heard whether another process has asked for something. */
const hearMs = 1_000;

/** How often the owners of open runs are looked at although nothing was written: the dead write nothing. */
const lookMs = 30_000;

type Rules = Pick<SchedulerParts, "settings" | "zone">;

export class Turns {
  readonly #state: State;
  readonly #post: Post;
  #jobs: JobSet = { jobs: [], complete: false };
  #changed = false;
  #waiting: (() => void)[] = [];
  #jump: Exclude<ClockLook, { kind: "steady" }> | undefined;
  #heardAt = -Infinity;
  /** Others have written, and that was not read yet. */
  #unheard = true;
  #lookedAt = -Infinity;
  /** Milliseconds until another run may be begun, where the rate of starts is what is missing. */
  #startInMs: number | undefined;
  #entered = false;

  constructor(state: State, post: Post) {
    this.#state = state;
    this.#post = post;
  }

  /** The jobs are in force when this resolves, if this process leads and nothing holds it; else they are when it does. */
  async replaceJobs(set: JobSet, rules: Rules | undefined): Promise<void> {
    const { jobs, complete } = set;
    // What could not be read this time stays as it was.
    const missing = complete ? [] : this.#jobs.jobs.filter(({ id }) => !jobs.some((job) => job.id === id));
    this.#jobs = { jobs: [...jobs, ...missing], complete };
    if (rules !== undefined) this.#setRules(rules);
    this.#changed = true;
    if (!this.#post.leads || this.#state.hold.isHeld || this.#state.draining) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#state.alarm.ring();
    });
  }

  /** What the loop does, from top to bottom. @throws LedgerError: everything that was not written is done in a later turn. */
  async turn(look: ClockLook): Promise<void> {
    const { state } = this;
    if (look.kind !== "steady") this.#jump = look;
    try {
      const wasHeld = state.hold.isHeld;
      if (!(await state.hold.probe())) return;
      // What was going on when the ledger failed is in doubt.
      if (wasHeld) this.#unheard = true;
      if (!(await this.#lead())) return;
      const { now } = look;
      await this.#afterJump();
      await this.#reload();
      await this.#hear();
      endWaits(state, now);
      await fire(state, now);
      this.#startInMs = await beginWhatMay(state, now);
      await goOn(state);
    } finally {
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** The same for what was due at one instant, without leading. Returns whether anything of it is left to wait for. */
  async turnOnce(dueAt: number): Promise<boolean> {
    const { state } = this;
    try {
      if (!this.#entered) await takeOver(state, this.#jobs, false);
      this.#entered = true;
      await this.#hear();
      endWaits(state, dueAt);
      await fire(state, dueAt);
      this.#startInMs = await beginWhatMay(state, dueAt);
      await goOn(state);
    } catch (error) {
      state.hold.trouble(error);
    }
    if (state.hold.isHeld) return false;
    const due = state.roster.timeline.nextAt() ?? Infinity;
    return state.running.size > 0 || state.beside.size > 0 || this.#startInMs !== undefined || due <= dueAt;
  }

  /** Until when nothing is to be done, at most `mostMs`. */
  sleepMs(mostMs: number): number {
    const { hold, parts, roster, waits } = this.state;
    const probeMs = hold.probeInMs();
    if (probeMs !== undefined) return probeMs;
    if (!this.#post.leads) return mostMs;
    const nextAt = Math.min(roster.timeline.nextAt() ?? Infinity, waits.nextAt() ?? Infinity);
    return Math.max(0, Math.min(mostMs, nextAt - parts.clock.now(), this.#startInMs ?? Infinity));
  }

  get state(): State {
    return this.#state;
  }

  /** Whether this process leads; takes the lead, and everything that goes with it, if it is free. */
  async #lead(): Promise<boolean> {
    const { state } = this;
    if (this.#post.leads) {
      if (await this.#post.beat()) return true;
      this.#forget();
      return false;
    }
    const taken = await this.#post.take();
    if (taken === undefined) return false;
    this.#forget();
    await takeOver(state, this.#jobs, true);
    this.#changed = false;
    // Whatever the clock did before, everything that is known now was read after it.
    this.#jump = undefined;
    await this.#post.enter(taken.before);
    return true;
  }

  /** What was known of rows is not ours to know any more: another daemon has led, or will. What runs here runs on. */
  #forget(): void {
    const { roster, line, waits, waiting, answered } = this.state;
    roster.clear();
    line.clear();
    for (const one of waiting.values()) waits.set(one, undefined);
    waiting.clear();
    answered.splice(0);
    this.state.stale = true;
  }

  async #afterJump(): Promise<void> {
    const jump = this.#jump;
    if (jump === undefined) return;
    await onJump(this.state, jump);
    this.#jump = undefined;
    this.#post.beatSoon();
  }

  async #reload(): Promise<void> {
    if (!this.#changed) return;
    const { parts } = this.state;
    const replaced = await putInForce(this.state, this.#jobs);
    this.#changed = false;
    const at = parts.clock.now();
    const { added, changed, removed } = replaced;
    const text = `${added.length} jobs added, ${changed.length} changed, ${removed.length} removed`;
    await parts.ledger.noteEvent({ at, kind: "reloaded", text });
    parts.listen({ type: "jobs_replaced", at, ...replaced });
    this.#post.beatSoon();
  }

  /** What other processes asked for and did, and whether they live. */
  async #hear(): Promise<void> {
    const { state } = this;
    const { clock, ledger } = state.parts;
    const monotonic = clock.monotonic();
    if (monotonic - this.#heardAt >= hearMs) {
      if (await ledger.hasChanged()) this.#unheard = true;
      this.#heardAt = monotonic;
    }
    if (this.#unheard) {
      await readControl(state);
      state.stale = true;
      this.#unheard = false;
    }
    if (!state.stale && monotonic - this.#lookedAt < lookMs) return;
    this.#lookedAt = monotonic;
    const dead = await lookAround(state);
    if (dead.length > 0) beside(state, repeatRescued(state, rescue(state, dead)));
  }

  #setRules({ settings, zone }: Rules): void {
    const { places, roster, parts } = this.state;
    if (settings.startsPerSecond !== this.state.settings.startsPerSecond)
      this.state.rate = new StartRate(settings.startsPerSecond, parts.clock.monotonic());
    this.state.settings = settings;
    places.limits = settings;
    roster.zone = zone;
  }
}
