/** What `status` says of the whole: who fires the slots, and what holds for every job. Pure. */
import { otherProjectRemedy } from "../../engine/other-project.ts";
import type { DaemonHealth } from "../../engine/health/daemon-health.ts";
import type { ProjectHealth } from "../../engine/health/health.ts";
import { duration, instantIn, oneLine, shortId, withInstants } from "../format.ts";
import { several } from "../money.ts";
import { mostTold } from "../problems.ts";
import { because } from "./advice.ts";
import { past, pauseWords } from "./words.ts";

/** The lines above the table: who fires the slots, and what is to be known of the whole. `bad`: it must be looked at. */
export function headLines(health: ProjectHealth, now: number, zone: string): readonly { text: string; bad: boolean }[] {
  const lines: { text: string; bad: boolean }[] = [...daemonLines(health, now)];
  lines.push(...fileLines(health, now));
  if (health.pausedAll !== undefined)
    lines.push({
      text: `everything is paused ${pauseWords(health.pausedAll, now, zone)}. To end that: runner resume --all`,
      bad: true,
    });
  if (health.ahead !== undefined) {
    const { jobs, until } = health.ahead;
    lines.push({
      text: `the clock was set back: ${several(jobs, "job has", "jobs have")} records of slots that are yet to come, up to ${instantIn(zone, until)}; a slot that had its run is not run again`,
      bad: true,
    });
  }
  if (health.withdrawn !== undefined) {
    const { at, jobs, text } = health.withdrawn;
    const more = jobs > 1 ? ` to ${jobs} jobs` : "";
    const why = withInstants(text, (instant) => instantIn(zone, instant));
    lines.push({ text: `slots were given back${more} ${past(at, now)}: ${oneLine(why, 300)}`, bad: false });
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
    return waiting ? [nobodyLeads(daemon, now)] : [];
  }
  const { leader } = daemon;
  const who = `pid ${leader.owner.pid}${daemon.kind === "alive" && daemon.elsewhere ? ` on ${oneLine(leader.owner.host, 40)}` : ""}`;
  if (daemon.kind === "dead")
    return [
      { text: `the daemon (${who}) died; it was last seen ${past(daemon.seenAt, now)}. Start one: runner start`, bad: true },
    ];
  const { running, queued, zone, jobs: count, maxRuns = Infinity } = leader.report;
  const full = running >= maxRuns && queued > 0 ? " (all that scheduler.maxRuns allows)" : "";
  const work = `${running} running${full}, ${queued} queued`;
  const lines = [
    {
      text: `daemon ${who}, up ${duration(now - leader.startedAt)}, runner ${oneLine(leader.version, 20)}, ${several(count, "job")}, zone ${zone}, ${work}`,
      bad: false,
    },
  ];
  if (daemon.otherProject !== undefined)
    return [
      {
        text: `the daemon (${who}) fires the jobs of another project, ${oneLine(daemon.otherProject, 200)}, with the same state folder, and none of this one's: ${otherProjectRemedy}`,
        bad: true,
      },
    ];
  if (daemon.draining)
    lines.push({ text: "it was asked to stop: it starts nothing new, and lets what is under way end", bad: true });
  if (daemon.held !== undefined) {
    const { since, reason } = daemon.held;
    lines.push({
      text: `it starts nothing${since === undefined ? "" : ` for ${duration(now - since)}`}, and goes on by itself when it can${because(reason ?? "the ledger cannot be written")}`,
      bad: true,
    });
  }
  return lines;
}

function nobodyLeads(
  { stoppedAt, ticked }: Extract<DaemonHealth, { kind: "none" }>,
  now: number,
): { text: string; bad: boolean } {
  if (ticked?.everyMs !== undefined)
    return {
      text: `no daemon is running: runner tick does what is due, about every ${duration(ticked.everyMs)}, last ${past(ticked.at, now)}`,
      bad: false,
    };
  const stopped = stoppedAt === undefined ? "" : ` (the last one stopped ${past(stoppedAt, now)})`;
  const last = ticked === undefined ? stopped : ` (runner tick did what was due ${past(ticked.at, now)})`;
  return {
    text: `no daemon is running${last}: nothing fires by itself. Start one: runner start (or do what is due, once: runner tick)`,
    bad: true,
  };
}

/** What is wrong with the files, said once, whoever found it. */
function fileLines({ daemon, problems }: ProjectHealth, now: number): { text: string; bad: boolean }[] {
  const inForce = daemon.kind === "alive" && daemon.otherProject === undefined ? daemon : undefined;
  // Where one job is asked for, the files are not looked at; what the daemon refused keeps each job from its change.
  const found = problems ?? (inForce?.refused === undefined ? [] : inForce.problems);
  const listed = found.slice(0, mostTold).map((problem) => ({ text: `  ${oneLine(problem, 300)}`, bad: true }));
  if (found.length > mostTold)
    listed.push({ text: `  and ${several(found.length - mostTold, "more problem")} (each of them: runner validate)`, bad: true });
  if (inForce?.refused !== undefined) {
    const since = inForce.refused.since === undefined ? "" : ` ${past(inForce.refused.since, now)}`;
    const refused = `the daemon refused the files as they were changed${since}; what was in force before stays, as a whole`;
    if (problems?.length === 0)
      return [{ text: `${refused}. They are mended since; it reads them soon, or at once: runner reload`, bad: true }];
    return [{ text: `${refused}:`, bad: true }, ...listed];
  }
  return found.length === 0
    ? []
    : [{ text: "job files that cannot be used, so what is in them does not run:", bad: true }, ...listed];
}
