/**
 * One test a row of the evidence: streams seen in the wild, with the number under which the report stands in docs/streams.md,
 * what must come of them, and the codes of the repairs.
 */
import { describe, expect, test } from "vitest";
import type { StreamAction, StreamFaultReason } from "../../src/errors.ts";
import { call, DONE, finish, fn, role, text, usage, type Whole } from "./rows.ts";
import { choice, chunk, type Chunk, chunkFrame, run, saidOpenai } from "./wire.ts";

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
