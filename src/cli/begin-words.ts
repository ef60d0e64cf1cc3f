/** What started a run, how late it was, and the slots a row stands for. Pure. */
import type { RunRow } from "../ledger/ledger.ts";
import { duration, instantUtc, shortId } from "./format.ts";

/** `by its schedule`, `by hand`, … */
export function triggerWords({ trigger, rerunOf }: Pick<RunRow, "trigger" | "rerunOf">): string {
  switch (trigger) {
    case "slot":
      return "by its schedule";
    case "manual":
      return "by hand";
    case "boot":
      return "after a start of the machine";
    case "retry":
      return `by itself, because run ${rerunOf === undefined ? "before it" : shortId(rerunOf)} was interrupted`;
  }
}

/** Milliseconds from when it was due to its begin; undefined for what answers no slot, or has not begun, or never did. */
export function latenessOf({ status, slotAt, dueAt = slotAt, startedAt }: RunRow): number | undefined {
  const begun = !["queued", "missed", "skipped", "blocked"].includes(status);
  return dueAt === undefined || !begun ? undefined : Math.max(startedAt - dueAt, 0);
}

/** A begin so much after it was due is worth a word. */
export const worthAWordMs = 5_000;

/** `12 slots, 2026-11-24 01:00:00Z to 12:00:00Z`; empty for a row of one slot. */
export function rangeWords({ slots = 1, slotFrom, slotAt }: RunRow): string {
  if (slots === 1 || slotFrom === undefined || slotAt === undefined) return "";
  const [from, to] = [instantUtc(slotFrom), instantUtc(slotAt)];
  const [fromDay, toDay] = [from.slice(0, 10), to.slice(0, 10)];
  return `${slots} slots, ${from} to ${fromDay === toDay ? to.slice(11) : to}`;
}

/** Why a run waits, and until when; empty for one that does not. */
export function waitWords({ status, wait }: RunRow, now: number): string {
  if (status !== "waiting" || wait === undefined) return "";
  const left = wait.until > now ? `, in ${duration(wait.until - now)}` : ", which has passed";
  return `until ${instantUtc(wait.until)}${left}: ${wait.why}`;
}
