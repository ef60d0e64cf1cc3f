/** openai-completions, strictly read: chunks of one answer, one finish reason, [DONE]. */
import { AnswerError, errorIn, outOfOrder, parseJson, recordAt, stringAt, type Answer, type AnswerReader } from "./answer.ts";

/** Finish reasons in Anthropic's words; one that is not here is passed on as it is and judged as unknown. */
const stopReasons: Readonly<Record<string, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  content_filter: "refusal",
  tool_calls: "tool_use",
  function_call: "tool_use",
};

const inAnthropicsWords = (reason: string): string =>
  Object.hasOwn(stopReasons, reason) ? (stopReasons[reason] ?? reason) : reason;

/** Tool calls in a message or a delta. */
function toolCallsIn(record: Record<string, unknown>): number {
  const calls = record["tool_calls"];
  return (
    (Array.isArray(calls) ? calls.length : 0) +
    (record["function_call"] === undefined || record["function_call"] === null ? 0 : 1)
  );
}

/** A refusal beside the content (OpenAI's structured refusals end with `stop`). */
const refused = (record: Record<string, unknown>): boolean => typeof record["refusal"] === "string" && record["refusal"] !== "";

export function readOpenAiCompletion(body: unknown): Answer {
  const completion = recordAt(body, "a completion");
  const choices = completion["choices"];
  if (!Array.isArray(choices) || choices.length !== 1)
    throw new AnswerError("stream_broken", "the gateway's answer has not one choice");
  const choice = recordAt(choices[0], "a choice");
  const message = recordAt(choice["message"], "a message");
  const content = message["content"];
  return {
    text: content === null || content === undefined ? "" : stringAt(message, "content"),
    stopReason: refused(message) ? "refusal" : inAnthropicsWords(stringAt(choice, "finish_reason")),
    model: stringAt(completion, "model"),
    toolCalls: toolCallsIn(message),
  };
}

export function openAiReader(): AnswerReader {
  let done = false;
  let id: unknown;
  let model = "";
  let finish: string | undefined;
  let refusal = false;
  let toolCalls = 0;
  const texts: string[] = [];

  const take = (choice: Record<string, unknown>): void => {
    if (choice["index"] !== undefined && choice["index"] !== 0) throw outOfOrder("a chunk", "belongs to a second choice");
    const delta = choice["delta"] === undefined || choice["delta"] === null ? {} : recordAt(choice["delta"], "a delta");
    const content = delta["content"];
    if (typeof content === "string" && content !== "") {
      if (finish !== undefined) throw outOfOrder("content", "came after the finish reason");
      texts.push(content);
    }
    toolCalls += toolCallsIn(delta);
    refusal ||= refused(delta);
    const reason = choice["finish_reason"];
    if (typeof reason !== "string") return;
    if (finish !== undefined) throw outOfOrder("a finish reason", "came twice");
    finish = reason;
  };
  return {
    push(_name, data) {
      if (done) throw outOfOrder("a chunk", "came after [DONE]");
      if (data === "[DONE]") {
        done = true;
        return;
      }
      const chunk = recordAt(parseJson(data), "a chunk");
      const error = errorIn(chunk);
      if (error !== undefined) throw new AnswerError(error.fault, error.message);
      id ??= chunk["id"];
      if (chunk["id"] !== id) throw outOfOrder("a chunk", "belongs to another answer");
      if (model === "") model = stringAt(chunk, "model");
      const choices = chunk["choices"];
      if (!Array.isArray(choices) || choices.length > 1)
        throw new AnswerError("stream_broken", "the gateway's chunk has not one choice");
      // A chunk without a choice carries the usage.
      if (choices.length === 1) take(recordAt(choices[0], "a choice"));
    },
    end() {
      if (!done || finish === undefined)
        throw new AnswerError("stream_broken", "the gateway's stream ended before its finish reason and [DONE]");
      return { text: texts.join(""), stopReason: refusal ? "refusal" : inAnthropicsWords(finish), model, toolCalls };
    },
  };
}
