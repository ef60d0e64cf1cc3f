import Anthropic from "@anthropic-ai/sdk";
import * as fc from "fast-check";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import type { Dialect, JsonObject, ProvenAnswer } from "../../src/provider/provider.ts";
import { anthropicMessages } from "../../src/provider/anthropic-messages.ts";
import { openaiCompletions } from "../../src/provider/openai-completions.ts";
import { translateAnswer, translateRequest } from "../../src/provider/translate.ts";
import { checkMessage, messageToEvents } from "../../src/stream/message.ts";

const anthropic = "anthropic-messages" satisfies Dialect;
const openai = "openai-completions" satisfies Dialect;
const numRuns = Number(process.env["PROPERTY_RUNS"] ?? 300);

const object = fc.dictionary(
  fc.string({ maxLength: 6 }).filter((key) => key !== "__proto__"),
  fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string())),
  {
    maxKeys: 4,
  },
);
const plain = fc.string({ minLength: 1, unit: "grapheme" });
/** Texts that look like our own marks, among others. */
const text = fc.oneof(
  { weight: 5, arbitrary: plain },
  fc
    .constantFrom(
      "[the tool failed]\n",
      "[as written]\n",
      "[as written]\n[the tool failed]\nx",
      "[the tool failed]\n[as written]\n",
    )
    .chain((mark) => fc.string().map((rest) => mark + rest)),
);
const image = fc.oneof(
  fc.record({ type: fc.constant("image"), source: fc.record({ type: fc.constant("url"), url: fc.webUrl() }) }),
  fc.base64String({ minLength: 4 }).map((data) => ({ type: "image", source: { type: "base64", media_type: "image/png", data } })),
);
const anthropicId = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9_-]{1,40}$/),
  fc.stringMatching(/^[a-zA-Z0-9_-]{41,90}$/),
  fc.stringMatching(/^tr-[a-zA-Z0-9_-]{0,12}$/),
  fc.stringMatching(/^trh-[a-zA-Z0-9_-]{36}$/),
);
const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/);

/** Blocks in the only form that a list of a model's blocks has: no two texts side by side, none of them empty. */
const separate = <T extends JsonObject>(blocks: readonly T[]): T[] =>
  blocks.filter((block, at) => block["type"] !== "text" || blocks[at - 1]?.["type"] !== "text");
const textBlock = text.map((words) => ({ type: "text", text: words }));
const thinking: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.record({ type: fc.constant("thinking"), thinking: fc.string(), signature: fc.base64String() }),
  fc.record({ type: fc.constant("redacted_thinking"), data: fc.base64String({ minLength: 4 }) }),
);
const call: fc.Arbitrary<JsonObject> = fc.record({ type: fc.constant("tool_use"), id: anthropicId, name, input: object });
const assistantBlocks = fc
  .array(fc.oneof(textBlock as fc.Arbitrary<JsonObject>, thinking, call), { minLength: 1, maxLength: 7 })
  .map((blocks) =>
    blocks.filter((block, at) => block["type"] !== "tool_use" || blocks.findIndex((other) => other["id"] === block["id"]) === at),
  )
  // Last, because a call that is taken out may leave two texts side by side.
  .map(separate);
const single = (blocks: readonly JsonObject[]): unknown =>
  blocks.length === 1 && blocks[0]?.["type"] === "text" ? blocks[0]["text"] : blocks;
const pictures = fc
  .array(fc.oneof(plain.map((words) => ({ type: "text", text: words })) as fc.Arbitrary<JsonObject>, image), {
    minLength: 1,
    maxLength: 4,
  })
  .map(separate);
const resultContent = fc.oneof(
  fc.constant(""),
  text,
  pictures.filter((blocks) => blocks.some((block) => block["type"] === "image")),
);

/** A question, then what the model said, then the results of its calls with or without further words, and so on. */
const conversation = fc
  .array(
    fc.tuple(
      assistantBlocks,
      fc.array(fc.tuple(resultContent, fc.boolean()), { minLength: 7, maxLength: 7 }),
      fc.option(pictures),
    ),
    { maxLength: 4 },
  )
  .chain((turns) =>
    pictures.map((first) => [
      { role: "user", content: single(first) },
      ...turns.flatMap(([blocks, results, more]) => {
        const ids = blocks.filter((block) => block["type"] === "tool_use").map((block) => block["id"]);
        const answers = ids.map((id, at) => ({
          type: "tool_result",
          tool_use_id: id,
          content: results[at]?.[0],
          ...(results[at]?.[1] === true ? { is_error: true } : {}),
        }));
        const next = [...answers, ...(more ?? (answers.length > 0 ? [] : [{ type: "text", text: "go on" }]))];
        return [
          { role: "assistant", content: single(blocks) },
          { role: "user", content: answers.length > 0 ? next : single(next) },
        ];
      }),
    ]),
  );

