/** Whether somebody fires the slots. Pure. */
import type { Leader, SchedulerEventRow } from "../../ledger/ledger.ts";

export type DaemonHealth =
  | {
      readonly kind: "alive";
      readonly leader: Leader;
      /** It cannot be seen from here: its lease says that it lives. */
      readonly elsewhere: boolean;
      /** It fires the jobs of another project, in this folder, and none of this one's. */
      readonly otherProject?: string;
      /** It was asked to stop, and lets what is under way end. */
      readonly draining: boolean;
      /** It starts nothing, because the ledger cannot be written; since when and why, if that could be told, else it is seen by its silence. */
      readonly held?: { readonly since?: number; readonly reason?: string };
      /** What the daemon found wrong with the files when it read them last. */
      readonly problems: readonly string[];
      /** For that it refused them: what was in force before is, as a whole; since when, if that is still known. */
      readonly refused?: { readonly since?: number };
    }
  /** It died without a word: nothing fires until another one is started. */
  | { readonly kind: "dead"; readonly leader: Leader; readonly seenAt: number }
  /** `stoppedAt`: when the last one ended, if that is still known. */
  | { readonly kind: "none"; readonly stoppedAt?: number };

export interface DaemonFacts {
  readonly leader: Leader | undefined;
  readonly leaderState: "alive" | "dead" | "elsewhere";
  /** The folder of the leader's project, where that is another one. */
  readonly otherProject?: string | undefined;
  /** Newest first. */
  readonly events: readonly SchedulerEventRow[];
  /** Epoch ms. */
  readonly now: number;
}

/** A daemon writes every 10 s that it lives. One that lives and has not for so long, in ms, can write nothing at all. */
const silentMs = 60_000;

export function judgeDaemon({ leader, leaderState, otherProject, events, now }: DaemonFacts): DaemonHealth {
  if (leader === undefined) {
    const stopped = events.find(({ kind }) => kind === "stopped");
    return { kind: "none", ...(stopped === undefined ? {} : { stoppedAt: stopped.at }) };
  }
  if (leaderState === "dead") return { kind: "dead", leader, seenAt: leader.seenAt };
  const { state, problems, refused } = leader.report;
  const reload = events.find(({ kind }) => kind === "reload_refused" || kind === "reloaded");
  const held = events.find(({ kind }) => kind === "held" || kind === "resumed");
  return {
    kind: "alive",
    leader,
    elsewhere: leaderState === "elsewhere",
    draining: state === "draining",
    problems,
    ...(refused === true ? { refused: reload?.kind === "reload_refused" ? { since: reload.at } : {} } : {}),
    ...(otherProject === undefined ? {} : { otherProject }),
    ...(state === "held"
      ? { held: held?.kind === "held" ? { since: held.at, reason: held.text } : {} }
      : state === "running" && leaderState === "alive" && now - leader.seenAt > silentMs
        ? { held: { since: leader.seenAt, reason: "nothing of it has reached the ledger since, as when the disk is full" } }
        : {}),
  };
}
