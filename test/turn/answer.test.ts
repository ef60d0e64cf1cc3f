import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnswerError, cutAt, judge, type Answer, type AnswerReader } from "../../src/turn/answer.ts";
import { anthropicReader, readAnthropicMessage } from "../../src/turn/answer-anthropic.ts";
import { openAiReader, readOpenAiCompletion } from "../../src/turn/answer-openai.ts";
import { turnRequest } from "../../src/turn/request.ts";

interface Sent {
  readonly event?: string;
  readonly data: unknown;
}

function anthropicStream(pieces: readonly string[], stopReason = "end_turn"): Sent[] {
  const events = [
    { type: "message_start", message: { id: "msg_1", type: "message", role: "assistant", model: "m-1", content: [] } },
    { type: "ping" },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    ...pieces.map((text) => ({ type: "content_block_delta", index: 1, delta: { type: "text_delta", text } })),
    { type: "content_block_stop", index: 1 },
    { type: "message_delta", delta: { stop_reason: stopReason, stop_sequence: null }, usage: { output_tokens: 5 } },
    { type: "message_stop" },
  ];
  return events.map((data) => ({ event: data.type, data }));
}

function chunk(delta: unknown, finish_reason: string | null) {
  return { id: "c1", object: "chat.completion.chunk", model: "m-1", choices: [{ index: 0, delta, finish_reason }] };
}

function openAiStream(pieces: readonly string[], finish = "stop"): Sent[] {
  return [
    { data: chunk({ role: "assistant", content: "" }, null) },
    ...pieces.map((content) => ({ data: chunk({ content }, null) })),
    { data: chunk({}, finish) },
    { data: { id: "c1", object: "chat.completion.chunk", model: "m-1", choices: [], usage: { total_tokens: 3 } } },
    { data: "[DONE]" },
  ];
}

function read(reader: AnswerReader, sent: readonly Sent[]): Answer {
  for (const { event, data } of sent) reader.push(event, typeof data === "string" ? data : JSON.stringify(data));
  return reader.end();
}

function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AnswerError) return error.fault;
    throw error;
  }
  return "none";
}

const dialects = [
  { name: "anthropic-messages", stream: anthropicStream, reader: anthropicReader },
  { name: "openai-completions", stream: openAiStream, reader: openAiReader },
];

describe.each(dialects)("a stream of $name", ({ stream, reader }) => {
  it("is the joined text with its stop reason and model", () => {
    expect(read(reader(), stream(["Hel", "lo", " 🌍"]))).toEqual({
      text: "Hello 🌍",
      stopReason: "end_turn",
      model: "m-1",
      toolCalls: 0,
    });
  });

  it("cut off anywhere is no answer", () => {
    const whole = stream(["a", "b"]);
    for (let end = 0; end < whole.length; end += 1)
      expect(faultOf(() => read(reader(), whole.slice(0, end)))).toBe("stream_broken");
  });

  it("with an event doubled, lost or moved is the same answer or none, never another (property)", () => {
    const pieces = ["one ", "two ", "three "];
    const whole = stream(pieces);
    // A text delta lost, doubled or moved cannot be told from another text; the gateway proves those. Here: the frame around them.
    const isText = (sent: Sent): boolean => pieces.some((piece) => JSON.stringify(sent.data).includes(piece));
    const frame = whole.flatMap((sent, i) => (isText(sent) ? [] : [i]));
    const change = fc.record({
      at: fc.constantFrom(...frame),
      to: fc.nat(whole.length),
      how: fc.constantFrom("lose", "double", "move"),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const sent = [...whole];
        for (const { at, to, how } of changes) {
          const one = whole[at];
          const now = one === undefined ? -1 : sent.indexOf(one);
          if (one === undefined || now === -1) continue;
          if (how !== "double") sent.splice(now, 1);
          if (how !== "lose") sent.splice(Math.min(to, sent.length), 0, one);
        }
        const texts: string[] = [];
        const fault = faultOf(() => texts.push(read(reader(), sent).text));
        expect(texts).toEqual(fault === "none" ? ["one two three "] : []);
      }),
      { numRuns: 500 },
    );
  });

  it("that carries an error is that error", () => {
    const whole = stream(["a"]);
    const error = {
      event: "error",
      data: { type: "error", error: { type: "overloaded_error", fault: "overloaded", message: "try later" } },
    };
    expect(faultOf(() => read(reader(), [...whole.slice(0, 2), error, ...whole.slice(2)]))).toBe("overloaded");
    expect(
      faultOf(() => read(reader(), [{ event: "error", data: { type: "error", error: { type: "api_error", message: "x" } } }])),
    ).toBe("unknown");
  });

  it("with something that is not JSON is broken", () => {
    expect(faultOf(() => read(reader(), [...stream(["a"]).slice(0, 3), { data: "{not json" }]))).toBe("stream_broken");
  });
});

