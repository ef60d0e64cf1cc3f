/**
 * A run told in plain words, top to bottom: what started it, what was tried and why it failed, what healed it, which tools ran, what
 * it cost, why it ended so, and what to do about it. Pure: what `runner explain` prints, in a terminal or as JSON.
 */
import type { AttemptRow, CallRow, RunDetail, RunRow, ToolRow, TryRow } from "../ledger/ledger.ts";
import { endedWithoutRecord } from "../ledger/ledger.ts";
import { rangeWords, triggerWords } from "./begin-words.ts";
import { duration, instantUtc, oneLine, shortId } from "./format.ts";
import { failureWords } from "./fault-words.ts";
import { several } from "./money.ts";
import { adviceOf, costWords, endWords, healingWords } from "./story-end.ts";

export interface StoryLine {
  readonly about:
    | "start"
    | "gate"
    | "attempt"
    | "call"
    | "try"
    | "tool"
    | "healing"
    | "cost"
    | "warning"
    | "end"
    | "advice"
    | "account";
  readonly text: string;
  /** How far it belongs under the line above. */
  readonly depth: 0 | 1 | 2;
  readonly tone: "plain" | "good" | "bad" | "aside";
}

export interface StoryFacts {
  /** Its process is gone without having recorded an end. */
  readonly died: boolean;
  /** Epoch ms. */
  readonly now: number;
}

export function storyOf(detail: RunDetail, facts: StoryFacts): readonly StoryLine[] {
  const { run } = detail;
  return [
    ...startLines(run),
    ...gateLines(run),
    ...detail.attempts.flatMap((attempt) => attemptLines(detail, attempt, facts)),
    ...healingWords(detail).map((text) => line("healing", text, 0, "good")),
    ...costWords(detail, facts.now).map((text) => line("cost", text)),
    ...(run.warnings ?? []).map((text) => line("warning", `Warning: ${oneLine(text, 500)}`, 0, "bad")),
    ...endWords(detail, facts).map(({ text, good }) => line("end", text, 0, good ? "good" : "bad")),
    ...adviceOf(detail, facts).map((text) => line("advice", text)),
  ];
}

function line(
  about: StoryLine["about"],
  text: string,
  depth: StoryLine["depth"] = 0,
  tone: StoryLine["tone"] = "plain",
): StoryLine {
  return { about, text, depth, tone };
}

function startLines(run: RunRow): StoryLine[] {
  const how = beginWords(run);
  const model = run.modelAsked === "" ? "" : ` Its model is ${oneLine(run.modelAsked, 100)}.`;
  const what = run.payloadKind === "command" ? " It is a plain command; no model is asked." : model;
  const again = run.rerunOf === undefined ? [] : [line("start", `It repeats run ${shortId(run.rerunOf)}.`)];
  const simulated = run.simulated
    ? [
        line(
          "start",
          "It is a simulation: faults and answer come from the simulated provider, and nothing left this machine.",
          0,
          "aside",
        ),
      ]
    : [];
  return [line("start", `${oneLine(run.jobName, 100)} ${how}.${what}`), ...again, ...simulated];
}

/** A row that stands for slots without a run, or for one that has not begun, has nothing that was started. */
function beginWords(run: RunRow): string {
  if (run.status === "queued") {
    const slot = run.slotAt === undefined ? "" : ` for its slot ${instantUtc(run.slotAt)}`;
    return `is claimed${slot} and has not begun yet; it stands in line from ${instantUtc(run.queuedAt ?? run.startedAt)} on`;
  }
  if ((run.status === "missed" || run.status === "skipped") && run.slotAt !== undefined) {
    const range = rangeWords(run);
    return `has no run for ${range === "" ? `its slot ${instantUtc(run.slotAt)}` : range}`;
  }
  const due = run.dueAt ?? run.slotAt;
  const late = due === undefined ? 0 : run.startedAt - due;
  const delay = late < 1000 ? "" : `, ${duration(late)} after it was due`;
  return `was started ${triggerWords(run)} at ${instantUtc(run.startedAt)}${delay}`;
}

function gateLines({ gate }: RunRow): StoryLine[] {
  if (gate === undefined) return [];
  const verdict = {
    go: "found something to do",
    nothing_to_do: "found nothing to do, so no model was asked and no token was spent",
    failed: "failed, so the turn was not begun",
  } as const;
  const why = gate.why === "" ? "" : `: ${oneLine(gate.why, 300)}`;
  const tone = gate.verdict === "failed" ? "bad" : "plain";
  return [
    line("gate", `The gate, a command before the turn, ${verdict[gate.verdict]} (${duration(gate.tookMs)})${why}`, 0, tone),
  ];
}

function attemptLines(detail: RunDetail, attempt: AttemptRow, facts: StoryFacts): StoryLine[] {
  const only = detail.attempts.length === 1;
  const begin = only
    ? []
    : [line("attempt", `Attempt ${attempt.attempt}${attempt.attempt === 1 ? "" : ` (${oneLine(attempt.why, 300)})`}:`)];
  const calls = detail.calls.filter((call) => call.attempt === attempt.attempt);
  const tools = detail.tools.filter((tool) => tool.attempt === attempt.attempt);
  const told = calls.flatMap((call) => [
    ...callLines(detail, call),
    ...tools.filter((tool) => tool.call === call.call).map(toolLine),
  ]);
  const others = tools.filter((tool) => !calls.some((call) => call.call === tool.call)).map(toolLine);
  const none =
    calls.length === 0 && attempt.status !== "running" && detail.run.payloadKind !== "command"
      ? [line("attempt", "No model was asked in it.", 1, "aside")]
      : [];
  return [...begin, ...none, ...told, ...others, ...attemptEnd(detail, attempt, facts)];
}

