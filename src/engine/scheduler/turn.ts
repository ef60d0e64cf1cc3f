/** One turn of the loop, and what is kept from turn to turn. */
import type { Leader } from "../../ledger/ledger.ts";
import { bringDue, claimAhead, giveBack, giveBackInDoubt, isOverslept, wakeInMs } from "./claim-ahead.ts";
import { beginWhatMay } from "./carry.ts";
import type { ClockLook } from "./clock-watch.ts";
import { fire, goOn } from "./fire.ts";
import { Hearing } from "./hearing.ts";
import { onJump } from "./jump.ts";
import type { Post } from "./post.ts";
import { spreadSetAside } from "./overdue.ts";
import { Replacement, setRules, type JobSet, type Rules } from "./reload.ts";
import { onTimeMs } from "../../schedule/missed.ts";
import { Settling } from "./settling.ts";
import { endWaits } from "./standing.ts";
import type { State } from "./state.ts";
import { forgetRows, takeOver } from "./take-over.ts";
import { endWhatIsStale } from "./window.ts";

/** Runs of a herd that are put in line before some of them begin. */
const broughtAtOnce = 250;

export class Turns {
  readonly #state: State;
  readonly #post: Post;
  #jobs: JobSet = { jobs: [], complete: false };
  #changed = false;
  /** The set of jobs that is on its way into force. */
  #replacement: Replacement | undefined;
  /** The lead is taken, and the slots of its jobs are being found: whose place it was, if that one did not give it back. */
  #arming: { readonly before?: Leader } | undefined;
  readonly #settling: Settling;
  readonly #hearing: Hearing;
  #waiting: (() => void)[] = [];
  #jump: Exclude<ClockLook, { kind: "steady" }> | undefined;
  /** Milliseconds until another run may be begun, where the rate of starts is what is missing. */
  #startInMs: number | undefined;
  #entered = false;
  /** The ledger could not be written for so long that what was due meanwhile is late. */
  #wasOut = false;

  constructor(state: State, post: Post) {
    this.#state = state;
    this.#post = post;
    this.#settling = new Settling(state);
    this.#hearing = new Hearing(state);
  }

