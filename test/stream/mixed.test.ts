import { describe, expect, test } from "vitest";
import type { StreamFaultReason } from "../../src/errors.ts";
import type { Frame } from "../../src/stream/event.ts";
import { checkMessage } from "../../src/stream/normalizer.ts";
import {
  B,
  block,
  BThink,
  BTool,
  choice,
  chunk,
  D,
  DJson,
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
  X,
} from "./wire.ts";

/**
 * Streams in which every single irregularity is harmless and their sum is not: two copies or two answers mixed into one, stretches
 * lost, content in shapes that clients would pass over.
 */

const twice = <T>(each: readonly T[]): T[] => each.flatMap((one) => [one, one]);
const raw = (event: string, data: string): Frame => ({ event, data });
const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
const say = [S(), B(0), D(0, "Hello "), D(0, "world."), E(0), M(), X];
const aside = (strange: Event): Event[] => [S(), B(0), D(0, "Hello "), strange, D(0, "world."), E(0), M(), X];

const refused: [row: string, events: readonly Event[], reason: StreamFaultReason][] = [
  ["each event twice", twice(say), "block_restarted"],
  [
    "two answers, each event in turn",
    [S("a"), S("b"), B(0), B(0), D(0, "a1"), D(0, "b1"), D(0, "a2"), D(0, "b2"), E(0), E(0), M(), M(), X, X],
    "block_restarted",
  ],
  [
    "two answers mixed, the second start after the first block start",
    [S("a"), B(0), S("b"), B(0), D(0, "a1"), D(0, "b1"), E(0), M(), X, E(0), M(), X],
    "content_after_finish",
  ],
  [
    "two answers of other types mixed",
    [S("a"), B(0), S("b"), BThink(0), D(0, "a1"), DThink(0, "b1"), D(0, "a2"), E(0), M(), X, E(0), M(), X],
    "content_after_finish",
  ],
  ["each event twice, the block's start lost", twice(say).toSpliced(2, 2, B(0)), "content_after_finish"],
  [
    "an empty thinking block of one start before the blocks of another",
    [S("a"), BThink(0), E(0), S("b"), BThink(0), DThink(0, "b"), E(0), M(), X],
    "restarted_message",
  ],
  ["the same, released by a ping", [S("a"), BThink(0), S("b"), ping, B(0), D(0, "b"), E(0), M(), X], "restarted_message"],
  [
    "a block again whole at its own index",
    [S(), B(0), D(0, "ab"), D(0, "cd"), E(0), B(0), D(0, "ab"), D(0, "cd"), E(0), M(), X],
    "block_restarted",
  ],
  [
    "a call without an id again whole at its own index",
    [...Array<number>(2)]
      .reduce<Event[]>((events) => [...events, block(0, { type: "tool_use", name: "pay" }), DJson(0, '{"a":1}'), E(0)], [S()])
      .concat([M("tool_use"), X]),
    "block_restarted",
  ],
  [
    "the same start again where blocks have none",
    [S(), D(0, "ab"), S(), D(0, "ab"), D(0, "cd"), E(0), M(), X],
    "restarted_message",
  ],
  [
    "the text in the start and in the pieces",
    [S(), block(0, { type: "text", text: "Hello world." }), D(0, "Hello "), D(0, "world."), E(0), M(), X],
    "cumulative_text",
  ],
  ["content without a block start behind a gap", [S(), D(2, "b"), E(2), M(), X], "delta_without_block"],
  [
    "content without a block start behind a block without an end",
    [S(), B(0), D(0, "a"), D(1, "b"), E(1), M(), X],
    "delta_without_block",
  ],
  ["the end of the first block, and only the second", [S(), E(0), B(1), D(1, "b"), E(1), M(), X], "truncated"],
  ["the end of a last call whose start was lost", [S(), BTool(0), E(0), E(1), M("tool_use"), X], "tool_input_incomplete"],
  ["a delta without a type", aside({ type: "content_block_delta", index: 0, delta: { text: "dear " } }), "malformed_frame"],
  [
    "a delta of an unknown type with text",
    aside({ type: "content_block_delta", index: 0, delta: { type: "textDelta", text: "dear " } }),
    "malformed_frame",
  ],
  [
    "an unknown event with a delta",
    aside({ type: "contentBlockDelta", index: 0, delta: { type: "text_delta", text: "dear " } }),
    "malformed_frame",
  ],
  [
    "an error beside a delta",
    aside({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text: "" },
      error: { type: "overloaded_error" },
    }),
    "upstream_error",
  ],
  [
    "a message start that carries text",
    [{ type: "message_start", message: { content: "Hello " } }, ...say.slice(1)],
    "malformed_frame",
  ],
];

