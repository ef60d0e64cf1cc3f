/**
 * Reads the gateway's answer, strictly: the gateway has proven it whole, so whatever is not a whole, regular answer means that
 * something between the gateway and this process broke, and is a failure. Pure: no I/O, no clock.
 */
import { isFault, type Fault } from "../errors.ts";
import { isRecord } from "./result.ts";
import type { TurnResult, TurnSpec } from "./turn.ts";

/** What an answer says, both dialects in Anthropic's words. */
export interface Answer {
  readonly text: string;
  readonly stopReason: string;
  readonly model: string;
  readonly toolCalls: number;
}

/** An answer that is none, with the fault it means. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
  readonly fault: Fault;
  constructor(fault: Fault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** Takes the events of one stream. */
export interface AnswerReader {
  /** @throws AnswerError when the stream is not one whole answer. */
  push(event: string | undefined, data: string): void;
  /** @throws AnswerError when it ended too early. */
  end(): Answer;
}

/** An error as the gateway writes it in both dialects: `{ error: { message, fault } }`; undefined if the body is none. */
export function errorIn(body: unknown): { readonly fault: Fault; readonly message: string } | undefined {
  if (!isRecord(body) || !isRecord(body["error"])) return undefined;
  const { fault, message } = body["error"];
  return { fault: isFault(fault) ? fault : "unknown", message: typeof message === "string" ? message : noReason };
}

export const noReason = "the gateway gave no reason";

/** Whether the answer is a success, as far as the turn can say. */
export function judge(answer: Answer, limits: Pick<TurnSpec["limits"], "outputBytes">, maxTokens: number): TurnResult {
  const { stopReason, text, model } = answer;
  if (stopReason === "max_tokens" || stopReason === "model_context_window_exceeded") {
    return failed(
      "output_truncated",
      `the answer was cut off at its limit (${stopReason}; payload.maxTokens is ${maxTokens}, or fewer without streaming where limits.try is short)`,
    );
  }
  if (stopReason === "refusal") return failed("content_policy", "the model refused to answer");
  if (stopReason !== "end_turn" && stopReason !== "stop_sequence" && stopReason !== "tool_use") {
    return failed(
      "bad_request",
      `the model stopped for a reason this turn cannot act on: ${JSON.stringify(stopReason.slice(0, 64))}`,
    );
  }
  if (stopReason === "tool_use" || answer.toolCalls > 0) {
    return failed("bad_request", "the model asked for a tool, and this turn was given none");
  }
  if (text.trim() === "") return failed("empty", "the model ended its turn and said nothing");
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.outputBytes) {
    const error = `the answer has ${bytes} bytes, and limits.outputBytes allows ${limits.outputBytes}`;
    return { status: "failed", fault: "budget", error, partial: cutAt(text, limits), toolRuns: 0 };
  }
  return { status: "answered", text, stopReason, model, toolRuns: 0 };
}

/** The beginning of a text that is shown as what it is, a part. No character is cut in half. */
export function cutAt(text: string, { outputBytes }: Pick<TurnSpec["limits"], "outputBytes">): string {
  const bytes = Buffer.from(text);
  return bytes.length <= outputBytes ? text : new TextDecoder().decode(bytes.subarray(0, outputBytes), { stream: true });
}

function failed(fault: Fault, error: string): TurnResult {
  return { status: "failed", fault, error, toolRuns: 0 };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AnswerError("stream_broken", "the gateway's answer is not JSON");
  }
}

/** The record under a key, or the fault of an answer that lacks it. */
export function recordAt(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new AnswerError("stream_broken", `the gateway's answer lacks ${what}`);
  return value;
}

export function stringAt(record: Record<string, unknown>, key: string): string {
  const value = record[key];
  if (typeof value !== "string") throw new AnswerError("stream_broken", `the gateway's answer lacks the text ${key}`);
  return value;
}

export function outOfOrder(event: string, why: string): AnswerError {
  return new AnswerError("stream_order", `the gateway's stream is out of order: ${event} ${why}`);
}
