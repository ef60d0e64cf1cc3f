/** What a daemon says of itself when it starts: everything that decides what it will do, with where it comes from. */
import type { Project } from "../../compose/project.ts";
import { formatIssue } from "../../errors.ts";
import { nextSlots } from "../../schedule/slot.ts";
import { duration } from "../format.ts";
import { several } from "../money.ts";
import { toldProblems } from "../problems.ts";
import { clock, type DaemonLog } from "./log.ts";

export interface Banner {
  readonly version: string;
  readonly pid: number;
  readonly stateDir: string;
  readonly simulated: boolean;
  readonly now: number;
}

/** More jobs than this are not asked for their next instant, which costs 0.1 ms each, before the first of them is fired. */
const mostAsked = 1_000;

export function sayStart(log: DaemonLog, project: Project, { version, pid, stateDir, simulated, now }: Banner): void {
  const { jobs, zone, scheduler, projectDir } = project;
  const source = zoneSource(project);
  const next = nextOf(project, now);
  const facts = {
    runner: version,
    pid,
    projectDir,
    jobs: jobs.length,
    zone,
    zoneFrom: source,
    stateDir,
    simulated,
    maxRuns: scheduler.maxRuns,
    startsPerSecond: scheduler.startsPerSecond,
    catchUpsPerSecond: scheduler.catchUpsPerSecond,
    shutdownGraceMs: scheduler.shutdownGraceMs,
    killGraceMs: scheduler.killGraceMs,
    ...(next === undefined ? {} : { next: { job: next.job, at: new Date(next.at).toISOString() } }),
  };
  const made = simulated ? "; SIMULATED: answers are not real, and the ledger is one of its own" : "";
  log.say("info", "started", `runner ${version}, pid ${pid}, project ${projectDir}: ${jobWords(project)}${made}`, facts);
  log.say("info", "zone", `times are in ${zone} (${source}) unless a job names its zone`, { zone, zoneFrom: source });
  const { maxRuns, startsPerSecond, catchUpsPerSecond, shutdownGraceMs, killGraceMs } = scheduler;
  const ends = `at a stop ${duration(shutdownGraceMs)} for what is under way, then ${duration(killGraceMs)} from TERM to KILL`;
  const starts = `${startsPerSecond} begun a second (${catchUpsPerSecond} of them to catch up)`;
  log.say("info", "limits", `at most ${several(maxRuns, "run")} at once, ${starts}; ${ends}`);
  log.say("info", "ledger", `ledger in ${stateDir}`, { stateDir });
  sayUnused(log, project);
  const { told, more } = toldProblems(project.warnings);
  for (const warning of told) log.say("warning", "job_file_odd", formatIssue(warning), { file: warning.file });
  if (more !== undefined) log.say("warning", "job_file_odd", more);
  if (next !== undefined) log.say("info", "next", `next: ${next.job} at ${clock(next.zone, next.at)}`);
}

/** What stands in files that cannot be used. */
export function sayUnused(log: DaemonLog, { issues }: Project): void {
  const { told, more } = toldProblems(issues);
  for (const issue of told) log.say("error", "job_file_refused", `not used: ${formatIssue(issue)}`, { file: issue.file });
  if (more !== undefined) log.say("error", "job_file_refused", `not used: ${more}`);
}

/** `12 jobs (2 disabled, 3 only by hand, 1 file not used)`. */
export function jobWords({ jobs, issues }: Pick<Project, "jobs" | "issues">): string {
  const disabled = jobs.filter(({ enabled }) => !enabled).length;
  const byHand = jobs.filter(({ enabled, schedule }) => enabled && schedule.kind === "manual").length;
  const files = new Set(issues.map(({ file }) => file)).size;
  const but = [
    disabled === 0 ? "" : `${disabled} disabled`,
    byHand === 0 ? "" : `${byHand} only by hand`,
    files === 0 ? "" : `${several(files, "file")} not used`,
  ].filter((part) => part !== "");
  return `${several(jobs.length, "job")}${but.length === 0 ? "" : ` (${but.join(", ")})`}`;
}

/** Where the zone comes from, in words. */
function zoneSource(project: Project): string {
  const set = project.settings().find(({ path }) => path === "timezone");
  if (set?.place !== undefined) return `${set.place.file}${set.place.line === undefined ? "" : `:${set.place.line}`}`;
  return project.place.env["TZ"] === project.zone ? "the environment variable TZ" : "the machine's";
}

function nextOf({ jobs, zone }: Project, now: number): { job: string; at: number; zone: string } | undefined {
  const scheduled = jobs.filter(({ enabled }) => enabled);
  if (scheduled.length > mostAsked) return undefined;
  let first: { job: string; at: number; zone: string } | undefined;
  for (const { name, schedule } of scheduled) {
    const [at] = nextSlots(schedule, new Date(now), 1, zone);
    if (at !== undefined && (first === undefined || at.getTime() < first.at))
      first = { job: name, at: at.getTime(), zone: schedule.tz ?? zone };
  }
  return first;
}
