import { describe, expect, test } from "vitest";
import type { StreamAction, StreamError, StreamFaultReason } from "../../src/errors.ts";
import type { Frame, StreamEnd } from "../../src/stream/event.ts";
import {
  B,
  block,
  BThink,
  BTool,
  choice,
  chunk,
  type Chunk,
  chunkFrame,
  D,
  DJson,
  done,
  DSign,
  DThink,
  E,
  type Event,
  frameOf,
  M,
  ping,
  run,
  runEvents,
  S,
  saidAnthropic,
  saidOpenai,
  wire,
  X,
} from "./wire.ts";

/**
 * One test a row of the evidence: streams seen in the wild, with the number under which the report stands in docs/streams.md,
 * what must come of them, and the codes of the repairs.
 */

interface Whole {
  readonly text?: string;
  readonly thinking?: string;
  readonly tools?: readonly unknown[];
  readonly stop?: string;
  readonly codes: readonly string[];
}

type Row = [row: string, events: readonly Event[], expected: Whole, end?: StreamEnd];
const tool = (name: string, index: number, input: unknown = { a: 1 }): unknown => ({ id: `toolu_${index}`, name, input });
const textOf = (start: Record<string, unknown>): Event => block(0, start);

const repaired: Row[] = [
  [
    "1 a second start in mid-content, and the content goes on",
    [S(), B(0), D(0, "a"), S(), D(0, "b"), E(0), M(), X],
    { text: "ab", codes: ["dup_start"] },
  ],
  [
    "1 starts with other ids before any content",
    [S("a"), S("b"), B(0), D(0, "a"), E(0), M(), X],
    { text: "a", codes: ["id_replaced"] },
  ],
  [
    "2 29 starts",
    [...Array<Event>(29).fill(S()), B(0), D(0, "a"), E(0), M(), X],
    { text: "a", codes: Array<string>(28).fill("dup_start") },
  ],
  ["3, 5 the start twice", [S(), S(), B(0), D(0, "a"), E(0), M(), X], { text: "a", codes: ["dup_start"] }],
  [
    "4 the start twice, the second richer",
    [S(), S("msg_1", { input_tokens: 9, output_tokens: 1, service_tier: "standard" }), B(0), D(0, "a"), E(0), M(), X],
    { text: "a", codes: ["dup_start", "usage_merged"] },
  ],
  ["9 a stop before the start", [E(0), S(), B(0), D(0, "a"), E(0), M(), X], { text: "a", codes: ["orphan_stop"] }],
  [
    "9 content before the start",
    [B(0), D(0, "a"), S(), D(0, "b"), E(0), M(), X],
    { text: "ab", codes: ["synthetic_start", "late_start", "usage_merged"] },
  ],
  [
    "9 the start behind its first block",
    [B(0), S(), D(0, "a"), E(0), M(), X],
    { text: "a", codes: ["synthetic_start", "late_start"] },
  ],
  ["10 no start at all", [B(0), D(0, "a"), E(0), M(), X], { text: "a", codes: ["synthetic_start"] }],
  ["11 a message_stop before the start", [X, S(), B(0), D(0, "a"), E(0), M(), X], { text: "a", codes: ["orphan_message_stop"] }],
  [
    "12 two stops of one block",
    [S(), BThink(0), DThink(0, "t"), E(0), E(0), B(1), D(1, "a"), E(1), M(), X],
    { text: "a", thinking: "t", codes: ["dup_stop"] },
  ],
  [
    "13 a gap, and the stop of a block that never began",
    [S(), B(0), D(0, "a"), E(0), E(1), BTool(2), DJson(2, '{"a":1}'), E(2), M("tool_use"), X],
    { text: "a", tools: [tool("look", 2)], stop: "tool_use", codes: ["orphan_stop", "index_remapped"] },
  ],
  ["14 a gap", [S(), B(0), D(0, "a"), E(0), B(2), D(2, "b"), E(2), M(), X], { text: "ab", codes: ["index_remapped"] }],
  [
    "15 a tool call at the wrong index",
    [S(), BTool(3), DJson(3, '{"a":1}'), E(3), M("tool_use"), X],
    { tools: [tool("look", 3)], stop: "tool_use", codes: ["index_remapped"] },
  ],
  [
    "16 the last index again after its stop",
    [S(), B(0), D(0, "a"), E(0), B(0), D(0, "b"), E(0), M(), X],
    { text: "ab", codes: ["index_reused", "index_remapped"] },
  ],
  [
    "17 another type at an index never stopped",
    [S(), B(0), D(0, "a"), BThink(0), DThink(0, "t"), E(0), M(), X],
    { text: "a", thinking: "t", codes: ["implicit_close", "index_remapped"] },
  ],
  ["18 text without its block start", [S(), D(0, "a"), D(0, "b"), E(0), M(), X], { text: "ab", codes: ["synthetic_block"] }],
  [
    "19 text for an index beyond the list",
    [S(), B(0), D(0, "a"), E(0), D(1, "b"), M(), X],
    { text: "ab", codes: ["synthetic_block", "implicit_close"] },
  ],
  [
    "20 thinking in an empty text block",
    [S(), B(0), D(0, ""), DThink(0, "t"), E(0), B(1), D(1, "a"), E(1), M(), X],
    { text: "a", thinking: "t", codes: ["block_retyped"] },
  ],
  [
    "20 thinking in a text block with content",
    [S(), B(0), D(0, "a"), DThink(0, "t"), D(0, "b"), E(0), M(), X],
    { text: "ab", thinking: "t", codes: ["block_split", "index_remapped", "block_split", "index_remapped"] },
  ],
  [
    "21 an empty text block first, end_turn with a tool call",
    [S(), B(0), E(0), BTool(1), DJson(1, '{"a":1}'), E(1), M("end_turn"), X],
    { tools: [tool("look", 1)], stop: "tool_use", codes: ["empty_block", "index_remapped", "stop_reason_promoted"] },
  ],
  [
    "22 interleaved blocks",
    [S(), BTool(0), B(1), D(1, "b"), E(1), DJson(0, '{"a":1}'), E(0), M("tool_use"), X],
    { text: "b", tools: [tool("look", 0)], stop: "tool_use", codes: ["lanes_serialised"] },
  ],
  [
    "23 a text block without text",
    [S(), textOf({ type: "text" }), D(0, "a"), E(0), M(), X],
    { text: "a", codes: ["field_default"] },
  ],
  [
    "24 thinking without a signature",
    [S(), textOf({ type: "thinking", thinking: null }), DThink(0, "t"), E(0), M(), X],
    { thinking: "t", codes: ["field_default"] },
  ],
  [
    "25 a tool call without input",
    [S(), block(0, { type: "tool_use", id: "toolu_0", name: "look" }), DJson(0, '{"a":1}'), E(0), M("tool_use"), X],
    { tools: [tool("look", 0)], stop: "tool_use", codes: ["field_default"] },
  ],
  [
    "26 the whole input in the start",
    [S(), block(0, { type: "tool_use", id: "toolu_0", name: "look", input: { a: 1 } }), E(0), M("tool_use"), X],
    { tools: [tool("look", 0)], stop: "tool_use", codes: [] },
  ],
  [
    "27 thinking with a signature only",
    [S(), BThink(0), DSign(0, "s"), E(0), B(1), D(1, "a"), E(1), M(), X],
    { text: "a", codes: [] },
  ],
  [
    "28 an end without counters",
    [S(), B(0), D(0, "a"), E(0), { type: "message_delta", delta: { stop_reason: "end_turn" } }, X],
    { text: "a", codes: ["usage_estimated", "usage_merged"] },
  ],
  [
    "29, 30 two ends, the second without a reason",
    [S(), B(0), D(0, "a"), E(0), M("end_turn", undefined), M(null), X],
    { text: "a", codes: ["merged_message_delta"] },
  ],
  [
    "31 counters 0 at the start",
    [
      S("m", { input_tokens: 0, output_tokens: 0 }),
      B(0),
      D(0, "a"),
      E(0),
      M("end_turn", { input_tokens: 5, output_tokens: 9 }),
      X,
    ],
    { text: "a", codes: [] },
  ],
  ["32 only output tokens at the end", [S(), B(0), D(0, "a"), E(0), M(), X], { text: "a", codes: [] }],
  [
    "33 several running totals",
    [S(), B(0), D(0, "a"), E(0), M(null, { output_tokens: 5 }), M("end_turn", { output_tokens: 9 }), X],
    { text: "a", codes: ["merged_message_delta"] },
  ],
  ["34 no message_stop", [S(), B(0), D(0, "a"), E(0), M()], { text: "a", codes: ["synthetic_message_stop"] }],
  [
    "34 no message_stop, and a reset",
    [S(), B(0), D(0, "a"), E(0), M()],
    { text: "a", codes: ["synthetic_message_stop"] },
    "transport_error",
  ],
  [
    "35 pings for ever after the stop reason",
    [S(), B(0), D(0, "a"), E(0), M(), ping, ping],
    { text: "a", codes: ["synthetic_message_stop"] },
    "idle_after_stop_reason",
  ],
  [
    "38 [DONE] instead of message_stop",
    [S(), B(0), D(0, "a"), E(0), M(), done],
    { text: "a", codes: ["done_marker", "synthetic_message_stop"] },
  ],
  [
    "47 tool_use, text and no tool call",
    [S(), B(0), D(0, "a"), E(0), M("tool_use"), X],
    { text: "a", codes: ["stop_reason_demoted"] },
  ],
  [
    "48 tool calls and end_turn",
    [S(), BTool(0), DJson(0, '{"a":1}'), E(0), M("end_turn"), X],
    { tools: [tool("look", 0)], stop: "tool_use", codes: ["stop_reason_promoted"] },
  ],
  ["49 nothing said and few tokens", [S(), M("end_turn", { output_tokens: 3 }), X], { codes: [] }],
  [
    "59 empty deltas to keep the connection alive",
    [S(), B(0), D(0, ""), D(0, ""), D(0, "a"), D(0, ""), E(0), M(), X],
    { text: "a", codes: [] },
  ],
  ["66 data: {}", [S(), {} as Event, B(0), D(0, "a"), E(0), M(), X], { text: "a", codes: ["empty_frame"] }],
  [
    "a start without stop fields, which nobody misses",
    [
      {
        type: "message_start",
        message: {
          id: "m",
          type: "message",
          role: "assistant",
          model: "k",
          content: [],
          usage: { input_tokens: 1, output_tokens: 1 },
        },
      },
      B(0),
      D(0, "a"),
      E(0),
      M(),
      X,
    ],
    { text: "a", codes: [] },
  ],
  [
    "a start with a stop reason, which certifies nothing",
    [{ type: "message_start", message: { id: "m", stop_reason: "end_turn" } }, B(0), D(0, "a"), E(0), M(), X],
    { text: "a", codes: ["start_fields"] },
  ],
  ["a block never closed", [S(), B(0), D(0, "a"), M(), X], { text: "a", codes: ["implicit_close"] }],
  [
    "a stop reason in the other dialect's words",
    [S(), B(0), D(0, "a"), E(0), M("stop"), X],
    { text: "a", codes: ["stop_reason_mapped"] },
  ],
  [
    "a stop reason before the last block",
    [S(), B(0), D(0, "a"), E(0), M(), B(1), D(1, "b"), E(1), X],
    { text: "ab", codes: ["early_stop_reason"] },
  ],
  [
    "a signature in pieces",
    [S(), BThink(0), DThink(0, "t"), DSign(0, "s1"), DSign(0, "s2"), E(0), B(1), D(1, "a"), E(1), M(), X],
    { text: "a", thinking: "t", codes: ["signature_joined"] },
  ],
];