const tools = fc.uniqueArray(
  fc.record({
    name,
    description: fc.string({ minLength: 1 }),
    input_schema: object.map((properties) => ({ type: "object", properties })),
  }),
  {
    selector: (tool) => tool.name,
    minLength: 1,
    maxLength: 3,
  },
);
const choice = fc.oneof(
  fc.record({ type: fc.constantFrom("auto", "any"), disable_parallel_tool_use: fc.constant(true) }, { requiredKeys: ["type"] }),
  fc.constant({ type: "none" }),
  fc.record({ type: fc.constant("tool"), name }),
);
const request = fc.record(
  {
    model: fc.string({ minLength: 1 }),
    stream: fc.boolean(),
    system: fc.string({ minLength: 1 }),
    messages: conversation,
    max_tokens: fc.integer({ min: 6_000, max: 100_000 }),
    stop_sequences: fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }),
    tools,
    tool_choice: choice,
    metadata: fc.record({ user_id: fc.string({ minLength: 1 }) }),
    output_config: object.map((properties) => ({ format: { type: "json_schema", schema: { type: "object", properties } } })),
  },
  { requiredKeys: ["messages", "max_tokens", "model"] },
);

const over = (body: JsonObject): JsonObject => translateRequest(anthropic, openai, body);
const back = (body: JsonObject): JsonObject => translateRequest(openai, anthropic, body);
const listOf = (value: unknown): JsonObject[] => value as JsonObject[];

/** What OpenAI's API refuses, and what only we read. */
function brokenRules(messages: readonly JsonObject[]): string[] {
  const broken: string[] = [];
  let open = new Set<unknown>();
  for (const message of messages) {
    for (const field of ["reasoning_details", "reasoning_content"]) if (field in message) broken.push(field);
    const result = message["role"] === "tool";
    if (result && !open.delete(message["tool_call_id"])) broken.push("a result without its call");
    if (result) continue;
    if (open.size > 0) broken.push("a call without its result");
    const calls = listOf(message["tool_calls"] ?? []);
    open = new Set(calls.map((one) => one["id"]));
    if (calls.some((one) => String(one["id"]).length > 40)) broken.push("a long id");
  }
  return broken;
}

describe("a conversation", () => {
  it("with thinking, pictures, tools and their results goes to OpenAI's dialect and comes back the same", () => {
    fc.assert(
      fc.property(request, (body) => {
        const there = over(body);
        expect(back(there)).toEqual(body);
        expect(over(back(there))).toEqual(there);
      }),
      { numRuns },
    );
  });

  it("satisfies the rules of the other side: ids, order of results, nothing that only we read", () => {
    fc.assert(
      fc.property(request, (body) => {
        const { body: sent } = openaiCompletions.body({
          body: over(body),
          model: "m",
          stream: false,
          config: config(openai),
          fittingTokens: 9e9,
        });
        expect(brokenRules(listOf(sent["messages"]))).toEqual([]);
      }),
      { numRuns },
    );
  });

  const openaiId = fc.oneof(
    fc.stringMatching(/^[a-zA-Z0-9_.:/-]{1,40}$/),
    fc.string({ minLength: 1, unit: "binary" }).filter((id) => id.isWellFormed()),
    fc.stringMatching(/^tr-[a-zA-Z0-9_-]{0,12}$/),
  );
  const reasoning = fc.record(
    {
      reasoning_content: plain,
      reasoning: plain,
      reasoning_details: fc.array(fc.record({ type: fc.constant("reasoning.encrypted"), data: fc.string() }), { minLength: 1 }),
      annotations: fc.array(
        object.filter((one) => Object.keys(one).length > 0),
        { minLength: 1 },
      ),
    },
    { requiredKeys: [] },
  );
  const openaiCalls = fc.uniqueArray(
    fc.record(
      {
        id: openaiId,
        type: fc.constant("function"),
        function: fc.record({ name, arguments: object.map((input) => JSON.stringify(input)) }),
        extra_content: fc.record({ google: fc.string() }),
      },
      { requiredKeys: ["id", "type", "function"] },
    ),
    { selector: (one) => one.id, minLength: 1, maxLength: 3 },
  );
  const openaiConversation = fc
    .array(fc.tuple(reasoning, fc.option(plain), fc.option(openaiCalls), fc.array(fc.string(), { minLength: 3, maxLength: 3 })), {
      maxLength: 4,
    })
    .map((turns) => [
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
      ...turns.flatMap(([more, content, calls, results]) => [
        {
          role: "assistant",
          content: content ?? (calls === null ? "" : null),
          ...(calls === null ? {} : { tool_calls: calls }),
          ...more,
        },
        ...(calls ?? []).map((one, at) => ({ role: "tool", tool_call_id: one.id, content: results[at] ?? "" })),
        { role: "user", content: "go on" },
      ]),
    ]);

  it("of OpenAI's dialect goes to Anthropic's and comes back the same, with any ids and reasoning", () => {
    fc.assert(
      fc.property(openaiConversation, (messages) => {
        const body = { model: "m", max_tokens: 9_000, messages };
        const there = back(body);
        expect(over(there)).toEqual(body);
        const sent = anthropicMessages.body({
          body: there,
          model: "m",
          stream: true,
          config: config(anthropic),
          fittingTokens: 9e9,
        }).body;
        expect(JSON.stringify(sent)).not.toContain("turn-runner.");
        for (const block of listOf(there["messages"]).flatMap((message) =>
          Array.isArray(message["content"]) ? listOf(message["content"]) : [],
        )) {
          expect(block["id"] ?? block["tool_use_id"] ?? "none").toMatch(/^[a-zA-Z0-9_-]+$/);
        }
      }),
      { numRuns },
    );
  });
});

