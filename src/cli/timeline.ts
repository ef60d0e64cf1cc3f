/** A run as a list of moments, in the order in which they happened. Pure: what `runner logs` prints, and what it follows. */
import type { AttemptRow, CallRow, RunDetail, RunRow, ToolRow, TryRow } from "../ledger/ledger.ts";
import { endedWithoutRecord } from "../ledger/ledger.ts";
import { triggerWords } from "./begin-words.ts";
import { duration, instantUtc, oneLine } from "./format.ts";
import { dollars, usageWords } from "./money.ts";
import { repaired } from "./trace.ts";

export interface Moment {
  /** Epoch ms. Absent for what was found without an end: nobody knows when it stopped. */
  readonly at?: number;
  /** `run_started`, `try_failed`, …: one word for scripts. */
  readonly what: string;
  readonly attempt?: number;
  readonly call?: number;
  readonly try?: number;
  readonly tool?: number;
  readonly text: string;
  readonly depth: 0 | 1 | 2 | 3;
  readonly tone: "plain" | "good" | "bad";
}

/** The same moment has the same key however often the run is read. */
export function keyOf({ what, attempt, call, try: number, tool }: Moment): string {
  return [what, attempt, call, number, tool].join(" ");
}

export function timelineOf(detail: RunDetail): readonly Moment[] {
  const { run, attempts } = detail;
  const moments = [...runBegin(run), ...attempts.flatMap((attempt) => attemptMoments(detail, attempt))];
  // What has no time was found open when the run was closed.
  const placed = ({ at }: Moment): number => at ?? run.finishedAt ?? Number.POSITIVE_INFINITY;
  return [...moments.toSorted((a, b) => placed(a) - placed(b)), ...runEnd(run)];
}

function runBegin(run: RunRow): Moment[] {
  const by = triggerWords(run);
  const simulated = run.simulated ? ", simulated" : "";
  const what = run.payloadKind === "command" ? "a command" : oneLine(run.modelAsked, 100);
  const started: Moment = {
    at: run.startedAt,
    what: "run_started",
    text: `run ${run.runId} of ${run.jobName}: ${what}, started ${by}${simulated}`,
    depth: 0,
    tone: "plain",
  };
  const { gate } = run;
  if (gate === undefined) return [started];
  const text = `gate ${gate.verdict.replaceAll("_", " ")}, ${duration(gate.tookMs)}${gate.why === "" ? "" : `: ${oneLine(gate.why, 300)}`}`;
  const tone = gate.verdict === "failed" ? "bad" : "plain";
  return [started, { at: gate.startedAt + gate.tookMs, what: "gate_finished", text, depth: 1, tone }];
}

function runEnd(run: RunRow): Moment[] {
  if (run.finishedAt === undefined) return [];
  const price = run.costMicroUsd === undefined ? "" : `, ${dollars(run.costMicroUsd)}`;
  const code = run.exitCode === undefined ? "" : `, exit ${run.exitCode}`;
  const until = run.deferredUntil === undefined ? "" : ` until ${instantUtc(run.deferredUntil)}`;
  const text = `${run.status}${until} after ${duration(run.finishedAt - run.startedAt)}${code}${price}: ${oneLine(run.reason ?? "", 1_000)}`;
  const tone = (run.exitCode ?? 0) === 0 ? "good" : "bad";
  const warnings = (run.warnings ?? []).map((warning, at): Moment => ({
    at: run.finishedAt ?? 0,
    what: "warning",
    tool: at + 1,
    text: `warning: ${oneLine(warning, 500)}`,
    depth: 0,
    tone: "bad",
  }));
  return [...warnings, { at: run.finishedAt, what: "run_finished", text, depth: 0, tone }];
}

function attemptMoments(detail: RunDetail, row: AttemptRow): Moment[] {
  const { attempt } = row;
  const base = { attempt, depth: 1 } as const;
  const text = `attempt ${attempt}: ${oneLine(row.why, 300)}`;
  const begin: Moment = { ...base, at: row.startedAt, what: "attempt_started", text, tone: "plain" };
  const calls = detail.calls.filter((call) => call.attempt === attempt);
  const tools = detail.tools.filter((tool) => tool.attempt === attempt);
  const error = row.error === undefined ? "" : `: ${row.fault === undefined ? "" : `${row.fault}: `}${oneLine(row.error, 300)}`;
  const end = ended(row, {
    ...base,
    what: "attempt_finished",
    text: `attempt ${attempt} ${row.status}${error}`,
    tone: row.status === "failed" ? "bad" : "plain",
  });
  return [begin, ...calls.flatMap((call) => callMoments(detail, call)), ...tools.flatMap(toolMoments), ...end];
}

