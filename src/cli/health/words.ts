/** What `status` says of a job and of the whole, in words. Pure. */
import type { JobHealth, JobState } from "../../engine/health/job-state.ts";
import type { ProjectHealth } from "../../engine/health/health.ts";
import type { Pause } from "../../ledger/ledger.ts";
import { ago, duration, instantIn, oneLine, shortId } from "../format.ts";
import { several } from "../money.ts";
import { shellWord } from "../shell-word.ts";

/** The state, as short as a table wants it. */
export function stateWords({ state, streak, paused }: JobHealth, now: number): string {
  const words = shortWords(state, now);
  if (streak === undefined || !["running", "waiting", "queued"].includes(state.kind)) {
    return state.kind === "paused" || paused === undefined ? words : `${words}; paused`;
  }
  return `${words}; ${streak.inARow === 1 ? "failed before" : `${streak.inARow} failed before`}`;
}

function shortWords(state: JobState, now: number): string {
  switch (state.kind) {
    case "died":
      return `died, begun ${ago(state.since, now)}`;
    case "overdue":
      return state.what === "slot"
        ? `overdue by ${duration(now - state.dueAt)}`
        : `${state.what}, overdue by ${duration(now - state.dueAt)}`;
    case "running":
      return `running for ${duration(now - state.since)}`;
    case "waiting":
      return state.until > now ? `waiting, goes on in ${duration(state.until - now)}` : "waiting, goes on now";
    case "queued":
      return `queued for ${duration(now - state.since)}`;
    case "blocked":
      return `blocked for ${duration(now - state.since)}`;
    case "failing":
      return failingWords(state);
    case "unusable":
      return "cannot be scheduled";
    case "missed":
      return `missed ${several(state.slots, "slot")}`;
    case "put_off":
      return `put off, ${ago(state.until, now)}`;
    case "paused":
      return `paused by ${oneLine(state.pause.by, 20)}`;
    case "not_armed":
      return "not looked after yet";
    case "passed":
      return "its time had passed";
    case "finished":
      return "done";
    case "never_run":
      return "not run yet";
    case "ok":
    case "disabled":
      return state.kind;
  }
}

function failingWords({ status, inARow, atLeast, once }: Extract<JobState, { kind: "failing" }>): string {
  if (once || inARow === 1) return status.replace("_", " ");
  return `failing: ${inARow}${atLeast ? " or more" : ""} in a row`;
}

/** `by maria 2 h ago, until 2026-11-26 09:00:00Z: a new key is on its way`. */
export function pauseWords({ by, at, until, reason }: Pause, now: number, zone: string): string {
  const end = until === undefined ? "" : `, until ${instantIn(zone, until)}`;
  const why = reason === undefined || reason === "" ? "" : `: ${oneLine(reason, 200)}`;
  return `by ${oneLine(by, 60)} ${ago(at, now)}${end}${why}`;
}

/** Something that a person may have to do, and what to type for it. */
export interface Advice {
  readonly job?: string;
  readonly text: string;
  /** Command lines, the first one first. */
  readonly type: readonly string[];
}

/** For each job that is not well, worst first. */
export function adviceOf(health: JobHealth, daemonIsThere: boolean, now: number, zone: string): Advice | undefined {
  const { job, state } = health;
  const name = shellWord(job.name);
  const tell = (text: string, ...type: readonly string[]): Advice => ({ job: job.name, text, type });
  const explain = `runner explain ${"runId" in state && state.runId !== undefined ? shortId(state.runId) : name}`;
  switch (state.kind) {
    case "died":
      return tell(
        `run ${shortId(state.runId)} began ${ago(state.since, now)}; its process is gone, and nobody has closed it`,
        `runner reset ${name}`,
      );
    case "overdue": {
      const what = {
        slot: `was due ${instantIn(zone, state.dueAt)} and has no record`,
        waiting: `was to go on ${instantIn(zone, state.dueAt)}, and nobody has carried it on`,
        queued: `was claimed ${instantIn(zone, state.dueAt)}, and nobody has begun it`,
      }[state.what];
      // Without a daemon the head says what to do, once and not for each job.
      return daemonIsThere ? tell(what, `runner explain ${name} --at ${new Date(state.dueAt).toISOString()}`) : tell(what);
    }
    case "blocked":
      return tell(
        `blocked since ${instantIn(zone, state.since)}${times(state.times)}${because(state.reason)}`,
        explain,
        `runner run ${name}`,
      );
    case "failing":
      return tell(
        state.inARow === 1
          ? `${state.status.replace("_", " ")} ${ago(state.since, now)}${state.once ? "; it is due once, and stays here until it has succeeded" : ""}`
          : `failing since ${instantIn(zone, state.since)}, ${state.inARow}${state.atLeast ? " or more" : ""} in a row`,
        explain,
        ...(state.once ? [`runner run ${name}`] : []),
      );
    case "unusable":
      return tell(`cannot be scheduled${because(state.reason)}`, "runner validate");
    case "missed":
      return tell(`missed ${several(state.slots, "slot")}${because(state.reason)}`, explain, `runner run ${name}`);
    case "passed":
      return tell(`was due ${instantIn(zone, state.slotAt)}, before anybody looked after it`, `runner run ${name}`);
    case "paused":
      return tell(`paused ${pauseWords(state.pause, now, zone)}`, `runner resume ${state.pause.jobId === "*" ? "--all" : name}`);
    default:
      return undefined;
  }
}

