/**
 * One test a row of the evidence: streams seen in the wild, with the number under which the report stands in docs/streams.md,
 * what must come of them, and the codes of the repairs.
 */
import { describe, expect, test } from "vitest";
import type { StreamEnd } from "../../src/stream/event.ts";
import { frame, type Whole } from "./rows.ts";
import {
  B,
  block,
  BThink,
  BTool,
  D,
  DJson,
  done,
  DSign,
  DThink,
  E,
  type Event,
  M,
  ping,
  run,
  runEvents,
  S,
  saidAnthropic,
  wire,
  X,
} from "./wire.ts";

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
