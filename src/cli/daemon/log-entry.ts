/** What happens to a daemon, as entries of its log: one for each change of state. What a turn answers is never among them. Pure. */
import type { SchedulerEvent } from "../../engine/scheduler-events.ts";
import type { RunOutcome } from "../../engine/outcome.ts";
import type { RunEvent } from "../../engine/events.ts";
import type { RunStatus } from "../../run/run.ts";
import { isMadeUpFor } from "../../schedule/unanswered.ts";
import { duration, shortId } from "../format.ts";
import { dollars, several } from "../money.ts";

export type Level = "info" | "warning" | "error";

/** Its fields are the NDJSON's fields as well; `docs/daemon.md` names them. */
export interface LogEntry {
  /** Epoch ms. */
  readonly at: number;
  readonly level: Level;
  /** A word for programs. */
  readonly event: string;
  readonly job?: string;
  readonly runId?: string;
  /** One line for people, without the job and the run. */
  readonly text: string;
  readonly status?: RunStatus;
  /** Instants, epoch ms. */
  readonly slotAt?: number;
  readonly until?: number;
  /**
   * What makes this entry the same trouble as the job's last one, so that it is not told a second time. Absent: it is always told.
   */
  readonly trouble?: string;
}

/** How instants are written for people: the log knows the zone. */
type Instant = (at: number) => string;

export interface Telling {
  readonly instant: Instant;
  /** The process does what is due and ends: it waits for nobody's death. */
  readonly once: boolean;
}

export function entryOf(event: SchedulerEvent, { instant, once }: Telling): LogEntry | undefined {
  if (event.type === "run") return runEntry(event.jobName, event.event);
  const at = event.at;
  switch (event.type) {
    case "leading": {
      const after = event.before === undefined ? "" : `, after pid ${event.before.owner.pid} on ${event.before.owner.host}`;
      return { at, level: "info", event: "leading", text: `fires ${several(event.jobs, "job")}${after}` };
    }
    case "standing_by": {
      // The project is named, because two projects that share a state folder by mistake would wait for each other for ever.
      const { owner, startedAt, report } = event.leader;
      const who = `pid ${owner.pid} on ${owner.host} fires the jobs of ${report.projectDir} since ${instant(startedAt)}`;
      const text = once ? `leaves it to the daemon: ${who}` : `stands by: ${who}; takes over when that one has died`;
      return { at, level: "info", event: "standing_by", text };
    }
    case "rescued":
      return { at, level: "warning", event: "rescued", text: rescuedText(event.runIds) };
    case "slot_claimed":
      return undefined;
    case "slots_recorded":
      return rangeEntry(event, instant);
    case "run_waits": {
      const { jobName, runId, until, why } = event;
      const text = `waits until ${instant(until)}: ${why}`;
      return { at, level: "warning", event: "run_waits", job: jobName, runId, until, text };
    }
    case "job_blocked": {
      const { jobName, runId, reason } = event;
      return { at, level: "error", event: "job_blocked", job: jobName, runId, status: "blocked", text: `blocked: ${reason}` };
    }
    case "job_unblocked":
      return { at, level: "info", event: "job_unblocked", job: event.jobName, text: "no longer blocked" };
    case "clock_jumped": {
      const way = event.byMs < 0 ? "back" : "forward, or the machine slept";
      return { at, level: "warning", event: "clock_jumped", text: `the clock went ${duration(Math.abs(event.byMs))} ${way}` };
    }
    case "slots_withdrawn": {
      const { slots, jobs, showed } = event;
      const of = `${jobs.slice(0, 5).join(", ")}${jobs.length > 5 ? `, … (${jobs.length} jobs)` : ""}`;
      const text = `${several(slots, "slot")} of ${of} given back: missed or skipped while the clock showed up to ${instant(showed)}, and yet to come`;
      return { at, level: "warning", event: "slots_withdrawn", text };
    }
    case "held":
      return { at, level: "error", event: "held", text: `starts nothing: ${event.reason}` };
    case "resumed":
      return { at, level: "info", event: "resumed", text: `goes on after ${duration(event.heldMs)}` };
    // Told by whoever read the files, with the reason for it.
    case "jobs_replaced":
      return undefined;
    case "job_unusable":
      return { at, level: "error", event: "job_unusable", job: event.jobName, text: `cannot be scheduled: ${event.reason}` };
    case "draining": {
      const left =
        event.running === 0
          ? "nothing is under way"
          : `${several(event.running, "run")} under way, at most ${duration(event.graceMs)} more; a second signal ends it now`;
      return { at, level: "info", event: "draining", text: `stops: ${left}` };
    }
  }
}

function rescuedText(runIds: readonly string[]): string {
  const some = runIds.slice(0, 5).map(shortId).join(", ");
  const more = runIds.length > 5 ? ", …" : "";
  return `closed ${several(runIds.length, "run")} that a dead process left behind: ${some}${more}`;
}