/** Only what its calls do not say already. */
function attemptEnd({ run }: RunDetail, attempt: AttemptRow, { died }: StoryFacts): StoryLine[] {
  if (attempt.status === "running")
    return [line("attempt", died ? "It was under way when its process was gone." : "It is under way.", 1)];
  if (attempt.status === "succeeded") return [];
  if (attempt.error === endedWithoutRecord)
    return [
      line(
        "attempt",
        "Nobody recorded how it ended: its process, or the machine, was gone. What it had begun may have been done.",
        1,
        "bad",
      ),
    ];
  const why = attempt.error === undefined ? "" : `: ${oneLine(attempt.error, 500)}`;
  // Of a process that gave no result, only its own words say what happened: it may have died, or never have been ready.
  if ((attempt.fault === "turn_died" || attempt.fault === "not_ready") && why !== "")
    return [line("attempt", `It failed${why}`, 1, "bad")];
  const what = attempt.fault === undefined ? "it did not do what the job expects" : failureWords(attempt.fault);
  return run.reason !== undefined && attempt.error !== undefined && run.reason.startsWith(attempt.error)
    ? [line("attempt", `It failed: ${what}.`, 1, "bad")]
    : [line("attempt", `It failed: ${what}${why}`, 1, "bad")];
}

function callLines({ tries }: RunDetail, call: CallRow): StoryLine[] {
  const own = tries.filter((one) => one.attempt === call.attempt && one.call === call.call);
  const [first] = own;
  if (first === undefined) {
    const why = call.reason === undefined ? "" : `: ${oneLine(call.reason, 300)}`;
    return [line("call", `Question ${call.call}: no provider was asked${why}`, 1, call.status === "failed" ? "bad" : "plain")];
  }
  if (own.length === 1 && first.status === "answered")
    return [
      line("call", `Question ${call.call}: ${modelWords(first)} answered at once, ${tookWords(first)}${repairWords(first)}.`, 1),
    ];
  const lines = own.map((one, at) => tryLine(one, own[at - 1]));
  const end =
    call.status === "failed" && call.reason !== undefined && call.reason !== endedWithoutRecord
      ? [line("call", `Given up: ${oneLine(call.reason, 500)}`, 2, "bad")]
      : [];
  return [line("call", `Question ${call.call}:`, 1), ...lines, ...end];
}

function tryLine(one: TryRow, before: TryRow | undefined): StoryLine {
  const asked = `${one.try}. ${stepWords(one, before)}`;
  if (one.status === "running") return line("try", `${asked}: under way`, 2);
  if (one.status === "answered") return line("try", `${asked}: a whole answer, ${tookWords(one)}${repairWords(one)}.`, 2, "good");
  if (one.error === endedWithoutRecord) return line("try", `${asked}: nobody recorded how it ended.`, 2, "bad");
  return line("try", `${asked}: ${failureWords(one.fault, one.reason)} (${tookWords(one)}).`, 2, "bad");
}

/** What was done differently from the try before, and after what wait. */
function stepWords(one: TryRow, before: TryRow | undefined): string {
  if (before === undefined) return modelWords(one);
  const sameModel = one.provider === before.provider && one.model === before.model;
  const step = !sameModel
    ? modelWords(one)
    : one.stream === before.stream
      ? "the same again"
      : one.stream
        ? "the same, streamed"
        : "the same model without streaming";
  const wait =
    one.waitedMs === 0
      ? ""
      : `after a wait of ${duration(one.waitedMs)}${one.why.includes("the provider asked") ? ", as the provider asked" : ""}, `;
  const passed = /^(.+? is passed over: [^;]+); /.exec(one.why)?.[1];
  return `${wait}${step}${passed === undefined ? "" : ` (${oneLine(passed, 200)})`}`;
}

function modelWords({ provider, model, stream }: Pick<TryRow, "provider" | "model" | "stream">): string {
  return `${oneLine(`${provider}/${model}`, 100)}${stream ? "" : " without streaming"}`;
}

function tookWords({ startedAt, finishedAt }: TryRow): string {
  return finishedAt === undefined ? "nobody knows how long" : `in ${duration(finishedAt - startedAt)}`;
}

function repairWords({ repairs }: TryRow): string {
  if (repairs.length === 0) return "";
  return `, after ${several(repairs.length, "harmless disorder", "harmless disorders")} in its stream ${repairs.length === 1 ? "was" : "were"} put right (${[...new Set(repairs.map(({ code }) => code))].join(", ")})`;
}

function toolLine(tool: ToolRow): StoryLine {
  const name = `The tool ${oneLine(tool.name, 100)} (${oneLine(tool.grant, 60)})`;
  const took = tool.finishedAt === undefined ? "" : ` in ${duration(tool.finishedAt - tool.startedAt)}`;
  if (tool.status === "succeeded") return line("tool", `${name} ran once, and did its work${took}.`, 2);
  if (tool.status === "running") return line("tool", `${name} is running.`, 2);
  if (tool.error === endedWithoutRecord)
    return line("tool", `${name} was begun, and nobody recorded its end: it may have done its work.`, 2, "bad");
  const why = tool.error === undefined ? "" : `: ${oneLine(tool.error, 300)}`;
  return tool.status === "refused"
    ? line("tool", `${name} was not run: the job does not allow it${why}`, 2, "bad")
    : line("tool", `${name} ran once, and failed${took}${why}`, 2, "bad");
}
