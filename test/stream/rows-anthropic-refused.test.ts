/**
 * One test a row of the evidence: streams seen in the wild, with the number under which the report stands in docs/streams.md,
 * and why nothing of them may be believed.
 */
import { describe, expect, test } from "vitest";
import type { StreamAction, StreamError, StreamFaultReason } from "../../src/errors.ts";
import type { StreamEnd } from "../../src/stream/event.ts";
import { frame } from "./rows.ts";
import { B, block, BTool, D, DJson, E, type Event, M, run, runEvents, S, X } from "./wire.ts";

type Refusal = [
  row: string,
  events: readonly (Event | string)[],
  reason: StreamFaultReason,
  action?: StreamAction,
  end?: StreamEnd,
];
const cutTool = [S(), BTool(0), DJson(0, '{"path":"a'), E(0)];

const refused: Refusal[] = [
  [
    "1 a second start and the content begins again",
    [S(), B(0), D(0, "a"), S(), B(0), D(0, "a"), E(0), M(), X],
    "restarted_message",
  ],
  ["6 another id after content", [S("a"), B(0), D(0, "a"), S("b"), B(0), D(0, "b"), E(0), M(), X], "spliced_message"],
  [
    "6 another id inside tool input",
    [S("a"), BTool(0), DJson(0, '{"a'), S("b"), B(0), D(0, "b"), E(0), M(), X],
    "spliced_message",
  ],
  [
    "7 a message for each tool turn in one stream",
    [S("a"), BTool(0), DJson(0, "{}"), E(0), S("b"), B(0), D(0, "b"), E(0), M(), X],
    "spliced_message",
  ],
  [
    "8 one id for every answer: content decides",
    [S("x"), B(0), D(0, "a"), E(0), S("x"), B(0), D(0, "b"), E(0), M(), X],
    "restarted_message",
  ],
  [
    "9 content before the start, which begins again after it",
    [D(0, "tail"), S(), B(0), D(0, "a"), E(0), M(), X],
    "restarted_message",
  ],
  ["10 neither start nor block start", [D(0, "a"), E(0), M(), X], "truncated"],
  ["10 no start, and the first block is not the first", [B(1), D(1, "a"), E(1), M(), X], "truncated"],
  ["11 a message_stop alone", [X], "empty_stream"],
  ["19 tool input without its block", [S(), DJson(0, "{}"), E(0), M("tool_use"), X], "delta_without_block"],
  ["20 tool input in a text block", [S(), B(0), D(0, "a"), DJson(0, "{}"), E(0), M(), X], "block_type_mismatch"],
  ["39 no stop reason", [S(), B(0), D(0, "a"), E(0)], "truncated"],
  ["39 message_stop and no stop reason", [S(), B(0), D(0, "a"), E(0), X], "truncated"],
  [
    "41 an end before the content",
    [S(), M("end_turn", { output_tokens: 3 }), X, B(0), D(0, "a"), E(0), M(), X],
    "content_after_finish",
  ],
  ["41 an end, another start, and a cut", [S(), M("end_turn", { output_tokens: 3 }), S("b"), B(0), D(0, "a")], "truncated"],
  [
    "42 overloaded in mid-content",
    [S(), B(0), D(0, "a"), { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }],
    "upstream_error",
    "retry",
  ],
  [
    "43 an error first",
    [{ type: "error", error: { type: "rate_limit_error", message: "slow down" } }],
    "upstream_error",
    "retry_after_delay",
  ],
  [
    "43 an error that will not pass",
    [{ type: "error", error: { type: "authentication_error", message: "no" } }],
    "upstream_error",
    "fall_back",
  ],
  [
    "44 an exception frame",
    [S(), { type: "throttlingException", message: "Too many requests" }],
    "upstream_error",
    "retry_after_delay",
  ],
  ["44 an error that is a string", [S(), '{"error":"stream interrupted"}'], "upstream_error", "retry"],
  ["46 tool input cut, then a good end", [...cutTool, M("tool_use"), X], "tool_input_incomplete"],
  ["46 tool input cut by the token limit", [...cutTool, M("max_tokens"), X], "output_truncated", "change_request"],
  ["46 tool input that is no object", [S(), BTool(0), DJson(0, "[1]"), E(0), M("tool_use"), X], "tool_input_incomplete"],
  ["47 tool_use and nothing", [S(), M("tool_use"), X], "empty_content"],
  ["49 nothing said and 157 tokens", [S(), M("end_turn", { output_tokens: 157 }), X], "empty_content"],
  ["49 only an empty block and 157 tokens", [S(), B(0), E(0), M("end_turn", { output_tokens: 157 }), X], "empty_content"],
  ["53 glued frames", [S(), B(0), '{"type":"content_block_delta"}{"type":"content_block_stop"}'], "malformed_frame"],
  ["56 an empty body", [], "empty_stream"],
  [
    "65 the whole text in each delta",
    [S(), B(0), D(0, "Hello"), D(0, "Hello there"), D(0, "Hello there, you"), E(0), M(), X],
    "cumulative_text",
    "fall_back",
  ],
  [
    "65 the whole text in the second of two deltas",
    [S(), B(0), D(0, "Hello there"), D(0, "Hello there, you"), E(0), M(), X],
    "cumulative_text",
    "fall_back",
  ],
  ["a block that begins again with content in it", [S(), B(0), D(0, "a"), B(0), D(0, "a"), E(0), M(), X], "block_restarted"],
  [
    "a block at a lower index",
    [S(), B(0), D(0, "a"), E(0), B(2), D(2, "b"), E(2), B(1), D(1, "c"), E(1), M(), X],
    "index_regression",
  ],
  ["text after its block's end", [S(), B(0), D(0, "a"), E(0), D(0, "b"), M(), X], "delta_after_stop"],
  [
    "a tool call without a name",
    [S(), block(0, { type: "tool_use", id: "t", input: {} }), E(0), M("tool_use"), X],
    "tool_without_name",
  ],
  [
    "one id for two tool calls",
    [S(), BTool(0, "t"), DJson(0, "{}"), E(0), BTool(1, "t"), DJson(1, "{}"), E(1), M("tool_use"), X],
    "repeated_tool_id",
  ],
  ["a stop reason that is an error", [S(), B(0), D(0, "a"), E(0), M("error"), X], "upstream_error"],
  ["a reset before the stop reason", [S(), B(0), D(0, "a")], "transport", "retry", "transport_error"],
  ["silence before the stop reason", [S(), B(0), D(0, "a")], "idle_timeout", "retry", "idle_timeout"],
  [
    "a tool call announced, its end there and its start lost",
    [S(), B(0), D(0, "a"), E(0), E(1), M("tool_use"), X],
    "tool_input_incomplete",
  ],
  [
    "content in the message start",
    [{ type: "message_start", message: { id: "a", content: [{ type: "text", text: "a" }] } }],
    "malformed_frame",
  ],
  [
    "the start and the fragments of a tool call disagree",
    [S(), block(0, { type: "tool_use", id: "t", name: "n", input: { a: 1 } }), DJson(0, '{"a":2}'), E(0), M("tool_use"), X],
    "tool_input_incomplete",
  ],
];

