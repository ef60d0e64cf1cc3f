/** The post of the leader as this process sees it: whether it has it, and what it says of itself there. */
import type { Leader, LeaderReport } from "../../ledger/ledger.ts";
import { giveBackLead, heartbeatMs, isSameOwner, livingLeader, takeLead } from "./leadership.ts";
import { refuseOtherProject } from "../other-project.ts";
import type { State } from "./state.ts";

/** Most problems of the job files that are told. */
const mostProblems = 20;

export class Post {
  readonly #state: State;
  readonly #startedAt: number;
  #problems: readonly string[] = [];
  #refused = false;
  #beatAt = -Infinity;
  #stoodBehind: Leader | undefined;
  /** It has the post, whether or not it has said so yet. */
  #has = false;
  #leads = false;

  constructor(state: State) {
    this.#state = state;
    this.#startedAt = state.parts.clock.now();
  }

  get leads(): boolean {
    return this.#leads;
  }

  reportProblems(problems: readonly string[], files: "refused" | "in_force"): void {
    this.#problems = problems.slice(0, mostProblems);
    this.#refused = files === "refused";
    this.beatSoon();
  }

  /** The next turn writes a heartbeat: what it says is another. */
  beatSoon(): void {
    this.#beatAt = -Infinity;
    this.#state.alarm.ring();
  }

  /** Whether another daemon leads and lives; said once for each. */
  async isTaken(): Promise<boolean> {
    const { parts } = this.#state;
    const leader = await livingLeader(parts);
    if (leader === undefined) return false;
    this.#standBehind(leader);
    return true;
  }

  /** Takes the post if it is free. Returns whose place it was, if that one did not give it back. */
  async take(): Promise<{ readonly before?: Leader } | undefined> {
    if (await this.isTaken()) return undefined;
    const lead = await takeLead(this.#state.parts, this.#startedAt, this.#report());
    if (!lead.leads) {
      this.#standBehind(lead.leader);
      return undefined;
    }
    this.#has = true;
    this.#beatAt = this.#state.parts.clock.monotonic();
    return lead.before === undefined ? {} : { before: lead.before };
  }

  /** Everything is ready: it is told. */
  async enter(before: Leader | undefined): Promise<void> {
    const { parts, roster } = this.#state;
    const at = parts.clock.now();
    const text =
      before === undefined ? `${roster.size} jobs` : `from pid ${before.owner.pid} on ${before.owner.host}; ${roster.size} jobs`;
    await parts.ledger.noteEvent({ at, kind: before === undefined ? "started" : "took_over", text });
    this.#leads = true;
    this.#stoodBehind = undefined;
    parts.listen({ type: "leading", at, jobs: roster.size, ...(before === undefined ? {} : { before }) });
    this.beatSoon();
  }

  /** The heartbeat, if it is time; returns whether the post is still ours. */
  async beat(): Promise<boolean> {
    const { parts } = this.#state;
    const monotonic = parts.clock.monotonic();
    if (monotonic - this.#beatAt < heartbeatMs) return true;
    const lead = await takeLead(parts, this.#startedAt, this.#report());
    this.#beatAt = monotonic;
    if (lead.leads) return true;
    this.#has = false;
    this.#leads = false;
    await parts.ledger.noteEvent({ at: parts.clock.now(), kind: "stood_down", text: `for pid ${lead.leader.owner.pid}` });
    this.#standBehind(lead.leader);
    return false;
  }

  /** Says that it drains: whoever stands by takes the lead at once. */
  async drain(): Promise<void> {
    if (!this.#has) return;
    const { parts } = this.#state;
    const now = parts.clock.now();
    const report = this.#report("draining");
    await parts.ledger
      .changeLeader((found) =>
        found !== undefined && isSameOwner(found.owner, parts.owner) ? { ...found, seenAt: now, report } : found,
      )
      .catch(() => {});
  }

  async leave(): Promise<void> {
    if (!this.#has) return;
    const { parts } = this.#state;
    // A ledger that cannot be written shows the death of this process all the same.
    await parts.ledger.noteEvent({ at: parts.clock.now(), kind: "stopped", text: `pid ${parts.owner.pid}` }).catch(() => {});
    await giveBackLead(parts).catch(() => {});
    this.#has = false;
    this.#leads = false;
  }

  /** @throws ConfigError for the leader of another project, whose place this daemon could never take in good sense */
  #standBehind(leader: Leader): void {
    const { projectDir, owner } = this.#state.parts;
    refuseOtherProject(leader, projectDir, owner);
    if (this.#stoodBehind !== undefined && isSameOwner(this.#stoodBehind.owner, leader.owner)) return;
    this.#stoodBehind = leader;
    const { clock, listen } = this.#state.parts;
    listen({ type: "standing_by", at: clock.now(), leader });
  }

  #report(state: LeaderReport["state"] = this.#state.hold.isHeld ? "held" : "running"): LeaderReport {
    const { parts, roster, running, line, waits, settings } = this.#state;
    const next = Math.min(roster.timeline.nextAt() ?? Infinity, waits.nextAt() ?? Infinity);
    return {
      projectDir: parts.projectDir,
      zone: roster.zone,
      jobs: roster.size,
      running: running.size,
      queued: line.length,
      maxRuns: settings.maxRuns,
      ...(next === Infinity ? {} : { nextAt: next }),
      state,
      problems: this.#problems,
      ...(this.#refused ? { refused: true as const } : {}),
    };
  }
}
