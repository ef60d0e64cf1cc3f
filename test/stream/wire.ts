import * as fc from "fast-check";
import { StreamError } from "../../src/errors.ts";
import type { AssembledMessage, Frame, NormalizerOptions, StreamDialect, StreamEnd } from "../../src/stream/event.ts";
import { createNormalizer } from "../../src/stream/normalizer.ts";

/** Builders of streams for both dialects, and the generations the property tests break. */

export type Event = { readonly type: string; readonly [key: string]: unknown };

export const S = (id: string | undefined = "msg_1", usage: unknown = { input_tokens: 7, output_tokens: 1 }): Event => ({
  type: "message_start",
  message: {
    ...(id === undefined ? {} : { id }),
    type: "message",
    role: "assistant",
    model: "k2p5",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  },
});
export const block = (index: number, content_block: Record<string, unknown>): Event => ({
  type: "content_block_start",
  index,
  content_block,
});
export const B = (index: number): Event => block(index, { type: "text", text: "" });
export const BThink = (index: number): Event => block(index, { type: "thinking", thinking: "", signature: "" });
export const BTool = (index: number, id = `toolu_${index}`, name = "look"): Event =>
  block(index, { type: "tool_use", id, name, input: {} });
const delta = (index: number, value: Record<string, unknown>): Event => ({ type: "content_block_delta", index, delta: value });
export const D = (index: number, text: string): Event => delta(index, { type: "text_delta", text });
export const DThink = (index: number, thinking: string): Event => delta(index, { type: "thinking_delta", thinking });
export const DSign = (index: number, signature: string): Event => delta(index, { type: "signature_delta", signature });
export const DJson = (index: number, partial_json: string): Event => delta(index, { type: "input_json_delta", partial_json });
export const E = (index: number): Event => ({ type: "content_block_stop", index });
export const M = (stop_reason: string | null = "end_turn", usage: unknown = { output_tokens: 42 }): Event => ({
  type: "message_delta",
  delta: { stop_reason, stop_sequence: null },
  ...(usage === undefined ? {} : { usage }),
});
export const X: Event = { type: "message_stop" };
export const ping: Event = { type: "ping" };
export const done: Event = { type: "[DONE]" };

export function frameOf(event: Event): Frame {
  if (event.type === "[DONE]") return { event: undefined, data: "[DONE]" };
  return { event: event.type, data: JSON.stringify(event) };
}

export function wire(events: readonly Event[]): string {
  return events
    .map(frameOf)
    .map(({ event, data }) => `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`)
    .join("");
}

export interface Outcome {
  readonly out: string;
  readonly message?: AssembledMessage;
  readonly error?: StreamError;
  readonly repairs: readonly string[];
}

/** Runs frames through a machine; anything thrown that is not a `StreamError` is thrown on. */
export function run(
  dialect: StreamDialect,
  frames: readonly Frame[],
  end: StreamEnd = "eof",
  options: NormalizerOptions = {},
): Outcome {
  const machine = createNormalizer(dialect, options);
  let out = "";
  const codes = (): string[] => machine.repairs.map((repair) => repair.code);
  try {
    for (const frame of frames) {
      out += machine.push(frame);
      if (machine.done) break;
    }
    if (!machine.done) out += machine.end(end);
    return { out, message: machine.message(), repairs: codes() };
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return { out, error, repairs: codes() };
  }
}

export function runEvents(events: readonly Event[], end: StreamEnd = "eof", options: NormalizerOptions = {}): Outcome {
  return run("anthropic-messages", events.map(frameOf), end, options);
}

/** What must stay the same: all prose, all thinking, every tool call with its input, the stop reason. */
export interface Said {
  readonly text: string;
  readonly thinking: string;
  readonly tools: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly stop: string;
}

type AnthropicBlock = { type: string; text?: string; thinking?: string; id: string; name: string; input: unknown };

