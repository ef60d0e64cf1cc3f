/**
 * The work of the built-in agent turn, inside its process: ask, run the tools the answer calls for, one after the other, tell what they
 * gave, ask again, until an answer calls for none.
 */
import { AnswerError, cutAt, judge, type Answer } from "./answer.ts";
import { askGateway, failureOf } from "./ask-gateway.ts";
import { speeches } from "./conversation.ts";
import { turnRequest } from "./request.ts";
import { keptWarnings } from "./result.ts";
import { ToolDesk } from "./tool-desk.ts";
import { openToolbox, type Toolbox } from "./toolbox.ts";
import { defaultMaxTurns, type OpenSpec, type TurnResult } from "./turn.ts";

type Failed = Extract<TurnResult, { status: "failed" }>;

/** Never throws for what the gateway or a tool does. After `stopped` no tool is begun. */
export async function agentLoop(spec: OpenSpec, stopped: AbortSignal = new AbortController().signal): Promise<TurnResult> {
  const opened = await openToolbox(spec);
  if ("failed" in opened) return opened.failed;
  const desk = new ToolDesk(spec, opened.toolbox.tools, opened.toolbox.warnings, stopped);
  try {
    const { result, said } = await converse(spec, opened.toolbox, desk);
    if (result.status === "failed") process.stderr.write(opened.toolbox.evidence());
    return withFacts(result, desk, said, spec);
  } finally {
    await opened.toolbox.close();
  }
}

/** `said`: the last text of the model that was not its answer. */
async function converse(spec: OpenSpec, { tools }: Toolbox, desk: ToolDesk): Promise<{ result: TurnResult; said: string }> {
  const { dialect, limits, maxTokens, maxTurns = defaultMaxTurns } = spec;
  const speech = speeches[dialect];
  const later: Readonly<Record<string, unknown>>[] = [];
  let said = "";
  for (let question = 1; ; question += 1) {
    const asked = await askGateway(spec, turnRequest(dialect, spec, tools, later));
    if ("failed" in asked) return { result: asked.failed, said };
    const { answer, body } = asked;
    if (tools.length > 0 && answer.stopReason === "tool_use" && answer.toolCalls === 0) return { result: namedNone(), said };
    if (!callsForTools(answer, tools.length)) return { result: judge(answer, limits, maxTokens), said };
    if (answer.text.trim() !== "") said = answer.text;
    if (question >= maxTurns) return { result: usedUp(maxTurns), said };
    try {
      const { message, calls } = speech.said(body);
      const done = await desk.runAll(calls, question);
      if ("failed" in done) return { result: done.failed, said };
      later.push(message, ...speech.results(done.answers));
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      return { result: failureOf(error), said };
    }
  }
}

/**
 * An answer that was cut or refused runs nothing, however many calls stand in it. `end_turn` beside calls is what several
 * OpenAI-compatible providers say (`finish_reason: "stop"`).
 */
function callsForTools({ stopReason, toolCalls }: Answer, tools: number): boolean {
  return tools > 0 && toolCalls > 0 && (stopReason === "tool_use" || stopReason === "end_turn");
}

function usedUp(maxTurns: number): Failed {
  const error = `the turn asked the model ${maxTurns} times, as often as payload.maxTurns allows, and was not done`;
  return { status: "failed", fault: "budget", error, toolRuns: 0 };
}

function namedNone(): Failed {
  return { status: "failed", fault: "stream_broken", error: "the model stopped to use a tool and named none", toolRuns: 0 };
}

function withFacts(result: TurnResult, desk: ToolDesk, said: string, { limits }: OpenSpec): TurnResult {
  const warnings = desk.warnings.slice(0, keptWarnings);
  const facts = { toolRuns: desk.runs, ...(warnings.length === 0 ? {} : { warnings }) };
  const onTheWay = result.status === "failed" && result.fault === "budget" && result.partial === undefined && said !== "";
  return { ...result, ...facts, ...(onTheWay ? { partial: cutAt(said, limits) } : {}) };
}