function times(slots: number): string {
  return slots === 1 ? "" : `, ${slots} slots`;
}

function because(reason: string): string {
  return reason === "" ? "" : `: ${oneLine(reason, 300)}`;
}

/** The lines above the table: who fires the slots, and what is to be known of the whole. `bad`: it must be looked at. */
export function headLines(health: ProjectHealth, now: number, zone: string): readonly { text: string; bad: boolean }[] {
  const lines: { text: string; bad: boolean }[] = [...daemonLines(health, now)];
  if (health.pausedAll !== undefined)
    lines.push({ text: `everything is paused ${pauseWords(health.pausedAll, now, zone)}`, bad: true });
  if (health.ahead !== undefined) {
    const { jobs, until } = health.ahead;
    lines.push({
      text: `the clock was set back: ${several(jobs, "job waits", "jobs wait")} until it is past ${instantIn(zone, until)} once more, because ${jobs === 1 ? "its" : "their"} slots up to there have a record`,
      bad: true,
    });
  }
  for (const run of health.strays)
    lines.push({
      text: `run ${shortId(run.runId)} is ${run.status}; its job ${oneLine(run.jobName, 60)} is not in the job files as they are`,
      bad: false,
    });
  return lines;
}

function daemonLines({ daemon, jobs }: ProjectHealth, now: number): { text: string; bad: boolean }[] {
  if (daemon.kind === "none") {
    const waiting = jobs.some(({ job, state }) => job.schedule.kind !== "manual" && state.kind !== "disabled");
    const stopped = daemon.stoppedAt === undefined ? "" : ` (the last one stopped ${ago(daemon.stoppedAt, now)})`;
    return waiting
      ? [
          {
            text: `no daemon is running${stopped}: nothing fires by itself. Start one: runner start (or do what is due, once: runner tick)`,
            bad: true,
          },
        ]
      : [];
  }
  const { leader } = daemon;
  const who = `pid ${leader.owner.pid}${daemon.kind === "alive" && daemon.elsewhere ? ` on ${oneLine(leader.owner.host, 40)}` : ""}`;
  if (daemon.kind === "dead")
    return [
      { text: `the daemon (${who}) died; it was last seen ${ago(daemon.seenAt, now)}. Start one: runner start`, bad: true },
    ];
  const { running, queued, zone, jobs: count } = leader.report;
  const work = `${running} running, ${queued} queued`;
  const lines = [
    {
      text: `daemon ${who}, up ${duration(now - leader.startedAt)}, runner ${oneLine(leader.version, 20)}, ${several(count, "job")}, zone ${zone}, ${work}`,
      bad: false,
    },
  ];
  if (daemon.draining)
    lines.push({ text: "it was asked to stop: it starts nothing new, and lets what is under way end", bad: true });
  if (daemon.held !== undefined) {
    const { since, reason } = daemon.held;
    lines.push({
      text: `it starts nothing${since === undefined ? "" : ` since ${ago(since, now)}`}, and goes on by itself when it can${because(reason ?? "the ledger cannot be written")}`,
      bad: true,
    });
  }
  if (daemon.problems.length > 0) {
    lines.push({ text: "the job files as they are now cannot be used; the last good ones are in force:", bad: true });
    for (const problem of daemon.problems) lines.push({ text: `  ${oneLine(problem, 300)}`, bad: true });
  }
  return lines;
}