/** The moment of an end, if there was one; what its run's end had to close has no time. */
function ended(row: { readonly status: string; readonly finishedAt?: number }, moment: Omit<Moment, "at">): Moment[] {
  if (row.status === "running") return [];
  return [row.finishedAt === undefined ? moment : { ...moment, at: row.finishedAt }];
}

function callMoments({ tries }: RunDetail, row: CallRow): Moment[] {
  const { attempt, call } = row;
  const base = { attempt, call, depth: 2 } as const;
  const text = `call ${call}: ${oneLine(row.modelAsked, 100)}, ${row.stream ? "streamed" : "not streamed"}`;
  const begin: Moment = { ...base, at: row.startedAt, what: "call_started", text, tone: "plain" };
  const own = tries.filter((one) => one.attempt === attempt && one.call === call);
  const why = row.reason === undefined ? "" : `: ${oneLine(row.reason, 500)}`;
  const end = ended(row, {
    ...base,
    what: "call_finished",
    text: `call ${call} ${row.status}${why}`,
    tone: row.status === "failed" ? "bad" : "plain",
  });
  return [begin, ...own.flatMap(tryMoments), ...end];
}

function tryMoments(row: TryRow): Moment[] {
  const { attempt, call, try: number } = row;
  const base = { attempt, call, try: number, depth: 3 } as const;
  const asked = `${oneLine(`${row.provider}/${row.model}`, 100)} ${row.stream ? "streamed" : "stream off"}`;
  const waited = row.waitedMs === 0 ? "" : `, waited ${duration(row.waitedMs)}`;
  const begin: Moment = {
    ...base,
    at: row.startedAt,
    what: "try_started",
    text: `try ${number}: ${asked} (${oneLine(row.why, 300)}${waited})`,
    tone: "plain",
  };
  const told = [repaired(row.repairs), usageWords(row.usage), row.costMicroUsd === undefined ? "" : dollars(row.costMicroUsd)];
  const more = told.filter((part) => part !== "").join(", ");
  const took = row.finishedAt === undefined ? "" : ` in ${duration(row.finishedAt - row.startedAt)}`;
  if (row.status === "answered") {
    const text = `try ${number} answered${took}${more === "" ? "" : `; ${more}`}`;
    return [begin, ...ended(row, { ...base, what: "try_answered", text, tone: "good" })];
  }
  const reason = row.reason === undefined || row.reason === row.fault ? "" : ` (${oneLine(row.reason, 60)})`;
  const error = row.error === undefined ? "" : `: ${oneLine(row.error, 300)}`;
  const fault = row.error === endedWithoutRecord ? "" : ` ${row.fault ?? "unknown"}${reason}`;
  const text = `try ${number} failed${took}:${fault}${error}${more === "" ? "" : `; ${more}`}`;
  return [begin, ...ended(row, { ...base, what: "try_failed", text, tone: "bad" })];
}

function toolMoments(row: ToolRow): Moment[] {
  const { attempt, call, tool } = row;
  const base = { attempt, call, tool, depth: 2 } as const;
  const name = `tool ${tool} ${oneLine(row.name, 100)} (${oneLine(row.grant, 60)})`;
  const begin: Moment = {
    ...base,
    at: row.startedAt,
    what: "tool_started",
    text: `${name}: ${oneLine(row.input, 200)}`,
    tone: "plain",
  };
  const took = row.finishedAt === undefined ? "" : ` in ${duration(row.finishedAt - row.startedAt)}`;
  const error = row.error === undefined ? "" : `: ${oneLine(row.error, 300)}`;
  const bytes = row.outputBytes === undefined ? "" : `, ${row.outputBytes} bytes`;
  const tone = row.status === "succeeded" ? "plain" : "bad";
  return [begin, ...ended(row, { ...base, what: "tool_finished", text: `${name} ${row.status}${took}${bytes}${error}`, tone })];
}
