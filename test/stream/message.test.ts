import { describe, expect, test } from "vitest";
import type { StreamAction, StreamFaultReason } from "../../src/errors.ts";
import type { StreamDialect } from "../../src/stream/event.ts";
import { checkMessage, messageToEvents } from "../../src/stream/normalizer.ts";
import { run } from "./wire.ts";

const text = { type: "text", text: "hello" };
const call = { type: "tool_use", id: "t1", name: "look", input: { a: 1 } };
const anthropic = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "k2p5",
  content: [text],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 20 },
  ...change,
});
const openai = (change: Record<string, unknown> = {}, message: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "hello", refusal: null, ...message },
      logprobs: null,
      finish_reason: "stop",
      ...change,
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 20, total_tokens: 21 },
});
const calls = (args: unknown, name: string | undefined = "look"): Record<string, unknown> => ({
  content: null,
  tool_calls: [{ id: "t1", type: "function", function: { name, arguments: args } }],
});

describe("a whole answer is proven and goes out as its events", () => {
  test.each<[string, StreamDialect, Record<string, unknown>, string, number]>([
    ["text", "anthropic-messages", anthropic(), "end_turn", 0],
    ["a tool call", "anthropic-messages", anthropic({ content: [text, call], stop_reason: "tool_use" }), "tool_use", 1],
    [
      "thinking, and blocks that come whole",
      "anthropic-messages",
      anthropic({
        content: [{ type: "thinking", thinking: "hm", signature: "s" }, { type: "redacted_thinking", data: "x" }, text],
      }),
      "end_turn",
      0,
    ],
    ["text", "openai-completions", openai(), "end_turn", 0],
    ["a tool call", "openai-completions", openai({ finish_reason: "tool_calls" }, calls('{"a":1}')), "tool_use", 1],
    ["the token limit", "openai-completions", openai({ finish_reason: "length" }), "max_tokens", 0],
  ])("%s (%s)", (_name, dialect, body, stopReason, toolCalls) => {
    const message = checkMessage(dialect, body, { tolerateOutOfOrderEvents: false });
    expect(message.body).toEqual(body);
    expect(message).toMatchObject({ stopReason, toolCalls, usage: { inputTokens: 1, outputTokens: 20 } });
    const frames = messageToEvents(dialect, body)
      .split("\n\n")
      .filter((each) => each !== "")
      .map((each) => {
        const lines = each.split("\n");
        return { event: lines.length > 1 ? lines[0]?.slice(7) : undefined, data: lines.at(-1)?.slice(6) ?? "" };
      });
    expect(run(dialect, frames, "eof", { tolerateOutOfOrderEvents: false }).message?.body).toEqual(body);
  });
});

describe("an answer that is not whole is refused", () => {
  test.each<[string, StreamDialect, unknown, StreamFaultReason, StreamAction]>([
    ["no content and 20 tokens", "anthropic-messages", anthropic({ content: [] }), "empty_content", "retry"],
    [
      "only an empty text and 20 tokens",
      "anthropic-messages",
      anthropic({ content: [{ type: "text", text: "" }] }),
      "empty_content",
      "retry",
    ],
    [
      "tool input that is text",
      "anthropic-messages",
      anthropic({ content: [{ ...call, input: '{"a":1}' }] }),
      "tool_input_incomplete",
      "retry",
    ],
    [
      "a tool call without a name",
      "anthropic-messages",
      anthropic({ content: [{ ...call, name: undefined }] }),
      "tool_without_name",
      "retry",
    ],
    ["one id twice", "anthropic-messages", anthropic({ content: [call, call] }), "repeated_tool_id", "retry"],
    ["no stop reason", "anthropic-messages", anthropic({ stop_reason: null }), "truncated", "retry"],
    ["a stop reason that is an error", "anthropic-messages", anthropic({ stop_reason: "error" }), "upstream_error", "retry"],
    ["content that is no list", "anthropic-messages", anthropic({ content: "hello" }), "unexpected_body", "retry"],
    [
      "an error object",
      "anthropic-messages",
      { type: "error", error: { type: "permission_error", message: "no" } },
      "upstream_error",
      "fall_back",
    ],
    ["the other dialect", "anthropic-messages", openai(), "unexpected_body", "retry"],
    ["no object", "anthropic-messages", null, "unexpected_body", "retry"],
    ["finish error", "openai-completions", openai({ finish_reason: "error" }), "upstream_error", "retry"],
    ["no finish reason", "openai-completions", openai({ finish_reason: null }), "truncated", "retry"],
    [
      "an error inside the choice",
      "openai-completions",
      openai({ error: { code: 429, message: "slow" } }),
      "upstream_error",
      "retry_after_delay",
    ],
    ["no content and 20 tokens", "openai-completions", openai({}, { content: null }), "empty_content", "retry"],
    [
      "arguments cut",
      "openai-completions",
      openai({ finish_reason: "tool_calls" }, calls('{"a')),
      "tool_input_incomplete",
      "retry",
    ],
    [
      "arguments cut by the token limit",
      "openai-completions",
      openai({ finish_reason: "length" }, calls('{"a')),
      "output_truncated",
      "change_request",
    ],
    ["no choices", "openai-completions", { ...openai(), choices: [] }, "empty_stream", "retry"],
    [
      "an error object",
      "openai-completions",
      { error: { message: "no", code: "invalid_api_key", type: "authentication_error" } },
      "upstream_error",
      "fall_back",
    ],
  ])("%s (%s)", (_name, dialect, body, reason, action) => {
    expect(() => checkMessage(dialect, body)).toThrow(expect.objectContaining({ reason, action }));
  });
});