describe("anthropic", () => {
  test.each(refused)("%s is refused", (_row, events, reason) => {
    expect(runEvents(events).error).toMatchObject({ name: "StreamError", reason });
  });

  test("an event line that says content is believed when the data has a type of its own", () => {
    const frames = say.map(frameOf).toSpliced(3, 0, raw("content_block_delta", '{"type":"text_delta","index":0,"text":"dear "}'));
    expect(run("anthropic-messages", frames).error).toMatchObject({ reason: "malformed_frame" });
  });

  const retried: [row: string, events: readonly Event[]][] = [
    ["a start and a block start again, one after the other", [S("a"), B(0), S("b"), ...say.slice(1)]],
    ["29 starts and a stop twice", [...Array<Event>(29).fill(S()), ...say.slice(1, 5), E(0), M(), X]],
    ["a block start that comes behind its block", [S(), D(0, "Hello "), D(0, "world."), E(0), B(0), M(), X]],
    ["another block at the same index", [...say.slice(0, 3), E(0), B(0), D(0, "world."), E(0), M(), X]],
  ];
  test.each(retried)("%s changes nothing", (_row, events) => {
    const { message, error } = runEvents(events);
    expect(error).toBeUndefined();
    expect(message?.text).toBe("Hello world.");
  });

  test("an empty thinking block that is only a late start does not stay", () => {
    const events = [S(), DThink(0, "a"), E(0), BThink(0), B(1), D(1, "b"), E(1), M(), X];
    expect(saidAnthropic(runEvents(events).message?.body)).toMatchObject({ thinking: "a", text: "b" });
    expect(runEvents(events).message?.body["content"]).toHaveLength(2);
  });

  test("the end of a message does not change what the message is", () => {
    const end = { type: "message_delta", delta: { type: "message_delta", role: "user", id: "x", stop_reason: "end_turn" } };
    const { message } = runEvents([...say.slice(0, 5), end, X]);
    expect(message?.body).toMatchObject({ id: "msg_1", type: "message", role: "assistant" });
  });

  test.each([
    [
      "in a tool's input",
      [S(), BTool(0), DJson(0, `{"a":${deep(20_000)}}`), E(0), M("tool_use"), X].map(frameOf),
      "tool_input_incomplete",
    ],
    [
      "in a block start",
      [
        frameOf(S()),
        raw(
          "content_block_start",
          `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{"a":${deep(20_000)}}}}`,
        ),
      ],
      "malformed_frame",
    ],
    [
      "in a message start",
      [raw("message_start", `{"type":"message_start","message":{"id":"a","x":${deep(20_000)}}}`)],
      "malformed_frame",
    ],
  ])("JSON nested 20,000 levels deep %s is a StreamError, not a stack overflow", (_row, frames, reason) => {
    expect(run("anthropic-messages", frames).error).toMatchObject({ name: "StreamError", reason });
  });

  test("the same in a whole answer", () => {
    const input: unknown = JSON.parse(`{"a":${deep(20_000)}}`);
    const body = { id: "a", content: [{ type: "tool_use", id: "t", name: "n", input }], stop_reason: "tool_use" };
    expect(() => checkMessage("anthropic-messages", body)).toThrow(expect.objectContaining({ name: "StreamError" }));
  });
});

test("anthropic: the number of blocks has a limit", () => {
  const blocks = Array.from({ length: 10_001 }, (_, index) => [B(index), D(index, "a"), E(index)]).flat();
  expect(runEvents([S(), ...blocks, M(), X]).error).toMatchObject({ reason: "lane_overflow" });
  expect(runEvents([S(), ...blocks.slice(3 * 9001), M(), X]).error).toBeUndefined();
});