export function saidAnthropic(body: unknown): Said {
  const message = body as { content: AnthropicBlock[]; stop_reason: string };
  return {
    text: message.content.map((one) => (one.type === "text" ? (one.text ?? "") : "")).join(""),
    thinking: message.content.map((one) => (one.type === "thinking" ? (one.thinking ?? "") : "")).join(""),
    tools: message.content.filter((one) => one.type === "tool_use").map(({ id, name, input }) => ({ id, name, input })),
    stop: message.stop_reason,
  };
}

type OpenaiMessage = {
  content: string | null;
  reasoning_content?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
};

export function saidOpenai(body: unknown): Said {
  const { choices } = body as { choices: { message: OpenaiMessage; finish_reason: string }[] };
  const [choice] = choices;
  if (choice === undefined) throw new Error("no choice");
  return {
    text: choice.message.content ?? "",
    thinking: choice.message.reasoning_content ?? "",
    tools: (choice.message.tool_calls ?? []).map((call) => ({
      id: call.id,
      name: call.function.name,
      input: JSON.parse(call.function.arguments) as unknown,
    })),
    stop: choice.finish_reason,
  };
}

/** A generation as the tests know it, before any event is made of it. */
export interface Generation {
  readonly thinking: readonly string[];
  readonly text: readonly string[];
  readonly tools: readonly { readonly name: string; readonly fragments: readonly string[]; readonly input: unknown }[];
  readonly more: readonly string[];
  readonly parallel: boolean;
  readonly usage: number;
}

/** Every piece begins with a mark of its own, so that no two generations and no two places of one can be mistaken. */
const pieces = (mark: string, min: number): fc.Arbitrary<string[]> =>
  fc
    .array(
      fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 12 }),
        fc.constantFrom('"', "\\", "\n\n", "data: x", "é😀", "\u2028", " "),
      ),
      {
        minLength: min,
        maxLength: 5,
      },
    )
    .map((list) => list.map((piece, at) => `${mark}${at}${piece}`));

const tool = (mark: string): fc.Arbitrary<Generation["tools"][number]> =>
  fc
    .record({
      input: fc.dictionary(fc.constantFrom("path", "query", "n", "é"), fc.oneof(fc.string(), fc.integer(), fc.constant(null))),
      cuts: fc.array(fc.nat(60), { maxLength: 4 }),
    })
    .map(({ input, cuts }) => {
      const json = JSON.stringify({ mark, ...input });
      const places = [...new Set([0, ...cuts.filter((cut) => cut > 0 && cut < json.length), json.length])].toSorted(
        (a, b) => a - b,
      );
      const fragments = places.slice(1).map((place, at) => json.slice(places[at], place));
      return { name: `tool_${mark}`, fragments, input: JSON.parse(json) as unknown };
    });

export const generation = (mark: string): fc.Arbitrary<Generation> =>
  fc.record({
    thinking: fc.oneof(fc.constant([]), pieces(`${mark}t`, 1)),
    text: pieces(`${mark}x`, 1),
    tools: fc.oneof(
      fc.constant([]),
      tool(`${mark}1`).map((one) => [one]),
      fc.tuple(tool(`${mark}1`), tool(`${mark}2`)).map((two) => [...two]),
    ),
    more: fc.oneof(fc.constant([]), pieces(`${mark}y`, 1)),
    parallel: fc.boolean(),
    usage: fc.nat(2),
  });

