/** Jobs that run once after each start of the machine: `@reboot` of crontab(5). */
import type { SlotClaim } from "../../ledger/ledger.ts";
import { blackoutAt, describeBlackout } from "../../schedule/blackout.ts";
import { bootClaimOf } from "./claims.ts";
import { chunksOf } from "./fire.ts";
import type { Entry } from "./roster.ts";
import { dismiss } from "./standing.ts";
import type { State } from "./state.ts";
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
  const answered = new Set((await ledger.events({ kinds: ["booted"] })).map(({ text }) => text));
  if (answered.has(boot)) return;
  const now = clock.now();
  const booting = [...state.roster.entries()].filter(({ job: { schedule } }) => {
    const { kind, startAt = -Infinity, endAt = Infinity } = schedule;
    return kind === "boot" && startAt <= now && now < endAt;
  });
  for (const chunk of chunksOf(booting)) {
    const claims = chunk.map((entry) => bootClaimOf(state.parts, entry, boot));
    const results = await ledger.claimSlots(claims);
    for (const [at, entry] of chunk.entries()) {
      const [claim, result] = [claims[at], results[at]];
      if (claim === undefined || result === undefined) continue;
      take(state, entry, claim, result);
      if (result.won) await skipInBlackout(state, entry, claim);
    }
  }
  for (const text of new Set([boot, owner.bootId]))
    if (text !== "" && !answered.has(text)) await ledger.noteEvent({ at: clock.now(), kind: "booted", text });
}

async function skipInBlackout(state: State, { job: { schedule } }: Entry, { runId, startedAt }: SlotClaim): Promise<void> {
  const dark = blackoutAt(schedule.blackout ?? [], schedule.tz ?? state.roster.zone, startedAt);
  const item = dark === undefined ? undefined : state.line.get(runId);
  if (dark !== undefined && item !== undefined)
    await dismiss(state, item.run, "skipped", `in a blackout: ${describeBlackout(dark)}`);
}
