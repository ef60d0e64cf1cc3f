/** Jobs that run once after each start of the machine: `@reboot` of crontab(5). */
import { keptBoots } from "../../ledger/ledger.ts";
import { blackoutAt, describeBlackout } from "../../schedule/blackout.ts";
import { bootClaimOf } from "./claims.ts";
import { chunksOf } from "./fire.ts";
import type { Entry } from "./roster.ts";
import { endOf, type State } from "./state.ts";
import { take } from "./taken.ts";

/**
 * Those that are there when a scheduler first runs since that start, as with cron, which notes that in /run/crond.reboot. One that is new later
 * waits for the next start, also if this process is started anew. A start of the container counts as one of the machine, but only for what stays:
 * a container for each tick is started each minute. Outside of `startAt` and `endAt` there is nothing to answer, and in a blackout it is
 * recorded as skipped.
 *
 * It is noted when the claims are written, so a crash in between loses none, and each is one of its job and boot.
 */
export async function fireBoot(state: State, stays: boolean): Promise<void> {
  const { ledger, owner, containerBoot, clock } = state.parts;
  const boot = (stays ? containerBoot : undefined) ?? owner.bootId;
  if (await isAnswered(ledger, boot)) return;
  const now = clock.now();
  const booting = [...state.roster.entries()].filter(({ job: { schedule } }) => {
    const { kind, startAt = -Infinity, endAt = Infinity } = schedule;
    return kind === "boot" && startAt <= now && now < endAt;
  });
  const clear: Entry[] = [];
  for (const entry of booting) {
    const dark = darkness(state, entry, now);
    if (dark === undefined) clear.push(entry);
    // In one step: whoever came between a claim and its end would begin it.
    else await ledger.recordRun(bootClaimOf(state.parts, entry, boot), endOf("skipped", `in a blackout: ${dark}`, now));
  }
  for (const chunk of chunksOf(clear)) {
    const claims = chunk.map((entry) => bootClaimOf(state.parts, entry, boot));
    const results = await ledger.claimSlots(claims);
    for (const [at, entry] of chunk.entries()) {
      const [claim, result] = [claims[at], results[at]];
      if (claim !== undefined && result !== undefined) take(state, entry, claim, result);
    }
  }
  for (const text of new Set([boot, owner.bootId]))
    if (text !== "" && !(await isAnswered(ledger, text))) await ledger.noteEvent({ at: clock.now(), kind: "booted", text });
}

/**
 * Whether a scheduler has run since that start. One that is asked for is noted again before others take its place, with its own time: each start of
 * a container is noted, and a host that only ticks is to know of its own start for as long as it runs.
 */
async function isAnswered(ledger: State["parts"]["ledger"], boot: string): Promise<boolean> {
  // A system that does not tell its boots is taken for started each time.
  if (boot === "") return false;
  const [noted] = await ledger.events({ kinds: ["booted"], text: boot, limit: 1 });
  if (noted === undefined) return false;
  const newest = await ledger.events({ kinds: ["booted"], limit: keptBoots / 2 });
  if (!newest.some(({ text }) => text === boot)) await ledger.noteEvent(noted);
  return true;
}

/** The blackout in which this start of the machine falls, in words. */
function darkness({ roster }: State, { job: { schedule } }: Entry, now: number): string | undefined {
  const dark = blackoutAt(schedule.blackout ?? [], schedule.tz ?? roster.zone, now);
  return dark === undefined ? undefined : describeBlackout(dark);
}