function frame(event: Event): Frame {
  return Object.keys(event).length === 0 ? { event: undefined, data: "{}" } : frameOf(event);
}

describe("anthropic: repaired", () => {
  test.each(repaired)("%s", (_row, events, expected, end) => {
    const outcome = run("anthropic-messages", events.map(frame), end);
    expect(outcome.error).toBeUndefined();
    expect(saidAnthropic(outcome.message?.body)).toEqual({
      text: expected.text ?? "",
      thinking: expected.thinking ?? "",
      tools: expected.tools ?? [],
      stop: expected.stop ?? "end_turn",
    });
    expect(outcome.repairs).toEqual(expected.codes);
    // What is released is regular itself: it passes again, in strict mode, and says the same.
    const frames = outcome.out
      .split("\n\n")
      .filter((each) => each !== "")
      .map((each) => {
        const [name = "", data = ""] = each.split("\n");
        return { event: name.slice(7), data: data.slice(6) };
      });
    const again = run("anthropic-messages", frames, "eof", { tolerateOutOfOrderEvents: false });
    expect(again.error).toBeUndefined();
    expect(again.out).toBe(outcome.out);
    expect(again.message?.body["content"]).toEqual(outcome.message?.body["content"]);
    const strict = run("anthropic-messages", events.map(frame), end, { tolerateOutOfOrderEvents: false });
    expect(strict.error?.reason).toBe(expected.codes.length > 0 ? "irregular" : undefined);
  });
});

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

