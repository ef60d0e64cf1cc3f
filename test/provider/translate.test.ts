import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import type { Dialect, JsonObject, ProvenAnswer } from "../../src/provider/provider.ts";
import { createStreamReader } from "../../src/provider/sse.ts";
import { translateAnswer, translateRequest } from "../../src/provider/translate.ts";
import { checkMessage, messageToEvents } from "../../src/stream/message.ts";

const anthropic = "anthropic-messages" satisfies Dialect;
const openai = "openai-completions" satisfies Dialect;

/** Requests of exactly what is carried. */
const carried = fc.record(
  {
    model: fc.string({ minLength: 1 }),
    stream: fc.boolean(),
    system: fc.string({ minLength: 1 }),
    messages: fc.array(fc.record({ role: fc.constantFrom("user", "assistant"), content: fc.string() }), { minLength: 1 }),
    max_tokens: fc.integer({ min: 1, max: 1_000_000 }),
    temperature: fc.double({ min: 0, max: 1, noNaN: true }),
    top_p: fc.double({ min: 0, max: 1, noNaN: true }),
    stop_sequences: fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: ["messages", "max_tokens", "model"] },
);

/** Whether the outcome is one of the two that are allowed. */
function carriedOrRefused(from: Dialect, body: JsonObject): boolean {
  try {
    return Array.isArray(translateRequest(from, from === anthropic ? openai : anthropic, body)["messages"]);
  } catch (error) {
    return error instanceof ProviderError && error.code === "not_translatable";
  }
}

