/** What a person may have to do about a job, and what to type for it. Pure. */
import type { JobHealth, JobState } from "../../engine/health/job-state.ts";
import type { Streak } from "../../engine/health/streak.ts";
import { everyJob } from "../../ledger/ledger.ts";
import { instantIn, oneLine, shortId, withInstants } from "../format.ts";
import { several } from "../money.ts";
import { shellWord } from "../../load/shell-word.ts";
import { past, pauseWords } from "./words.ts";

export interface Advice {
  readonly job?: string;
  readonly text: string;
  /** Command lines, the first one first. */
  readonly type: readonly string[];
}

/** `undefined` for a job that nobody has to look at. */
export function adviceOf(health: JobHealth, daemonIsThere: boolean, now: number, zone: string): Advice | undefined {
  const { job, state, streak } = health;
  const name = shellWord(job.name);
  const tell = (text: string, ...type: readonly string[]): Advice => ({ job: job.name, text, type });
  const local = (reason: string): string => withInstants(reason, (at) => instantIn(zone, at));
  const explain = `runner explain ${"runId" in state && state.runId !== undefined ? shortId(state.runId) : name}`;
  switch (state.kind) {
    case "died":
      return tell(
        `run ${shortId(state.runId)} began ${past(state.since, now)}; its process is gone, and nobody has closed it`,
        `runner reset ${name}`,
      );
    case "overdue":
      // Without a daemon the head says what to do, once and not for each job.
      return daemonIsThere
        ? tell(overdueWords(state, zone), `runner explain ${name} --at ${new Date(state.dueAt).toISOString()}`)
        : tell(overdueWords(state, zone));
    case "blocked":
      return tell(
        `blocked since ${instantIn(zone, state.since)}${times(state.times)}${because(local(state.reason))}`,
        explain,
        `runner run ${name}`,
      );
    case "failing":
      return tell(
        state.inARow === 1
          ? `${state.status.replace("_", " ")} ${past(state.since, now)}${state.once ? "; it is due once, and stays here until it has succeeded" : ""}`
          : `failing since ${instantIn(zone, state.since)}, ${state.inARow}${state.atLeast ? " or more" : ""} in a row`,
        explain,
        ...(state.once ? [`runner run ${name}`] : []),
      );
    case "unusable":
      return tell(`cannot be scheduled${because(local(state.reason))}`, "runner validate");
    case "missed":
      return tell(`missed ${several(state.slots, "slot")}${because(local(state.reason))}`, explain, `runner run ${name}`);
    case "passed":
      return tell(`was due ${instantIn(zone, state.slotAt)}, before anybody looked after it`, `runner run ${name}`);
    case "paused":
      // That everything is, the head says, once and not for each job.
      return state.pause.jobId === everyJob
        ? undefined
        : tell(`paused ${pauseWords(state.pause, now, zone)}`, `runner resume ${name}`);
    case "running":
    case "waiting":
    case "queued":
      return streak === undefined ? undefined : tell(beforeWords(streak, now, zone), `runner explain ${shortId(streak.runId)}`);
    case "not_armed":
    case "put_off":
    case "ok":
    case "finished":
    case "never_run":
    case "disabled":
      return undefined;
  }
}

/** Of a job that is under way once more. */
function beforeWords({ judgement, inARow, atLeast, since, status }: Streak, now: number, zone: string): string {
  if (judgement === "blocked") return `was blocked before, since ${instantIn(zone, since)}${times(inARow)}`;
  if (inARow === 1) return `${status.replace("_", " ")} before, ${past(since, now)}`;
  return `failed before, since ${instantIn(zone, since)}, ${inARow}${atLeast ? " or more" : ""} in a row`;
}

function overdueWords({ what, dueAt }: Extract<JobState, { kind: "overdue" }>, zone: string): string {
  const at = instantIn(zone, dueAt);
  switch (what) {
    case "slot":
      return `was due ${at} and has no record`;
    case "waiting":
      return `was to go on ${at}, and nobody has carried it on`;
    case "queued":
      return `was claimed ${at}, and nobody has begun it`;
  }
}

function times(slots: number): string {
  return slots === 1 ? "" : `, ${slots} slots`;
}

export function because(reason: string): string {
  return reason === "" ? "" : `: ${oneLine(reason, 300)}`;
}