/** The events of a generation; `parallel` interleaves its tool calls by index. */
export function anthropicEvents(one: Generation, id: string | undefined): Event[] {
  const events: Event[] = [
    S(id, [{ input_tokens: 7, output_tokens: 1 }, { input_tokens: 0, output_tokens: 0 }, undefined][one.usage]),
  ];
  let index = 0;
  if (one.thinking.length > 0) {
    events.push(BThink(index), ...one.thinking.map((piece) => DThink(index, piece)), DSign(index, `sig-${id ?? ""}`), E(index));
    index += 1;
  }
  events.push(B(index), ping, ...one.text.map((piece) => D(index, piece)), E(index));
  index += 1;
  const tools = one.tools.map((each, at) => ({
    start: BTool(index + at, `toolu_${each.name}_${id ?? "x"}`, each.name),
    deltas: ["", ...each.fragments].map((piece) => DJson(index + at, piece)),
    stop: E(index + at),
  }));
  if (one.parallel && tools.length === 2) {
    const [first, second] = tools as [(typeof tools)[0], (typeof tools)[0]];
    events.push(first.start, second.start);
    for (let at = 0; at < Math.max(first.deltas.length, second.deltas.length); at++) {
      events.push(...[first.deltas[at], second.deltas[at]].filter((event) => event !== undefined));
    }
    events.push(second.stop, first.stop);
  } else {
    for (const each of tools) events.push(each.start, ...each.deltas, each.stop);
  }
  index += tools.length;
  if (one.more.length > 0) events.push(B(index), ...one.more.map((piece) => D(index, piece)), E(index));
  const usage = [{ output_tokens: 42 }, { input_tokens: 9, output_tokens: 42 }, undefined][one.usage];
  events.push(M(one.tools.length > 0 ? "tool_use" : "end_turn", usage), X);
  return events;
}

export function saidBy(
  one: Generation,
  id: string | undefined,
  stop: { tool: string; end: string } = { tool: "tool_use", end: "end_turn" },
): Said {
  return {
    text: [...one.text, ...one.more].join(""),
    thinking: one.thinking.join(""),
    tools: one.tools.map((each) => ({ id: `toolu_${each.name}_${id ?? "x"}`, name: each.name, input: each.input })),
    stop: one.tools.length > 0 ? stop.tool : stop.end,
  };
}

export type Chunk = { readonly [key: string]: unknown };

export function chunk(id: string | undefined, choices: readonly unknown[], more: Record<string, unknown> = {}): Chunk {
  return { ...(id === undefined ? {} : { id }), object: "chat.completion.chunk", created: 1, model: "gpt-x", choices, ...more };
}
export const choice = (value: Record<string, unknown>, finish_reason: string | null = null): unknown => ({
  index: 0,
  delta: value,
  finish_reason,
});

export function chunkFrame(value: Chunk | "[DONE]"): Frame {
  return { event: undefined, data: value === "[DONE]" ? value : JSON.stringify(value) };
}

/** What kind of chunk it is, for tests that break one kind only. */
export interface MarkedChunk {
  readonly kind: "role" | "content" | "open" | "finish" | "usage" | "done";
  readonly frame: Frame;
}

export function openaiChunks(one: Generation, id: string | undefined): MarkedChunk[] {
  const mark = (kind: MarkedChunk["kind"], value: Chunk | "[DONE]"): MarkedChunk => ({ kind, frame: chunkFrame(value) });
  const out = [mark("role", chunk(id, [choice({ role: "assistant", content: "" })]))];
  for (const piece of one.thinking) out.push(mark("content", chunk(id, [choice({ reasoning_content: piece })])));
  for (const piece of [...one.text, ...one.more]) out.push(mark("content", chunk(id, [choice({ content: piece })])));
  const rounds: MarkedChunk[][] = one.tools.map((each, index) => [
    mark(
      "open",
      chunk(id, [
        choice({
          tool_calls: [
            { index, id: `toolu_${each.name}_${id ?? "x"}`, type: "function", function: { name: each.name, arguments: "" } },
          ],
        }),
      ]),
    ),
    ...each.fragments.map((piece) =>
      mark("content", chunk(id, [choice({ tool_calls: [{ index, function: { arguments: piece } }] })])),
    ),
  ]);
  if (one.parallel) {
    for (let at = 0; rounds.some((round) => at < round.length); at++) {
      out.push(...rounds.map((round) => round[at]).filter((each) => each !== undefined));
    }
  } else {
    out.push(...rounds.flat());
  }
  out.push(mark("finish", chunk(id, [choice({}, one.tools.length > 0 ? "tool_calls" : "stop")])));
  if (one.usage > 0)
    out.push(mark("usage", chunk(id, [], { usage: { prompt_tokens: 7, completion_tokens: 42, total_tokens: 49 } })));
  out.push(mark("done", "[DONE]"));
  return out;
}