test("anthropic: usage is the largest of each counter, never a sum", () => {
  const { message } = runEvents([
    S("m", { input_tokens: 5, output_tokens: 1, cache_read_input_tokens: 100 }),
    B(0),
    D(0, "a"),
    E(0),
    M(null, { output_tokens: 30, input_tokens: 0, cache_read_input_tokens: null }),
    M("end_turn", { output_tokens: 40, cache_creation_input_tokens: 2 }),
    X,
  ]);
  expect(message?.usage).toEqual({ inputTokens: 5, outputTokens: 40, cacheReadTokens: 100, cacheWriteTokens: 2 });
});

function ended(...reasons: string[]): unknown {
  return runEvents([S(), B(0), D(0, "a"), E(0), ...reasons.map((reason) => M(reason)), X]).message?.body["stop_reason"];
}

test("anthropic: of two stop reasons the last stands, but a cut answer does not become a finished one", () => {
  expect(ended("end_turn", "stop_sequence")).toBe("stop_sequence");
  expect(ended("end_turn", "max_tokens")).toBe("max_tokens");
  expect(ended("max_tokens", "end_turn")).toBe("max_tokens");
});

test("anthropic: the first text is out before the third event, interleaved or not", () => {
  const outcome = runEvents([S(), B(0), D(0, "first")]);
  expect(outcome.out).toBe(wire([S(), B(0), D(0, "first")]));
});