describe("translateRequest", () => {
  it("carries there and back without loss", () => {
    fc.assert(
      fc.property(carried, (body) => {
        const there = translateRequest(anthropic, openai, body);
        expect(translateRequest(openai, anthropic, there)).toEqual({ ...body });
        expect(translateRequest(anthropic, openai, translateRequest(openai, anthropic, there))).toEqual(there);
      }),
    );
  });

  it("puts each thing where the other dialect has it", () => {
    const body = {
      model: "m",
      stream: true,
      system: [
        { type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } },
        { type: "text", text: " Be kind." },
      ],
      max_tokens: 9,
      temperature: 0.5,
      stop_sequences: ["END"],
      tools: [],
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
        { role: "assistant", content: "c" },
      ],
    };
    expect(translateRequest(anthropic, openai, body)).toEqual({
      model: "m",
      stream: true,
      max_tokens: 9,
      temperature: 0.5,
      stop: ["END"],
      messages: [
        { role: "system", content: "Be brief. Be kind." },
        { role: "user", content: "ab" },
        { role: "assistant", content: "c" },
      ],
    });
    const chat = {
      model: "m",
      max_completion_tokens: 9,
      stop: "END",
      n: 1,
      stream_options: { include_usage: true },
      messages: [
        { role: "developer", content: "x" },
        { role: "system", content: "y" },
        { role: "user", content: [{ type: "text", text: "z" }] },
      ],
    };
    expect(translateRequest(openai, anthropic, chat)).toEqual({
      model: "m",
      max_tokens: 9,
      stop_sequences: ["END"],
      system: "x\n\ny",
      messages: [{ role: "user", content: "z" }],
    });
    expect(translateRequest(openai, anthropic, { messages: [{ role: "user", content: "z" }] })).toMatchObject({
      max_tokens: 8_192,
    });
  });

  it("hands a body of the same dialect on as it is", () => {
    const body = { anything: [{ goes: true }] };
    expect(translateRequest(anthropic, anthropic, body)).toBe(body);
    expect(translateRequest(openai, openai, body)).toBe(body);
  });

  const user = [{ role: "user", content: "hi" }];
  it.each<[Dialect, JsonObject, string]>([
    [anthropic, { messages: user, tools: [{ name: "t" }] }, "tools"],
    [anthropic, { messages: user, thinking: { type: "enabled" } }, "thinking"],
    [anthropic, { messages: user, tool_choice: { type: "some" } }, 'tool_choice of type "some"'],
    [anthropic, { messages: user, tools: [{ type: "web_search_20250305", name: "w" }] }, "tools[0] of type"],
    [anthropic, { messages: user, tools: [{ name: "n".repeat(65), input_schema: {} }] }, "tools[0].name of 65 characters"],
    [anthropic, { messages: user, stop_sequences: ["1", "2", "3", "4", "5"] }, "stop_sequences (5"],
    [anthropic, { messages: user, top_k: 3 }, "top_k"],
    [anthropic, { messages: user, output_config: { format: { type: "xml" } } }, "output_config.format"],
    [anthropic, { messages: user, something_new: 1 }, "something_new"],
    [
      anthropic,
      { messages: [{ role: "user", content: [{ type: "image", source: {} }] }] },
      'messages[0].content[0] of type "image"',
    ],
    [
      anthropic,
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "x" },
              { type: "tool_result", tool_use_id: "t" },
            ],
          },
        ],
      },
      'messages[0].content[1] of type "tool_result" behind other content',
    ],
    [
      anthropic,
      { messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t" }, { type: "document" }] }] },
      'messages[0].content[1] of type "document"',
    ],
    [anthropic, { messages: [{ role: "assistant", content: [{ type: "tool_use", id: "x" }] }] }, 'of type "tool_use"'],
    [
      anthropic,
      { messages: [{ role: "user", content: [{ type: "text", text: "x", citations: [1] }] }] },
      "messages[0].content[0].citations",
    ],
    [anthropic, { messages: [{ role: "system", content: "x" }] }, 'messages[0].role "system"'],
    [anthropic, { messages: user, system: [{ type: "image" }] }, 'system[0] of type "image"'],
    [anthropic, { messages: "x" }, "messages (not a list)"],
    [anthropic, {}, "messages (not a list)"],
    [anthropic, { messages: [null] }, "messages[0] (not an object)"],
    [openai, { messages: user, n: 2 }, "n: 2"],
    [openai, { messages: user, response_format: { type: "json_object" } }, "response_format"],
    [openai, { messages: user, temperature: 1.5 }, "temperature 1.5"],
    [openai, { messages: [{ role: "tool", content: "x" }] }, "messages[0].tool_call_id"],
    [openai, { messages: user, temperature: 0.2, reasoning_effort: "low" }, "temperature 0.2 beside reasoning_effort"],
    [openai, { messages: user, reasoning_effort: "heroic" }, "reasoning_effort"],
    [openai, { messages: user, tools: [{ type: "custom", custom: {} }] }, 'tools[0] of type "custom"'],
    [openai, { messages: user, tool_choice: { type: "allowed_tools" } }, 'tool_choice of type "allowed_tools"'],
    [
      openai,
      { messages: [{ role: "assistant", tool_calls: [{ id: "t", function: { name: "f", arguments: "[1]" } }] }] },
      "messages[0].tool_calls[0].function.arguments (not a JSON object)",
    ],
    [
      openai,
      {
        messages: [
          { role: "assistant", tool_calls: [{ id: "t", function: { name: "f", arguments: '{"order":9007199254740993}' } }] },
        ],
      },
      "a number that JavaScript cannot hold exactly",
    ],
    [
      openai,
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/tiff;base64,AA" } }] }] },
      "of type image/tiff",
    ],
    [
      openai,
      { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }] },
      'messages[0].content[0] of type "input_audio"',
    ],
    [openai, { messages: [{ role: "user", content: "x", name: "Ann" }] }, "messages[0].name"],
    [openai, { messages: [{ role: "assistant", content: null }] }, "messages[0].content (no text)"],
    [openai, { messages: [...user, { role: "system", content: "late" }] }, "a system message after the conversation has begun"],
    [openai, { messages: [{ role: "assistant", content: "x", tool_calls: [{ id: "t" }] }] }, "messages[0].tool_calls"],
  ])("from %s refuses %j by name", (from, body, named) => {
    let error: unknown;
    try {
      translateRequest(from, from === anthropic ? openai : anthropic, body);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({
      fault: "bad_request",
      code: "not_translatable",
      message: expect.stringContaining(named),
    });
  });

  it("either carries every text of a request or refuses it, whatever it holds", () => {
    const anyMessage = fc.oneof(
      fc.record({
        role: fc.constantFrom("user", "assistant", "system"),
        content: fc.oneof(
          fc.string(),
          fc.constant(null),
          fc.array(fc.oneof(fc.record({ type: fc.constant("text"), text: fc.string() }), fc.jsonValue())),
        ),
      }),
      fc.jsonValue(),
    );
    const body = fc.dictionary(
      fc.constantFrom("messages", "system", "tools", "stop", "x"),
      fc.oneof(fc.array(anyMessage), fc.jsonValue()),
    );
    fc.assert(
      fc.property(body, fc.constantFrom<Dialect>(anthropic, openai), (request, from) => {
        expect(carriedOrRefused(from, request)).toBe(true);
      }),
    );
  });
});

