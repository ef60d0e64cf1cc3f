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
  /** `stoppedAt`: when the last one ended, if that is still known. `ticked`: after the last one somebody did what was due, without a daemon. */
  | { readonly kind: "none"; readonly stoppedAt?: number; readonly ticked?: Ticked };

/** When `runner tick` came last; `everyMs`: it comes by itself, about so often, and is not overdue. */
interface Ticked {
  readonly at: number;
  readonly everyMs?: number;
}

export interface DaemonFacts {
  readonly leader: Leader | undefined;
  readonly leaderState: "alive" | "dead" | "elsewhere";
  /** The folder of the leader's project, where that is another one. */
  readonly otherProject?: string | undefined;
  /** Newest first. */
  readonly events: readonly SchedulerEventRow[];
  /** When `runner tick` did what was due for this project, the newest two, the newest first. */
  readonly ticks: readonly number[];
  /** Epoch ms. */
  readonly now: number;
}

/** A daemon writes every 10 s that it lives. One that lives and has not for so long, in ms, can write nothing at all. */
const silentMs = 60_000;

/** What comes more seldom than daily, with an hour for a change of the clock, is a person's doing. */
const mostTickMs = 25 * 3_600_000;
/** So much later than it was to come a tick may come. */
const tickLateMs = 60_000;

/** What `runner tick` did after the last daemon, if anything. */
function tickedAfter(end: number, { ticks, now }: DaemonFacts): Ticked | undefined {
  const [at, before] = ticks.filter((tick) => tick > end);
  if (at === undefined) return undefined;
  const everyMs = before === undefined ? 0 : at - before;
  const comes = everyMs > 0 && everyMs <= mostTickMs && now <= at + 2 * everyMs + tickLateMs;
  return comes ? { at, everyMs } : { at };
}

export function judgeDaemon(facts: DaemonFacts): DaemonHealth {
  const { leader, leaderState, otherProject, events, now } = facts;
  const stopped = events.find(({ kind }) => kind === "stopped")?.at;
  const ticked = tickedAfter(leader?.seenAt ?? stopped ?? -Infinity, facts);
  if (leader === undefined || (leaderState === "dead" && ticked !== undefined)) {
    const known = leader === undefined ? stopped : undefined;
    return { kind: "none", ...(known === undefined ? {} : { stoppedAt: known }), ...(ticked === undefined ? {} : { ticked }) };
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