type Event<T extends SchedulerEvent["type"]> = Extract<SchedulerEvent, { type: T }>;

function rangeEntry({ at, range }: Event<"slots_recorded">, instant: Instant): LogEntry {
  const { status, jobName, from, to, slots, reason } = range;
  const when = slots === 1 ? instant(to) : `${slots} slots from ${instant(from)} to ${instant(to)}`;
  // What is made up for is not lost: of a job each 20 s a `tick -q` each minute would have it mailed for ever.
  const level = status === "missed" && !isMadeUpFor(reason) ? "warning" : "info";
  const trouble = `${status} ${reason}`;
  return {
    at,
    level,
    event: `slots_${status}`,
    job: jobName,
    status,
    slotAt: to,
    text: `${status}: ${when}: ${reason}`,
    trouble,
  };
}

/** Names of at most five jobs. */
function named(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [`${names.length} ${what} (${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""})`];
}

export function replacedText(change: Pick<Event<"jobs_replaced">, "added" | "changed" | "removed">): string {
  const parts = [...named("added", change.added), ...named("changed", change.changed), ...named("removed", change.removed)];
  return parts.length === 0 ? "no job has changed" : `jobs: ${parts.join(", ")}`;
}

const levels: Partial<Record<RunStatus, Level>> = {
  failed: "error",
  timed_out: "error",
  unknown: "error",
  blocked: "error",
  interrupted: "warning",
  missed: "warning",
  deferred: "warning",
  cancelled: "warning",
};

function runEntry(job: string, event: RunEvent): LogEntry | undefined {
  const { at } = event;
  switch (event.type) {
    case "run_started": {
      const { runId, slotAt, simulated, trigger } = event.run;
      const made = simulated ? ", SIMULATED" : "";
      const slot = slotAt === undefined ? {} : { slotAt };
      const text =
        trigger === "slot" && slotAt !== undefined ? `begins${lateness(at - slotAt)}${made}` : `begins (${trigger})${made}`;
      return { at, level: "info", event: "run_started", job, runId, text, ...slot };
    }
    case "run_carried_on": {
      const text = `carried on after ${duration(event.waitedMs)}: ${event.why}`;
      return { at, level: "info", event: "run_carried_on", job, runId: event.run.runId, text };
    }
    case "attempt_started":
      return event.attempt === 1
        ? undefined
        : { at, level: "info", event: "attempt_started", job, text: `attempt ${event.attempt}: ${event.why}` };
    case "attempt_finished": {
      const text = `${several(event.killed, "process", "processes")} left behind by the turn ended`;
      return event.killed === 0 ? undefined : { at, level: "warning", event: "leftovers_ended", job, text };
    }
    case "run_rescued":
      return {
        at,
        level: "warning",
        event: "rescued",
        job,
        runId: event.runId,
        text: "had died without an end; closed as interrupted",
      };
    case "run_finished":
      return endEntry(job, at, event.outcome);
    // What is healed within an attempt is told with its end.
    case "attempt_waiting":
    case "expectation_failed":
    case "gate_finished":
    case "preflight_finished":
    case "tool_started":
    case "tool_finished":
    case "try_started":
    case "try_failed":
    case "try_answered":
    case "waiting":
      return undefined;
  }
}

/** A slot that is answered within two seconds needs no word about it. */
function lateness(lateMs: number): string {
  return lateMs < 2_000 ? "" : `, ${duration(lateMs)} after its slot`;
}

function endEntry(job: string, at: number, outcome: RunOutcome): LogEntry {
  const { runId, status, reason, startedAt, finishedAt, costMicroUsd, deferredUntil, repairs, tries, attempts } = outcome;
  const { obstacle = withoutNumbers(reason) } = outcome;
  const healed = [
    attempts > 1 ? several(attempts, "attempt") : "",
    tries > 1 ? several(tries, "try", "tries") : "",
    repairs > 0 ? several(repairs, "repair") : "",
  ];
  const facts = [`in ${duration(finishedAt - startedAt)}`, costMicroUsd === undefined ? "" : dollars(costMicroUsd), ...healed];
  const text = `${status} ${facts.filter((fact) => fact !== "").join(", ")}: ${reason}`;
  const level = levels[status] ?? "info";
  const until = deferredUntil === undefined ? {} : { until: deferredUntil };
  return {
    at,
    level,
    event: "run_finished",
    job,
    runId,
    status,
    text,
    ...until,
    ...(level === "info" ? {} : { trouble: `${status} ${obstacle}` }),
  };
}

/** Ids, times and counts differ from one failure to the next though the trouble is the same. */
function withoutNumbers(reason: string): string {
  return reason.replaceAll(/[0-9a-f]{8,}|\d+/g, "#");
}