  /** The jobs are in force when this resolves, if this process leads and nothing holds it; else they are when it does. */
  async replaceJobs(set: JobSet, rules: Rules | undefined): Promise<void> {
    const { jobs, complete } = set;
    // What could not be read this time stays as it was.
    const given = new Set(jobs.map(({ id }) => id));
    const missing = complete ? [] : this.#jobs.jobs.filter(({ id }) => !given.has(id));
    this.#jobs = { jobs: missing.length === 0 ? jobs : [...jobs, ...missing], complete };
    if (rules !== undefined) setRules(this.#state, rules);
    this.#changed = true;
    this.#replacement = undefined;
    const leads = this.#post.leads || this.#arming !== undefined;
    if (!leads || this.#state.hold.isHeld || this.#state.draining) return;
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
      const { isHeld: wasHeld, heldMs } = state.hold;
      if (!(await state.hold.probe())) return this.release();
      // What was going on when the ledger failed is in doubt.
      if (wasHeld) this.#hearing.doubt();
      if (wasHeld) state.line.doubt();
      if (heldMs > onTimeMs) this.#wasOut = true;
      const { now } = look;
      if (wasHeld || look.kind !== "steady" || isOverslept(state, now)) state.ahead.isDoubtful = true;
      await giveBackInDoubt(state);
      await this.#beginClaimed(now);
      if (!(await this.#lead())) return this.release();
      await this.#afterJump();
      await this.#reload();
      await this.#hearing.hear(now);
      // Nobody could begin anything meanwhile, as if nobody had been there.
      if (this.#wasOut) await endWhatIsStale(state, now);
      this.#wasOut = false;
      endWaits(state, now);
      bringDue(state, now);
      await fire(state, now);
      this.#startInMs = await beginWhatMay(state, now);
      await goOn(state);
      // Another set of jobs on its way, or slots that are not found yet, say nothing certain of what comes.
      if (this.#post.leads && !this.#changed) await claimAhead(state);
      if (this.#isAtWork) return;
      this.release();
      this.#settling.look();
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Whoever waits for jobs to be in force waits no longer. */
  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Jobs are on their way into force, or have slots that are to be found. */
  get #isAtWork(): boolean {
    return this.#changed || this.state.answered.length > 0;
  }

  /** The same for what was due at one instant, without leading. Returns whether anything of it is left to wait for. */
  async turnOnce(dueAt: number): Promise<boolean> {
    const { state } = this;
    try {
      if (!this.#entered) await this.#takeOverOnce();
      await this.#hearing.hear(dueAt);
      endWaits(state, dueAt);
      await fire(state, dueAt);
      this.#startInMs = await beginWhatMay(state, dueAt);
      await goOn(state);
    } catch (error) {
      state.hold.trouble(error);
    }
    if (state.hold.isHeld) return false;
    const due = state.roster.timeline.nextAt() ?? Infinity;
    return state.running.size > 0 || state.beside.size > 0 || this.#startInMs !== undefined || this.#isAtWork || due <= dueAt;
  }

  /** Nothing is fired before every slot is known, because it is done once. */
  async #takeOverOnce(): Promise<void> {
    await takeOver(this.state, this.#jobs, false);
    this.#entered = true;
    this.#changed = false;
    while (this.state.answered.length > 0) await goOn(this.state);
  }

  /** Until when nothing is to be done, at most `mostMs`. */
  sleepMs(mostMs: number): number {
    const { answered, hold, parts, waits } = this.state;
    const probeMs = hold.probeInMs();
    if (probeMs !== undefined) return probeMs;
    if (answered.length > 0) return 0;
    if (!this.#post.leads && this.#arming === undefined) return mostMs;
    if (this.#changed) return 0;
    const waitInMs = (waits.nextAt() ?? Infinity) - parts.clock.now();
    return Math.max(0, Math.min(mostMs, wakeInMs(this.state) ?? Infinity, waitInMs, this.#startInMs ?? Infinity));
  }

  /** When the first slot that is claimed already begins: nothing is left to do for it but that. */
  get nextBegin(): number | undefined {
    return this.#state.ahead.claimed.first?.dueAt;
  }

  /** It is asked to stop: what was claimed ahead is for whoever leads when it is due. */
  async stop(): Promise<void> {
    this.#state.draining = true;
    // A ledger that cannot be written keeps it: then it is queued, and begun by whoever comes, as after a crash.
    await giveBack(this.#state).catch(() => {});
  }

  get state(): State {
    return this.#state;
  }

  /**
   * Before anything else: what was claimed ahead and is due begins. Whether another process has asked for something in the last second is
   * heard first, which costs some microseconds; everything that takes longer comes after it.
   */
  async #beginClaimed(now: number): Promise<void> {
    const { first } = this.#state.ahead.claimed;
    if (first === undefined || first.dueAt > now || !this.#post.leads || this.#changed) return;
    await this.#hearing.hearRequests();
    // A herd begins while the rest of it is brought; where no more may begin, there is no hurry with the rest.
    let brought: number;
    do {
      brought = bringDue(this.#state, now, broughtAtOnce);
      this.#startInMs = await beginWhatMay(this.#state, now);
    } while (brought === broughtAtOnce && this.#startInMs === undefined && !this.#state.places.isFull);
  }

  /** Whether this process leads; takes the lead, and everything that goes with it, if it is free. */
  async #lead(): Promise<boolean> {
    const { state } = this;
    if (this.#post.leads || this.#arming !== undefined) {
      if (!(await this.#post.beat())) {
        this.#forget();
        return false;
      }
    } else {
      const taken = await this.#post.take();
      if (taken === undefined) return false;
      this.#forget();
      // Another set may come meanwhile: it is put in force after this one.
      this.#changed = false;
      await takeOver(state, this.#jobs, true);
      // Whatever the clock did before, everything that is known now was read after it.
      this.#jump = undefined;
      this.#arming = taken;
      await goOn(state);
    }
    if (this.#arming !== undefined && state.answered.length === 0) await this.#enter(this.#arming);
    return true;
  }

  /** Every slot is known: what is overdue has its time now, and this process says that it leads. */
  async #enter({ before }: { readonly before?: Leader }): Promise<void> {
    spreadSetAside(this.state);
    await this.#post.enter(before);
    this.#arming = undefined;
    this.#settling.begin();
  }

  #forget(): void {
    this.#arming = undefined;
    this.#replacement = undefined;
    forgetRows(this.state);
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
    // Which slots come is another question now.
    this.#state.ahead.isDoubtful = true;
    await giveBackInDoubt(this.#state);
    const replacement = (this.#replacement ??= new Replacement(this.state, this.#jobs));
    const replaced = await replacement.step();
    // Meanwhile it may have been asked for yet another set.
    if (replaced === undefined || this.#replacement !== replacement) return;
    this.#replacement = undefined;
    this.#changed = false;
    this.#settling.begin();
    const at = parts.clock.now();
    const { added, changed, removed } = replaced;
    const text = `${added.length} jobs added, ${changed.length} changed, ${removed.length} removed`;
    await parts.ledger.noteEvent({ at, kind: "reloaded", text });
    parts.listen({ type: "jobs_replaced", at, ...replaced });
    this.#post.beatSoon();
  }
}