/** All that an error holds, as a log would write it. */
function said(error: StreamError | undefined): string {
  return JSON.stringify([Object.entries(error ?? {}), error?.message]);
}

describe("anthropic: refused", () => {
  test.each(refused)("%s", (_row, events, reason, action = "retry", end = "eof") => {
    const frames = events.map((event) => (typeof event === "string" ? { event: undefined, data: event } : frame(event)));
    const { error } = run("anthropic-messages", frames, end);
    expect(error).toMatchObject({ reason, action: reason === "cumulative_text" ? "fall_back" : action });
  });

  test("a broken tool call is not closed: a client that acts on its end never sees one", () => {
    const { out } = runEvents([...cutTool, M("tool_use"), X]);
    expect(out).not.toContain("content_block_stop");
  });

  test("too much interleaved with an open block", () => {
    const events = [S(), BTool(0), DJson(0, '{"a'), B(1)];
    for (let at = 0; at < 1100; at++) events.push(D(1, `x${at}`));
    expect(runEvents(events).error?.reason).toBe("lane_overflow");
    expect(runEvents([S(), BTool(0), DJson(0, '{"a'), B(1), D(1, "y".repeat(5 * 1024 * 1024))]).error?.reason).toBe(
      "lane_overflow",
    );
  });

  test("a long block behind one whose stop was lost still streams, and the lost block may not go on", () => {
    const events = [S(), B(0), D(0, "a"), B(1)];
    for (let at = 0; at < 1100; at++) events.push(D(1, `${at},`));
    const whole = runEvents([...events, E(1), M(), X]);
    expect(whole.error).toBeUndefined();
    expect(whole.message?.text).toBe(`a${Array.from({ length: 1100 }, (_, at) => `${at},`).join("")}`);
    expect(runEvents([...events, D(0, "b"), E(0), E(1), M(), X]).error?.reason).toBe("lane_overflow");
  });

  test("the error says where, never what the answer said", () => {
    const secret = "the answer's own words";
    const { error } = runEvents([S("a"), B(0), D(0, secret), S("b")]);
    expect(error).toMatchObject({ event: "message_start", at: 3, state: "open", contentSeen: true, usage: { inputTokens: 7 } });
    expect(said(error)).not.toContain(secret);
    const broken = runEvents([S(), BTool(0), DJson(0, `{"${secret}`), E(0), M("tool_use"), X]).error;
    expect(broken).toMatchObject({ index: 0 });
    expect(said(broken)).not.toContain(secret);
  });
});