const open = chunk("c", [choice({ role: "assistant", content: "" })]);
const text = (content: string): ReturnType<typeof chunk> => chunk("c", [choice({ content })]);
const finish = chunk("c", [choice({}, "stop")]);
const done = "[DONE]";
const data = (each: unknown): Frame => ({ event: undefined, data: each === done ? done : JSON.stringify(each) });
const odd = (value: Record<string, unknown>): unknown[] => [
  open,
  text("a"),
  { ...chunk("c", []), choices: [{ index: 0, finish_reason: null, ...value }] },
  finish,
  done,
];

describe("openai", () => {
  const rows: [row: string, chunks: readonly unknown[], reason: StreamFaultReason][] = [
    ["each chunk twice", twice([open, text("Hello "), text("world."), finish, done]), "restarted_message"],
    ["two answers mixed", [open, open, text("a1"), text("b1"), finish, done, text("a2"), finish, done], "content_after_finish"],
    [
      "two answers mixed, one of them at its end",
      [open, open, text("a1"), text("b1"), finish, done, done],
      "content_after_finish",
    ],
    [
      "an answer without ids behind one with ids",
      [open, text("a"), text("b"), ...[text("c"), finish].map(({ id: _id, ...rest }) => rest), done],
      "spliced_message",
    ],
    ["a delta that is text", odd({ delta: "lost" }), "malformed_frame"],
    ["a delta that is null beside a message", odd({ delta: null, message: { content: "lost" } }), "unexpected_body"],
    ["tool calls that are no list", odd({ delta: { tool_calls: { id: "x", function: { name: "f" } } } }), "malformed_frame"],
    ["a function call that is text", odd({ delta: { function_call: "f" } }), "malformed_frame"],
    ["the text of the older API", odd({ text: "lost" }), "malformed_frame"],
  ];
  test.each(rows)("%s is refused", (_row, chunks, reason) => {
    expect(run("openai-completions", chunks.map(data)).error).toMatchObject({ name: "StreamError", reason });
  });

  test("two openings and two finishes are harmless each", () => {
    expect(run("openai-completions", [open, open, text("a"), finish, done].map(data)).message?.text).toBe("a");
    expect(run("openai-completions", [open, text("a"), finish, finish, done].map(data)).message?.text).toBe("a");
  });

  test("deep JSON beside the content is a StreamError", () => {
    const frame = { event: undefined, data: JSON.stringify(text("a")).replace('"content"', `"x":${deep(20_000)},"content"`) };
    expect(run("openai-completions", [frame]).error).toMatchObject({ reason: "malformed_frame" });
  });

  test("lists beside the content are joined in linear time", () => {
    const many = 60_000;
    const each = data(chunk("c", [choice({ content: "a", reasoning_details: [{ text: "x" }] })]));
    const spread = performance.now();
    const outcome = run("openai-completions", [data(open), ...Array<Frame>(many).fill(each), data(finish), data(done)]);
    expect(outcome.message?.body["choices"]).toMatchObject([{ message: { reasoning_details: { length: many } } }]);
    // Copied anew for every chunk it took some 20 s.
    expect(performance.now() - spread).toBeLessThan(8_000);
  });

  test("a call whose id and name come with every fragment is read in linear time", () => {
    const piece = (args: string): Frame =>
      data(
        chunk("c", [choice({ tool_calls: [{ index: 0, id: "t", type: "function", function: { name: "f", arguments: args } }] })]),
      );
    const before = performance.now();
    const pieces = Array<Frame>(60_000).fill(piece("0123456789ab"));
    const outcome = run("openai-completions", [
      data(open),
      piece('{"a":"'),
      ...pieces,
      piece('"}'),
      data(chunk("c", [choice({}, "tool_calls")])),
      data(done),
    ]);
    expect(outcome.error).toBeUndefined();
    expect(outcome.message?.toolCalls).toBe(1);
    // Parsed anew with every fragment it took minutes.
    expect(performance.now() - before).toBeLessThan(8_000);
  });

  test("what comes after the finish reason is held up to a limit", () => {
    const large = data({ ...chunk("c", []), note: "x".repeat(1024 * 1024) });
    const outcome = run("openai-completions", [data(open), data(text("a")), data(finish), ...Array<Frame>(17).fill(large)]);
    expect(outcome.error).toMatchObject({ reason: "lane_overflow" });
  });
});