describe("a request", () => {
  it("puts tools, choices, thinking and schemas where the other dialect has them", () => {
    const schema = { type: "object", properties: { a: { type: "number" } } };
    const body = {
      model: "m",
      max_tokens: 10_000,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "sig" },
            { type: "text", text: "I look." },
            { type: "tool_use", id: "toolu_1", name: "look", input: { at: 1 } },
            { type: "tool_use", id: "toolu_2", name: "look", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "toolu_1",
              content: [
                { type: "text", text: "a " },
                { type: "image", source: { type: "url", url: "https://x.example/p.png" } },
              ],
            },
            { type: "tool_result", tool_use_id: "toolu_2", content: "broken", is_error: true },
            { type: "text", text: "and now?" },
          ],
        },
      ],
      tools: [{ name: "look", description: "Looks.", input_schema: schema, cache_control: { type: "ephemeral" } }],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
      thinking: { type: "enabled", budget_tokens: 5_000 },
      output_config: { format: { type: "json_schema", schema } },
      metadata: { user_id: "u" },
    };
    const there = over(body);
    expect(there).toEqual({
      model: "m",
      max_tokens: 10_000,
      user: "u",
      reasoning_effort: "medium",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
          ],
        },
        {
          role: "assistant",
          content: "I look.",
          reasoning_content: "hm",
          reasoning_details: [
            { type: "reasoning.encrypted", format: "turn-runner/anthropic-messages", data: expect.any(String) },
          ],
          tool_calls: [
            { id: "toolu_1", type: "function", function: { name: "look", arguments: '{"at":1}' } },
            { id: "toolu_2", type: "function", function: { name: "look", arguments: "{}" } },
          ],
        },
        { role: "tool", tool_call_id: "toolu_1", content: "a [picture 1 of this result is in the next message]" },
        { role: "tool", tool_call_id: "toolu_2", content: "[the tool failed]\nbroken" },
        {
          role: "user",
          content: [
            { type: "text", text: "[1 picture of the result of toolu_1]" },
            { type: "image_url", image_url: { url: "https://x.example/p.png" } },
            { type: "text", text: "and now?" },
          ],
        },
      ],
      tools: [{ type: "function", function: { name: "look", description: "Looks.", parameters: schema } }],
      tool_choice: "required",
      parallel_tool_calls: false,
      response_format: { type: "json_schema", json_schema: { name: "output", schema, strict: true } },
    });
    const { tools: _tools, ...rest } = body;
    expect(back(there)).toEqual({ ...rest, tools: [{ name: "look", description: "Looks.", input_schema: schema }] });
  });

  it.each([
    [{ type: "disabled" }, "none"],
    [{ type: "enabled", budget_tokens: 2_000 }, "low"],
    [{ type: "enabled", budget_tokens: 5_000 }, "medium"],
    [{ type: "enabled", budget_tokens: 8_000 }, "high"],
  ])("carries thinking %j as %s, and back", (thought, effort) => {
    const body = { model: "m", max_tokens: 10_000, thinking: thought, messages: [{ role: "user", content: "x" }] };
    expect(over(body)).toMatchObject({ reasoning_effort: effort });
    expect(back(over(body))).toEqual(body);
  });

  it("says each spelling of the effort, and thinks not at all where the answer is too short for it", () => {
    const ask = { messages: [{ role: "user", content: "x" }], max_tokens: 9_000 };
    expect(over({ ...ask, thinking: { type: "adaptive" } })).toMatchObject({ reasoning_effort: "high" });
    expect(over({ ...ask, thinking: { type: "adaptive" }, output_config: { effort: "low" } })).toMatchObject({
      reasoning_effort: "low",
    });
    expect(over({ ...ask, output_config: { effort: "max" } })).toMatchObject({ reasoning_effort: "xhigh" });
    expect(back({ ...ask, max_tokens: 1_000, reasoning_effort: "high" })).not.toHaveProperty("thinking");
    expect(back({ ...ask, max_tokens: 1_100, reasoning_effort: "high" })).toMatchObject({
      thinking: { type: "enabled", budget_tokens: 1_024 },
    });
  });

  it("turns thinking off while tools of another dialect's model are under way, and says so", () => {
    const there = back({
      model: "m",
      max_tokens: 9_000,
      reasoning_effort: "low",
      messages: [
        { role: "user", content: "x" },
        {
          role: "assistant",
          content: null,
          reasoning_content: "hm",
          tool_calls: [{ id: "c:1", type: "function", function: { name: "f", arguments: "" } }],
        },
        { role: "tool", tool_call_id: "c:1", content: "ok" },
      ],
    });
    const sent = anthropicMessages.body({ body: there, model: "m", stream: true, config: config(anthropic), fittingTokens: 9e9 });
    expect(sent.body).toMatchObject({ thinking: { type: "disabled" } });
    expect(sent.changes).toEqual([expect.stringContaining("thinking is off")]);
    expect(listOf(sent.body["messages"])[1]).toMatchObject({ content: [{ type: "tool_use", name: "f", input: {} }] });
  });

  it("keeps what a turn changed since: thinking first, then what is said now", () => {
    const there = over({
      model: "m",
      max_tokens: 9,
      messages: [
        {
          role: "assistant",
          content: [
            { type: "text", text: "a" },
            { type: "thinking", thinking: "t", signature: "s" },
          ],
        },
      ],
    });
    const changed = { ...there, messages: [{ ...listOf(there["messages"])[0], content: "longer" }] };
    expect(back(changed)["messages"]).toEqual([
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "t", signature: "s" },
          { type: "text", text: "longer" },
        ],
      },
    ]);
  });
});