describe("irregular streams are refused by their place", () => {
  const start = anthropicStream([]).slice(0, 1);
  const cases: [string, Sent[]][] = [
    ["a second message_start", [...start, ...start]],
    [
      "a block before the start",
      [{ data: { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } }],
    ],
    [
      "a delta to no block",
      [...start, { data: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "x" } } }],
    ],
    ["a stop of no block", [...start, { data: { type: "content_block_stop", index: 0 } }]],
    [
      "text in a thinking block",
      [
        ...anthropicStream([]).slice(0, 3),
        { data: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "x" } } },
      ],
    ],
    ["an end without a stop reason", [...start, { data: { type: "message_stop" } }]],
    [
      "an end with an open block",
      [...anthropicStream([]).slice(0, 3), { data: { type: "message_delta", delta: { stop_reason: "end_turn" } } }],
    ],
    ["something after the end", [...anthropicStream([]), { data: { type: "message_stop" } }]],
    ["an event under another's name", [...start, { event: "message_stop", data: { type: "content_block_stop", index: 0 } }]],
  ];
  it.each(cases)("%s", (_name, sent) => {
    expect(faultOf(() => read(anthropicReader(), sent))).toBe("stream_order");
  });

  it("chunks of two answers", () => {
    const [first, ...rest] = openAiStream(["a"]);
    const other = { data: { id: "c2", model: "m-1", choices: [{ index: 0, delta: { content: "b" }, finish_reason: null }] } };
    expect(faultOf(() => read(openAiReader(), [first ?? other, other, ...rest]))).toBe("stream_order");
  });

  it("a second choice", () => {
    const second = { data: { id: "c1", model: "m-1", choices: [{ index: 1, delta: { content: "b" }, finish_reason: null }] } };
    expect(faultOf(() => read(openAiReader(), [...openAiStream(["a"]).slice(0, 1), second]))).toBe("stream_order");
  });
});

describe("whole messages", () => {
  it("are read in both dialects", () => {
    const message = {
      type: "message",
      model: "m",
      stop_reason: "stop_sequence",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ],
    };
    expect(readAnthropicMessage(message)).toEqual({ text: "ab", stopReason: "stop_sequence", model: "m", toolCalls: 0 });
    const completion = {
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: "ab" }, finish_reason: "stop" }],
    };
    expect(readOpenAiCompletion(completion)).toEqual({ text: "ab", stopReason: "end_turn", model: "m", toolCalls: 0 });
  });

  it("of another shape are broken", () => {
    const bad: unknown[] = [
      null,
      [],
      "text",
      {},
      { type: "message" },
      { type: "message", content: [{ type: "text" }], stop_reason: "end_turn", model: "m" },
      { type: "message", content: [], model: "m", stop_reason: null },
    ];
    for (const body of bad) expect(faultOf(() => readAnthropicMessage(body))).toBe("stream_broken");
    const badCompletions: unknown[] = [
      null,
      {},
      { choices: [] },
      { choices: [{}, {}] },
      { model: "m", choices: [{ message: { content: 7 }, finish_reason: "stop" }] },
      { model: "m", choices: [{ message: { content: "x" }, finish_reason: null }] },
    ];
    for (const body of badCompletions) expect(faultOf(() => readOpenAiCompletion(body))).toBe("stream_broken");
  });
});

it("what is kept of an answer that is too long is cut between characters", () => {
  expect(["aéé", "éaé", "ab", "€"].map((text) => cutAt(text, { outputBytes: 2 }))).toEqual(["a", "é", "ab", ""]);
});

describe("what counts as answered", () => {
  const limits = { outputBytes: 10 };
  const answer = { text: "fine", stopReason: "end_turn", model: "m", toolCalls: 0 };
  it.each([
    ["end_turn", { ...answer }, undefined],
    ["stop_sequence", { ...answer, stopReason: "stop_sequence" }, undefined],
    ["max_tokens", { ...answer, stopReason: "max_tokens" }, "output_truncated"],
    ["a full context", { ...answer, stopReason: "model_context_window_exceeded" }, "output_truncated"],
    ["refusal", { ...answer, stopReason: "refusal" }, "content_policy"],
    ["tool_use", { ...answer, stopReason: "tool_use" }, "bad_request"],
    ["a tool call that ends as if nothing were", { ...answer, toolCalls: 1 }, "bad_request"],
    ["pause_turn", { ...answer, stopReason: "pause_turn" }, "bad_request"],
    ["a reason nobody knows", { ...answer, stopReason: "because" }, "bad_request"],
    ["no text", { ...answer, text: "" }, "empty"],
    ["white space", { ...answer, text: " \n\t" }, "empty"],
    ["exactly the limit, in bytes", { ...answer, text: "ééééé" }, undefined],
    ["more than the limit, in bytes", { ...answer, text: "éééééx" }, "budget"],
  ])("%s", (_name, given, fault) => {
    const { text, stopReason } = given;
    const expected = fault === undefined ? { status: "answered", text, stopReason, model: "m" } : { status: "failed", fault };
    expect(judge(given, limits, 100)).toMatchObject({ ...expected, toolRuns: 0 });
  });

  it.each([
    ["length", "max_tokens"],
    ["content_filter", "refusal"],
    ["tool_calls", "tool_use"],
    ["constructor", "constructor"],
  ])("finish reason %s is %s", (finish, stopReason) => {
    expect(read(openAiReader(), openAiStream(["a"], finish)).stopReason).toBe(stopReason);
  });

  it("a refusal that ends with stop is a refusal", () => {
    const message = { content: null, refusal: "I will not" };
    expect(readOpenAiCompletion({ model: "m", choices: [{ message, finish_reason: "stop" }] }).stopReason).toBe("refusal");
  });
});

it("a request says what the spec says, and no more", () => {
  const spec = { model: "p/m", maxTokens: 7, system: "be brief", message: "hi", stream: true };
  expect(turnRequest("anthropic-messages", spec)).toEqual({
    model: "p/m",
    max_tokens: 7,
    system: "be brief",
    messages: [{ role: "user", content: "hi" }],
    stream: true,
  });
  expect(turnRequest("anthropic-messages", { ...spec, system: "" })).not.toHaveProperty("system");
  expect(turnRequest("openai-completions", spec)["messages"]).toEqual([
    { role: "system", content: "be brief" },
    { role: "user", content: "hi" },
  ]);
  expect(turnRequest("openai-completions", { ...spec, system: "" })["messages"]).toEqual([{ role: "user", content: "hi" }]);
});
