/**
 * The scheduler of one process: it leads or stands by, until it is asked to stop. What it does while it leads is `turn` of scheduler/turn.ts;
 * read that next.
 *
 * Everything it does is a row of the ledger first, so it may be killed at any instant: whoever comes next goes on from the rows, and nothing
 * but the rows says where a job stands.
 */
import { ConfigError } from "../errors.ts";
import type { Scheduler, SchedulerEnd, SchedulerParts } from "./scheduler-parts.ts";
import { ClockWatch, type ClockLook } from "./scheduler/clock-watch.ts";
import { drain } from "./scheduler/drain.ts";
import { Post } from "./scheduler/post.ts";
import { newState } from "./scheduler/state.ts";
import { Turns } from "./scheduler/turn.ts";

/** How often others are looked at: their requests, and the leader while this one stands by. */
const pollMs = 1_000;

export function createScheduler(parts: SchedulerParts): Scheduler {
  const state = newState(parts);
  const post = new Post(state);
  const turns = new Turns(state, post);
  return {
    replaceJobs: (jobs, complete, rules) => turns.replaceJobs({ jobs, complete }, rules),
    reportProblems: (problems, files) => post.reportProblems(problems, files),
    async run({ stop, now, once }): Promise<SchedulerEnd> {
      const ring = (): void => state.alarm.ring();
      stop.addEventListener("abort", ring, { once: true });
      try {
        if (once === true) await runOnce(turns, stop, now);
        else await runUntil(turns, stop, now);
      } finally {
        stop.removeEventListener("abort", ring);
      }
      const { cut, failed } = state;
      return { cut, failed };
    },
  };

  async function runUntil(loop: Turns, stop: AbortSignal, now: AbortSignal): Promise<void> {
    const { alarm } = state;
    const watch = new ClockWatch(parts.clock);
    let look: ClockLook = watch.look(0);
    let end: unknown;
    while (!stop.aborted && end === undefined) {
      end = await turn(loop, look);
      parts.turned?.();
      if (end === undefined) look = watch.look(await alarm.sleep(loop.sleepMs(pollMs), loop.nextBegin));
    }
    loop.release();
    await loop.stop();
    await post.drain();
    await drain(state, now);
    await post.leave();
    if (end !== undefined) throw end;
  }

  /** Returns what no waiting mends: whoever watches over this process starts another one then, or a person reads why. */
  async function turn(loop: Turns, look: ClockLook): Promise<unknown> {
    const { hold } = state;
    try {
      await loop.turn(look);
    } catch (error) {
      if (error instanceof ConfigError) return error;
      hold.trouble(error);
    }
    return hold.isLost ? hold.error : undefined;
  }

  /** Does what is due now and what follows from it, and leaves the rest as rows. A ledger that cannot be written ends it. */
  async function runOnce(loop: Turns, stop: AbortSignal, now: AbortSignal): Promise<void> {
    if (await post.isTaken()) return;
    const dueAt = parts.clock.now();
    let more = true;
    while (more && !stop.aborted) {
      more = await loop.turnOnce(dueAt);
      parts.turned?.();
      if (more) await state.alarm.sleep(loop.sleepMs(pollMs));
    }
    const { error } = state.hold;
    // What runs is waited for all the same; it was begun before.
    while (state.running.size > 0 && !stop.aborted) await state.alarm.sleep(pollMs);
    await drain(state, now);
    if (error !== undefined) throw error;
  }
}
