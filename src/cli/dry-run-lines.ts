/** The lines of each section of `run --dry-run`. */
import type { DryRun } from "../compose/dry-run.ts";
import type { TimetableRow } from "../engine/timetable.ts";
import type { LimitRow } from "../engine/dry-run.ts";
import type { Job, McpGrant } from "../job/job.ts";
import { quietWord } from "../job/sentinel.ts";
import { asWritten } from "./written-job.ts";
import { duration, instantIn, instantUtc } from "./format.ts";
import { dollars } from "./money.ts";
import { table } from "./output.ts";
import { rungName } from "./trace.ts";

export function keyLine({ provider, variable, found, sentTo }: DryRun["keys"][number]): string {
  return `${provider}: ${variable === undefined ? "no key needed" : `${variable} is ${found ? "set" : "MISSING"}; sent to ${sentTo}`}`;
}

export function timetableLines(rows: readonly TimetableRow[]): string[] {
  return table(rows.map(({ atMs, rung, why }) => [`+${duration(atMs)}`, rung === undefined ? "" : rungName(rung), why]));
}

function limitValue({ value, unit }: LimitRow): string {
  if (unit === "dollars") return `$${value}`;
  return unit === "ms" ? duration(value) : `${value}${unit === "bytes" ? " bytes" : ""}`;
}

export function jobLines(job: Job): string[] {
  return [`from ${job.source.file}:${job.source.line}`, ...JSON.stringify(asWritten(job), undefined, 2).split("\n")];
}

export function slotLines({ slots, zone, job }: DryRun): string[] {
  if (slots.length === 0)
    return [job.schedule.kind === "boot" ? "at each start of the machine" : "none: it has no schedule, or none ahead"];
  return table(slots.map((at) => [instantIn(zone, at), instantUtc(at)]));
}

/** What is said of slots, and what counts where nothing is said. */
export function schedulingLines({ scheduling, zone, job }: DryRun): string[] {
  const { kind } = job.schedule;
  if (kind === "manual") return [];
  const { staggerMs, shareMs, startAt, endAt, blackout, catchUp, overlap, group } = scheduling;
  const { policy, maxAgeMs, max } = catchUp;
  const age = maxAgeMs === undefined ? "one interval, at most 1 d" : duration(maxAgeMs);
  const caughtUp =
    policy === "skip" ? "skip" : `${policy}  at most ${age} late${max === undefined ? "" : `, at most ${max} runs`}`;
  const limit = group?.maxRuns === undefined ? "no limit of its own" : `at most ${group.maxRuns} at once`;
  const rows = [
    ...(staggerMs === 0 ? [] : [["stagger", `${duration(staggerMs)}  of which this job's share is ${duration(shareMs)}`]]),
    ...(startAt === undefined ? [] : [["startAt", instantIn(zone, startAt)]]),
    ...(endAt === undefined ? [] : [["endAt", `${instantIn(zone, endAt)}  no slot from then on`]]),
    ...(blackout.length === 0 ? [] : [["blackout", blackout.join("; ")]]),
    ...(kind === "boot" ? [] : [["catchUp", caughtUp]]),
    ["overlap", overlap],
    ...(group === undefined ? [] : [["group", `${group.name}  ${limit}`]]),
  ];
  return table(rows);
}

export function findingLines({ findings, blockedWith }: DryRun): string[] {
  const told = findings.map(({ what, remedy }) => `${what}. ${remedy}`);
  if (blockedWith !== undefined) return [...told, `the run would end blocked, exit ${blockedWith}, without a token`];
  return told.length === 0 ? ["nothing stands in the way"] : told;
}

export function gateLines({ gate }: Job): string[] {
  if (gate === undefined) return [];
  return [`${argvText(gate.argv)}  at most ${duration(gate.timeoutMs)}; not asked here`];
}

export function toolLines({ job: { payload }, sandbox }: DryRun): string[] {
  if (payload.kind === "command") return [`none: the job is the program ${argvText(payload.argv)}`];
  const { mcp = {}, shell, files, http } = payload.tools ?? {};
  const rows = [
    ...Object.entries(mcp).map(([name, grant]) => [`mcp ${name}`, serverText(grant)]),
    ...(shell === undefined
      ? []
      : [["shell", `${shell.shellStrings ? "any shell string" : shell.allow.join(", ")}  ${each(shell.timeoutMs)}`]]),
    ...(files === undefined
      ? []
      : [["files", files.access === "ro" ? "read, below the work folder" : "read and write, below the work folder"]]),
    ...(http === undefined ? [] : [["http", `${http.methods.join(", ")} on ${http.allow.join(", ")}  ${each(http.timeoutMs)}`]]),
    ...(sandbox === undefined ? [] : [["sandbox", sandbox]]),
  ];
  return rows.length === 0 ? ["none are granted"] : table(rows);
}

function serverText(grant: McpGrant): string {
  const what = grant.transport === "stdio" ? argvText(grant.argv) : grant.url;
  return `${what}  ${grant.tools === undefined ? "all its tools" : `only ${grant.tools.join(", ")}`}  ${each(grant.timeoutMs)}`;
}

const each = (timeoutMs: number): string => `at most ${duration(timeoutMs)} each time`;

function argvText(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

export function contractLines({ expect = {}, quiet = quietWord, payload }: Job): string[] {
  const { command, ...said } = expect;
  const rows = Object.entries(said).map(([name, value]) => [name, JSON.stringify(value)]);
  if (command !== undefined) rows.push(["command", `${argvText(command.argv)}  at most ${duration(command.timeoutMs)}`]);
  if (said.notEmpty === undefined && payload.kind === "agentTurn") rows.unshift(["notEmpty", "true"]);
  rows.push([
    "quiet",
    quiet === false ? "no answer means that there is nothing to report" : `${quiet} means that there is nothing to report`,
  ]);
  return table(rows);
}

export function priceLines({ prices, worstMicroUsd, job }: DryRun): string[] {
  const rows = prices.map(({ model, price, tryMicroUsd }) => [
    model,
    price === undefined ? "not known" : `$${price.input} in, $${price.output} out for a million tokens`,
    tryMicroUsd === undefined ? "" : `at most ${dollars(tryMicroUsd)} a try`,
  ]);
  const worst =
    worstMicroUsd === undefined
      ? []
      : [
          `at most ${dollars(worstMicroUsd)} for ${job.limits.triesPerCall} tries in each of ${job.retry.maxAttempts} attempts, all answered in full by the dearest; tools ask more often`,
        ];
  return [...table(rows), ...worst];
}

export function limitLines({ limits }: DryRun): string[] {
  return table(limits.map((limit) => [limit.name, limitValue(limit), limit.meaning]));
}

export function endingLines({ ending: { killGraceMs, cgroup } }: DryRun): string[] {
  return table([
    ["scheduler.killGrace", duration(killGraceMs), "from TERM to KILL"],
    ["cgroup", cgroup],
  ]);
}

export function promptLines({ prompt, job }: DryRun): string[] {
  if (job.payload.kind === "command") return [];
  return ["system:", ...prompt.system.split("\n"), "", "message:", ...prompt.message.split("\n")];
}

export function requestLines({ request }: DryRun): string[] {
  if (request === undefined) return [];
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  return [`${request.method} ${request.url}`, ...headers, "", ...JSON.stringify(request.body, undefined, 2).split("\n")];
}
