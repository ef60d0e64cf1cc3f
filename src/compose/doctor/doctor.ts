/** `runner doctor`: looks at everything a run will need and changes nothing. Each finding is one line with its remedy. */
import type { Project } from "../project.ts";
import type { Check } from "./check.ts";
import { checkClock } from "./clock.ts";
import { checkKilling } from "./killing.ts";
import { checkNode, checkService, serviceEnvironment } from "./machine.ts";
import { checkSandbox } from "./sandbox.ts";
import { checkPrograms } from "./programs.ts";
import { checkProviders } from "./providers.ts";
import { checkScheduler } from "./scheduler.ts";
import { checkState } from "./state.ts";

export { doctorExitCode, type Check } from "./check.ts";
export { askLive, liveCalls, type LiveCall } from "./live.ts";

/** @param asService look with the environment cron would give, not with this shell's. */
export async function examineProject(project: Project, options: { readonly asService: boolean }): Promise<Check[]> {
  const began = { wall: Date.now(), steady: performance.now() };
  const own = project.place.env;
  const env = options.asService ? serviceEnvironment(own) : own;
  const scheduler = await checkScheduler(project);
  const providers = await checkProviders(project, env, scheduler.keyFiles);
  const { checks: state, newestRun } = await checkState(project.stateDir);
  return [
    ...checkJobs(project),
    ...providers,
    ...checkPrograms(project, env),
    ...checkClock(project, env, { began, newestRun }),
    ...state,
    ...scheduler.checks,
    checkNode(),
    await checkSandbox(project, env),
    await checkKilling(env),
    ...(options.asService ? checkService(env, own) : []),
  ];
}

function checkJobs({ jobs, issues, warnings }: Project): Check[] {
  const base = { area: "jobs", name: "job files" } as const;
  const remedy = "See each with its line: runner validate";
  if (issues.length > 0) {
    const message = `${issues.length} ${issues.length === 1 ? "problem" : "problems"}; ${jobs.length} jobs can be used`;
    return [{ ...base, status: "fail", message, remedy }];
  }
  if (jobs.length === 0)
    return [{ ...base, status: "warn", message: "there are no jobs here", remedy: "Make a first one: runner init" }];
  const disabled = jobs.filter(({ enabled }) => !enabled).length;
  const message = `${jobs.length} ${jobs.length === 1 ? "job" : "jobs"}${disabled > 0 ? `, ${disabled} of them disabled` : ""}`;
  if (warnings.length > 0) return [{ ...base, status: "warn", message: `${message}; ${warnings.length} warnings`, remedy }];
  return [{ ...base, status: "ok", message }];
}