function proven(dialect: Dialect, message: JsonObject): ProvenAnswer {
  const checked = checkMessage(dialect, message);
  return {
    dialect,
    message: checked.body,
    sse: () => messageToEvents(dialect, message),
    model: checked.model,
    stopReason: checked.stopReason,
    text: checked.text,
    toolCalls: checked.toolCalls,
    usage: checked.usage,
    repairs: [],
    requestId: "req_1",
    firstByteMs: 3,
    changes: [],
  };
}

const message = (more: JsonObject = {}): JsonObject => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude",
  content: [{ type: "text", text: "All is well." }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 4, cache_read_input_tokens: 6 },
  ...more,
});
const chat = (said: JsonObject = {}, finish = "stop"): JsonObject => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 5,
  model: "gpt",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "All is well.", refusal: null, ...said },
      finish_reason: finish,
      logprobs: null,
    },
  ],
  usage: { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 },
});

const choiceOf = (body: JsonObject): JsonObject => (body["choices"] as JsonObject[])[0] ?? {};
const usage = (answer: ProvenAnswer): unknown => answer.message["usage"];

describe("translateAnswer", () => {
  const texts = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => text.trim() !== "");

  it("carries text, stop reason, usage and model there and back, as message and as stream", () => {
    fc.assert(
      fc.property(texts, fc.constantFrom("end_turn", "max_tokens"), fc.nat(1e6), fc.nat(1e6), (text, stop, input, output) => {
        const answer = proven(
          anthropic,
          message({
            content: [{ type: "text", text }],
            stop_reason: stop,
            usage: { input_tokens: input, output_tokens: output },
          }),
        );
        const there = translateAnswer(answer, openai);
        for (const [dialect, one] of [
          [openai, there],
          [anthropic, translateAnswer(there, anthropic)],
        ] as const) {
          expect(checkMessage(dialect, one.message)).toMatchObject({ text, stopReason: stop, model: "claude", toolCalls: 0 });
          const reader = createStreamReader(dialect);
          reader.push(Buffer.from(one.sse()));
          if (!reader.done) reader.end("eof");
          expect(reader.repairs).toEqual([]);
          expect(reader.message()).toMatchObject({
            text,
            stopReason: stop,
            model: "claude",
            usage: { inputTokens: input, outputTokens: output },
          });
        }
      }),
      { numRuns: 60 },
    );
  });

  it("counts cached tokens as the other dialect does", () => {
    expect(usage(translateAnswer(proven(anthropic, message()), openai))).toEqual({
      prompt_tokens: 16,
      completion_tokens: 4,
      total_tokens: 20,
      prompt_tokens_details: { cached_tokens: 6 },
    });
    const cached = { ...chat(), usage: { prompt_tokens: 16, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 6 } } };
    expect(usage(translateAnswer(proven(openai, cached), anthropic))).toEqual({
      input_tokens: 10,
      output_tokens: 4,
      cache_read_input_tokens: 6,
    });
  });

  it("carries an answer without text that nothing is missing from", () => {
    for (const finish of ["stop", "length", "content_filter"]) {
      const empty = { ...chat({ content: "" }, finish), usage: { prompt_tokens: 1, completion_tokens: 4 } };
      expect(translateAnswer(proven(openai, empty), anthropic).sse()).toContain("message_stop");
    }
  });

  it("hands an answer of the same dialect on as it is, and keeps everything about the try", () => {
    const answer = proven(openai, chat());
    expect(translateAnswer(answer, openai)).toBe(answer);
    expect(translateAnswer(answer, anthropic)).toMatchObject({
      dialect: anthropic,
      requestId: "req_1",
      firstByteMs: 3,
      model: "gpt",
      text: "All is well.",
    });
  });

  it("refuses what would be lost", () => {
    const refused: readonly (readonly [Dialect, JsonObject, string])[] = [
      [
        anthropic,
        message({
          content: [
            { type: "server_tool_use", id: "s", name: "web_search", input: {} },
            { type: "text", text: "x" },
          ],
        }),
        'a block of type "server_tool_use"',
      ],
      [anthropic, message({ stop_reason: "pause_turn" }), "the stop reason pause_turn"],
      [openai, chat({ content: "x", audio: { id: "a", data: "AAAA" } }), "audio"],
      [openai, { ...chat(), choices: [0, 1].map((index) => ({ ...choiceOf(chat()), index })) }, "2 answers in one"],
      [
        openai,
        { ...chat({ content: "" }, "content_filter"), usage: { prompt_tokens: 1, completion_tokens: 40 } },
        "no text, though 40 tokens were counted",
      ],
    ];
    for (const [from, body, named] of refused) {
      expect(() => translateAnswer(proven(from, body), from === anthropic ? openai : anthropic)).toThrow(named);
    }
  });
});