const role = chunk("c", [choice({ role: "assistant", content: "" })]);
const text = (content: string, id: string | undefined = "c"): Chunk => chunk(id, [choice({ content })]);
const finish = (reason: string): Chunk => chunk("c", [choice({}, reason)]);
const call = (value: Record<string, unknown>): Chunk => chunk("c", [choice({ tool_calls: [value] })]);
const usage = { prompt_tokens: 7, completion_tokens: 42, total_tokens: 49 };
const DONE = "[DONE]" as const;
const fn = (name: string, args: string): unknown => ({ name, arguments: args });

const openaiRepaired: [row: string, chunks: readonly (Chunk | "[DONE]")[], expected: Whole][] = [
  [
    "61 the index is always 0 and the ids are new",
    [
      role,
      call({ index: 0, id: "a", type: "function", function: fn("f", "{}") }),
      call({ index: 0, id: "b", type: "function", function: fn("g", "{}") }),
      finish("tool_calls"),
      DONE,
    ],
    {
      tools: [
        { id: "a", name: "f", input: {} },
        { id: "b", name: "g", input: {} },
      ],
      stop: "tool_calls",
      codes: ["tool_index_reused", "index_remapped"],
    },
  ],
  [
    "61 no index at all",
    [
      role,
      call({ id: "a", type: "function", function: fn("f", '{"a":') }),
      call({ function: { arguments: "1}" } }),
      finish("tool_calls"),
      DONE,
    ],
    { tools: [{ id: "a", name: "f", input: { a: 1 } }], stop: "tool_calls", codes: ["index_remapped"] },
  ],
  [
    "62 counters in the choice",
    [role, text("a"), chunk("c", [{ index: 0, delta: {}, finish_reason: "stop", usage }]), DONE],
    { text: "a", codes: ["usage_lifted"] },
  ],
  [
    "63 an empty finish reason in each chunk",
    [role, chunk("c", [choice({ content: "a" }, "")]), finish("stop"), DONE],
    { text: "a", codes: ["empty_finish"] },
  ],
  [
    "45 no choices and no error",
    [role, chunk("c", null as never), text("a"), finish("stop"), DONE],
    { text: "a", codes: ["choices_missing"] },
  ],
  [
    "48 tool calls and stop",
    [role, call({ index: 0, id: "a", type: "function", function: fn("f", "{}") }), finish("stop"), DONE],
    { tools: [{ id: "a", name: "f", input: {} }], stop: "tool_calls", codes: ["stop_reason_promoted"] },
  ],
  [
    "47 tool_calls, text and no call",
    [role, text("a"), finish("tool_calls"), DONE],
    { text: "a", codes: ["stop_reason_demoted"] },
  ],
  ["66 data: {}", [role, {}, text("a"), finish("stop"), DONE], { text: "a", codes: ["unknown_event"] }],
  ["29 a second finish", [role, text("a"), finish("stop"), finish("stop"), DONE], { text: "a", codes: ["dup_finish"] }],
  ["content without the role chunk", [text("a"), finish("stop"), DONE], { text: "a", codes: ["synthetic_role"] }],
  ["the role chunk twice", [role, role, text("a"), finish("stop"), DONE], { text: "a", codes: [] }],
  [
    "the role in every chunk",
    [1, 2, 3].map((at) => chunk("c", [choice({ role: "assistant", content: String(at) })])).concat([finish("stop")]),
    { text: "123", codes: ["done_missing"] },
  ],
  [
    "an id for every chunk",
    [
      chunk("1", [choice({ role: "assistant", content: "" })]),
      text("a", "2"),
      text("b", "3"),
      chunk("4", [choice({}, "stop")]),
      DONE,
    ],
    { text: "ab", codes: ["id_replaced", "id_per_chunk"] },
  ],
  [
    "no id",
    [chunk(undefined, [choice({ role: "assistant", content: "a" })]), chunk(undefined, [choice({}, "stop")]), DONE],
    { text: "a", codes: ["id_missing"] },
  ],
  [
    "a call without arguments",
    [role, call({ index: 0, id: "a", type: "function", function: fn("f", "") }), finish("tool_calls"), DONE],
    { tools: [{ id: "a", name: "f", input: {} }], stop: "tool_calls", codes: ["tool_args_empty"] },
  ],
  [
    "a call without a type, arguments as an object",
    [role, call({ index: 0, id: "a", function: { name: "f", arguments: { a: 1 } } }), finish("tool_calls"), DONE],
    { tools: [{ id: "a", name: "f", input: { a: 1 } }], stop: "tool_calls", codes: ["args_object", "tool_type"] },
  ],
  [
    "content in the finish chunk",
    [role, text("a"), chunk("c", [choice({ content: "b" }, "stop")]), DONE],
    { text: "ab", codes: [] },
  ],
  ["counters behind the finish", [role, text("a"), finish("stop"), chunk("c", [], { usage }), DONE], { text: "a", codes: [] }],
];

