import { describe, expect, it } from "vitest";
import { AnswerError } from "../../src/turn/answer.ts";
import { speeches } from "../../src/turn/conversation.ts";

const anthropic = speeches["anthropic-messages"];
const openai = speeches["openai-completions"];

const use = (id: string, input: unknown = { a: 1 }) => ({ type: "tool_use", id, name: "t", input });
const completion = (message: object) => ({ choices: [{ index: 0, finish_reason: "tool_calls", message }] });
const asked = (id: string, args: unknown) => ({ id, type: "function", function: { name: "t", arguments: args } });

describe("what the model said goes back as it came", () => {
  it("with thinking, signatures and blocks nobody here knows", () => {
    const content = [
      { type: "thinking", thinking: "…", signature: "c2ln" },
      { type: "redacted_thinking", data: "x" },
      { type: "text", text: "I look." },
      use("a"),
      { type: "something_new", field: 1 },
    ];
    expect(anthropic.said({ content })).toEqual({
      message: { role: "assistant", content },
      calls: [{ id: "a", name: "t", input: { a: 1 } }],
    });
  });

  it("with reasoning, and without the fields that say nothing", () => {
    const tool_calls = [asked("a", '{"a":1}'), asked("b", "")];
    const message = { role: "assistant", content: null, refusal: null, audio: null, reasoning_content: "…", tool_calls };
    expect(openai.said(completion(message))).toEqual({
      message: { role: "assistant", content: null, reasoning_content: "…", tool_calls },
      calls: [
        { id: "a", name: "t", input: { a: 1 } },
        { id: "b", name: "t", input: {} },
      ],
    });
  });
});

it.each([
  ["a list", use("a", [1])],
  ["a text", use("a", "x")],
  ["nothing", use("a", null)],
])("an input that is %s is no input", (_name, block) => {
  expect(anthropic.said({ content: [block] }).calls[0]?.input).toBeUndefined();
});

it.each([['{"a":'], ["[1]"], ["null"], [7]])("arguments %j are no input", (args) => {
  expect(openai.said(completion({ tool_calls: [asked("a", args)] })).calls[0]?.input).toBeUndefined();
});

it("two calls of one id, or one without, are no answer", () => {
  expect(() => anthropic.said({ content: [use("a"), use("a")] })).toThrow(AnswerError);
  expect(() => openai.said(completion({ tool_calls: [asked("a", "{}"), asked("a", "{}")] }))).toThrow(AnswerError);
  expect(() => openai.said(completion({ tool_calls: [{ function: { name: "t", arguments: "{}" } }] }))).toThrow(AnswerError);
  expect(() => openai.said(completion({ tool_calls: "x" }))).toThrow(AnswerError);
  expect(() => anthropic.said({})).toThrow(AnswerError);
  expect(() => openai.said({ choices: [] })).toThrow(AnswerError);
});

describe("what the tools gave", () => {
  const call = { id: "a", name: "t", input: {} };
  const picture = { type: "image", mediaType: "image/png", data: "AAAA" } as const;
  const answers = [
    { call, outcome: { status: "succeeded", content: [{ type: "text", text: "seen" }, picture] } },
    { call: { ...call, id: "b" }, outcome: { status: "failed", content: [{ type: "text", text: "" }] } },
  ] as const;

  it("is one message with a result for each call, in Anthropic's form", () => {
    expect(anthropic.results(answers)).toEqual([
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "a",
            content: [
              { type: "text", text: "seen" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
            ],
          },
          { type: "tool_result", tool_use_id: "b", content: [{ type: "text", text: "(nothing)" }], is_error: true },
        ],
      },
    ]);
  });

  it("is a message for each call in OpenAI's form, and the pictures follow", () => {
    expect(openai.results(answers)).toEqual([
      { role: "tool", tool_call_id: "a", content: "seen" },
      { role: "tool", tool_call_id: "b", content: "Error: (nothing)" },
      {
        role: "user",
        content: [
          { type: "text", text: "The pictures that the tools above gave:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
        ],
      },
    ]);
  });
});