function config(dialect: Dialect) {
  return { id: "p", dialect, baseUrl: "http://x", apiKey: undefined, headers: {}, sseQuirks: { tolerateOutOfOrderEvents: true } };
}

function proven(dialect: Dialect, message: JsonObject): ProvenAnswer {
  const checked = checkMessage(dialect, message);
  const { body, model, stopReason, text: said, toolCalls, usage } = checked;
  return {
    dialect,
    message: body,
    sse: () => messageToEvents(dialect, message),
    model,
    stopReason,
    text: said,
    toolCalls,
    usage,
    repairs: [],
    requestId: undefined,
    firstByteMs: 1,
    changes: [],
  };
}

const replying =
  (body: string, type: string): typeof fetch =>
  () =>
    Promise.resolve(new Response(body, { headers: { "content-type": type } }));
const askOpenai = (sse: string) =>
  new OpenAI({ apiKey: "k", fetch: replying(sse, "text/event-stream") }).chat.completions
    .stream({ model: "m", messages: [] })
    .finalChatCompletion();
const askAnthropic = (sse: string) =>
  new Anthropic({ apiKey: "k", fetch: replying(sse, "text/event-stream") }).messages
    .stream({ model: "m", max_tokens: 9, messages: [] })
    .finalMessage();

describe("an answer", () => {
  const answerBlocks = assistantBlocks.filter((blocks) =>
    blocks.some((block) => block["type"] !== "thinking" && block["type"] !== "redacted_thinking"),
  );
  const count = fc.nat(1e6);

  it("of Anthropic's dialect is read by OpenAI's SDK with the same text and calls, and comes back the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        answerBlocks,
        count,
        count,
        fc.option(count),
        fc.option(count),
        async (content, input, output, read, write) => {
          const calls = content.filter((block) => block["type"] === "tool_use");
          const words = content
            .filter((block) => block["type"] === "text")
            .map((block) => block["text"])
            .join("");
          const usage = {
            input_tokens: input,
            output_tokens: output,
            ...(read === null ? {} : { cache_read_input_tokens: read }),
            ...(write === null ? {} : { cache_creation_input_tokens: write }),
          };
          const message = {
            id: "msg_1",
            type: "message",
            role: "assistant",
            model: "claude",
            content,
            stop_reason: calls.length > 0 ? "tool_use" : "end_turn",
            stop_sequence: null,
            usage,
          };
          const answer = proven(anthropic, message);
          const there = translateAnswer(answer, openai);
          const { choices, usage: told } = await askOpenai(there.sse());
          expect(choices[0]?.message.content ?? "").toBe(words);
          expect(choices[0]?.finish_reason).toBe(calls.length > 0 ? "tool_calls" : "stop");
          expect(
            (choices[0]?.message.tool_calls ?? []).map(
              (one) => one.type === "function" && [one.function.name, JSON.parse(one.function.arguments)],
            ),
          ).toEqual(calls.map((one) => [one["name"], JSON.parse(JSON.stringify(one["input"]))]));
          expect(told?.prompt_tokens).toBe(input + (read ?? 0) + (write ?? 0));
          expect(translateAnswer(there, anthropic).message).toEqual(answer.message);
          expect(there).toMatchObject({
            usage: answer.usage,
            toolCalls: calls.length,
            text: words,
            stopReason: answer.stopReason,
          });
          // What the turn sends back of it is what the model said.
          const said = listOf(there.message["choices"])[0]?.["message"] as JsonObject;
          expect(listOf(back({ model: "m", messages: [said] })["messages"])[0]).toEqual({
            role: "assistant",
            content: single(content),
          });
        },
      ),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });

  it("of OpenAI's dialect is read by Anthropic's SDK with the same text, calls and reasoning, and comes back the same", async () => {
    const calls = fc.uniqueArray(fc.record({ id: fc.stringMatching(/^[a-zA-Z0-9_.:-]{1,40}$/), name, input: object }), {
      selector: (one) => one.id,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(
        calls,
        fc.option(plain),
        fc.option(plain),
        count,
        count,
        async (given, content, thought, prompt, completion) => {
          fc.pre(given.length > 0 || content !== null);
          const tool_calls = given.map(({ id, name: called, input }) => ({
            id,
            type: "function",
            function: { name: called, arguments: JSON.stringify(input) },
          }));
          const said = {
            role: "assistant",
            content,
            ...(thought === null ? {} : { reasoning_content: thought }),
            refusal: null,
            ...(given.length === 0 ? {} : { tool_calls }),
          };
          const message = {
            id: "c1",
            object: "chat.completion",
            created: 0,
            model: "gpt",
            choices: [{ index: 0, message: said, logprobs: null, finish_reason: given.length > 0 ? "tool_calls" : "stop" }],
            usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
          };
          const answer = proven(openai, message);
          const there = translateAnswer(answer, anthropic);
          const read = await askAnthropic(there.sse());
          expect(
            read.content
              .filter((block) => block.type === "text")
              .map((block) => block.text)
              .join(""),
          ).toBe(content ?? "");
          expect(read.content.filter((block) => block.type === "tool_use").map((block) => [block.name, block.input])).toEqual(
            given.map((one) => [one.name, JSON.parse(JSON.stringify(one.input))]),
          );
          expect(read.content.filter((block) => block.type === "thinking").map((block) => block.thinking)).toEqual(
            thought === null ? [] : [thought],
          );
          expect(read.stop_reason).toBe(given.length > 0 ? "tool_use" : "end_turn");
          expect(translateAnswer(there, openai).message).toEqual(answer.message);
        },
      ),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });

  it("keeps which sequence stopped it, a refusal's words and thinking without text", () => {
    const base = { id: "m", type: "message", role: "assistant", model: "c", usage: { input_tokens: 1, output_tokens: 2 } };
    const stopped = proven(anthropic, {
      ...base,
      content: [{ type: "text", text: "x" }],
      stop_reason: "stop_sequence",
      stop_sequence: "END",
    });
    expect(translateAnswer(translateAnswer(stopped, openai), anthropic).message).toEqual(stopped.message);
    const cut = proven(anthropic, {
      ...base,
      content: [{ type: "thinking", thinking: "hm", signature: "s" }],
      stop_reason: "max_tokens",
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 400 },
    });
    expect(translateAnswer(translateAnswer(cut, openai), anthropic).message).toEqual(cut.message);
    const refused = proven(openai, {
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "g",
      choices: [{ index: 0, message: { role: "assistant", content: null, refusal: "I cannot help." }, finish_reason: "stop" }],
    });
    expect(translateAnswer(refused, anthropic)).toMatchObject({
      stopReason: "refusal",
      text: "I cannot help.",
      message: { content: [{ text: "I cannot help." }] },
    });
  });
});