describe("openai: repaired", () => {
  test.each(openaiRepaired)("%s", (_row, chunks, expected) => {
    const frames = chunks.map((each) => chunkFrame(each));
    const outcome = run("openai-completions", frames);
    expect(outcome.error).toBeUndefined();
    expect(saidOpenai(outcome.message?.body)).toEqual({
      text: expected.text ?? "",
      thinking: "",
      tools: expected.tools ?? [],
      stop: expected.stop ?? "stop",
    });
    expect(outcome.repairs).toEqual(expected.codes);
    expect(outcome.out.endsWith("data: [DONE]\n\n")).toBe(true);
    const again = outcome.out.split("\n\n").flatMap((each) => (each === "" ? [] : [{ event: undefined, data: each.slice(6) }]));
    expect(saidOpenai(run("openai-completions", again).message?.body)).toEqual(saidOpenai(outcome.message?.body));
  });
});

const openaiRefused: [row: string, chunks: readonly (Chunk | string)[], reason: StreamFaultReason, action?: StreamAction][] = [
  [
    "6 another id after content",
    [role, text("a"), chunk("d", [choice({ role: "assistant", content: "" })]), text("b", "d"), finish("stop"), DONE],
    "spliced_message",
  ],
  ["8 the same id and the message begins again", [role, text("a"), role, text("b"), finish("stop"), DONE], "restarted_message"],
  [
    "45 an error beside empty choices",
    [role, text("a"), chunk("c", [], { error: { code: 502, message: "upstream" } })],
    "upstream_error",
    "retry",
  ],
  [
    "45 an error inside a choice",
    [role, text("a"), chunk("c", [{ index: 0, delta: {}, finish_reason: null, error: { code: 429, message: "slow" } }])],
    "upstream_error",
    "retry_after_delay",
  ],
  ["45 finish error", [role, text("a"), finish("error"), DONE], "upstream_error", "retry"],
  [
    "46 arguments cut",
    [role, call({ index: 0, id: "a", type: "function", function: fn("f", '{"a') }), finish("tool_calls"), DONE],
    "tool_input_incomplete",
  ],
  [
    "46 arguments cut by the token limit",
    [role, call({ index: 0, id: "a", type: "function", function: fn("f", '{"a') }), finish("length"), DONE],
    "output_truncated",
    "change_request",
  ],
  ["47 tool_calls and nothing", [role, finish("tool_calls"), DONE], "empty_content"],
  ["49 nothing said and 42 tokens", [role, finish("stop"), chunk("c", [], { usage }), DONE], "empty_content"],
  [
    "61 a fragment of no call",
    [role, call({ index: 0, function: { arguments: "1" } }), finish("tool_calls"), DONE],
    "delta_without_block",
  ],
  ["64 [DONE] without a finish", [role, text("a"), DONE], "truncated"],
  ["64 the end of the body without a finish", [role, text("a")], "truncated"],
  [
    "65 the whole text in each chunk",
    [role, text("Hello"), text("Hello there"), text("Hello there, you"), finish("stop"), DONE],
    "cumulative_text",
    "fall_back",
  ],
  ["content after the finish", [role, text("a"), finish("stop"), text("b"), DONE], "content_after_finish"],
  [
    "a call without a name",
    [role, call({ index: 0, id: "a", type: "function", function: { arguments: "{}" } }), finish("tool_calls"), DONE],
    "tool_without_name",
  ],
  [
    "one id at two indexes",
    [
      role,
      call({ index: 0, id: "a", function: fn("f", "{}") }),
      call({ index: 1, id: "a", function: fn("f", "{}") }),
      finish("tool_calls"),
      DONE,
    ],
    "repeated_tool_id",
  ],
  [
    "a whole call twice",
    [
      role,
      call({ index: 0, id: "a", function: fn("f", "{}") }),
      call({ index: 0, id: "a", function: fn("f", "{}") }),
      finish("tool_calls"),
      DONE,
    ],
    "repeated_tool_id",
  ],
  ["another model after content", [role, text("a"), { ...text("b"), model: "other" }, finish("stop"), DONE], "spliced_message"],
  ["a frame that is no JSON", [role, '{"id":', text("a"), finish("stop"), DONE], "malformed_frame"],
  ["the other dialect", ['{"type":"content_block_delta","index":0}'], "malformed_frame"],
  [
    "only one of two choices finished",
    [role, chunk("c", [{ index: 1, delta: { content: "b" }, finish_reason: null }]), finish("stop"), DONE],
    "truncated",
  ],
  ["nothing but the end marker", [DONE], "empty_stream"],
];

describe("openai: refused", () => {
  test.each(openaiRefused)("%s", (_row, chunks, reason, action = "retry") => {
    const frames = chunks.map((each) => (typeof each === "string" ? { event: undefined, data: each } : chunkFrame(each)));
    expect(run("openai-completions", frames).error).toMatchObject({ reason, action });
  });
});

/** Counts the characters that JSON.parse is given while a stream passes. */
function parsedChars(
  frames: readonly Frame[],
  dialect: "anthropic-messages" | "openai-completions",
): { chars: number; error: unknown; size: number } {
  const real = JSON.parse;
  let chars = 0;
  JSON.parse = (source: string, ...rest: []) => {
    chars += source.length;
    return real(source, ...rest) as unknown;
  };
  try {
    const { error } = run(dialect, frames);
    return { chars, error, size: frames.reduce((sum, each) => sum + each.data.length, 0) };
  } finally {
    JSON.parse = real;
  }
}

describe("linear, told by what is done and not by time", () => {
  const json = JSON.stringify({ content: 'line "quoted" \\ \n'.repeat(50_000) });
  const fragments = Array.from({ length: Math.ceil(json.length / 12) }, (_, at) => json.slice(at * 12, at * 12 + 12));

  test("1 MB of tool input in 12-character deltas is parsed once and nowhere again", () => {
    expect(json.length).toBeGreaterThan(1_000_000);
    const frames = [S(), BTool(0), ...fragments.map((piece) => DJson(0, piece)), E(0), M("tool_use"), X].map(frameOf);
    const { chars, error, size } = parsedChars(frames, "anthropic-messages");
    expect(error).toBeUndefined();
    expect(chars).toBeLessThan(json.length + size * 1.1);
  });

  test("the same for openai", () => {
    const open = call({ index: 0, id: "a", type: "function", function: fn("f", "") });
    const pieces = fragments.map((piece) => call({ index: 0, function: { arguments: piece } }));
    const { chars, error, size } = parsedChars(
      [role, open, ...pieces, finish("tool_calls"), DONE].map((each) => chunkFrame(each)),
      "openai-completions",
    );
    expect(error).toBeUndefined();
    expect(chars).toBeLessThan(2 * json.length + size * 1.1);
  });

  test("plain text deltas of a known form are not parsed at all, and their index is mapped all the same", () => {
    const deltas = Array.from({ length: 10_000 }, (_, at) => D(3, `word${at} `));
    const frames = [S(), B(3), ...deltas, E(3), M(), X].map(frameOf);
    const { chars, size } = parsedChars(frames, "anthropic-messages");
    expect(chars).toBeLessThan(size / 100);
    expect(run("anthropic-messages", frames).message?.text).toHaveLength(
      deltas.reduce((sum, _, at) => sum + `word${at} `.length, 0),
    );
  });
});
