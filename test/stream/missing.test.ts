import { describe, expect, test } from "vitest";
import type { StreamFaultReason } from "../../src/errors.ts";
import { createStreamReader } from "../../src/provider/sse.ts";
import {
  B,
  BThink,
  choice,
  chunk,
  D,
  DSign,
  DThink,
  E,
  type Event,
  M,
  run,
  runEvents,
  S,
  saidAnthropic,
  wire,
  X,
} from "./wire.ts";

/** Events that lack the very thing they are for: what is missing may have been content, so it is not read as empty. */

const bare = (type: string, index = 0): Event => ({ type: "content_block_delta", index, delta: { type } });
const text = (value: unknown): Event => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: value } });
const answer = (...strange: Event[]): Event[] => [S(), B(0), D(0, "a"), ...strange, D(0, "b"), E(0), M(), X];

describe("a signature opens no block, because the thinking it signs is missing", () => {
  const rows: [row: string, events: readonly Event[], reason: StreamFaultReason][] = [
    ["without a block start", [S(), DSign(0, "s"), E(0), B(1), D(1, "a"), E(1), M(), X], "delta_without_block"],
    ["behind a whole block", [S(), B(0), D(0, "a"), E(0), DSign(1, "s"), E(1), M(), X], "delta_without_block"],
    ["in an empty text block", [S(), B(0), DSign(0, "s"), E(0), B(1), D(1, "a"), E(1), M(), X], "block_type_mismatch"],
    ["in a text block with text", answer(DSign(0, "s")), "block_type_mismatch"],
  ];
  test.each(rows)("%s it is refused", (_row, events, reason) => {
    expect(runEvents(events).error).toMatchObject({ name: "StreamError", reason });
  });

  test("thinking that came without its start keeps its signature", () => {
    const { message } = runEvents([S(), DThink(0, "t"), DSign(0, "s"), E(0), B(1), D(1, "a"), E(1), M(), X]);
    expect(message?.body["content"]).toMatchObject([{ type: "thinking", thinking: "t", signature: "s" }, { text: "a" }]);
  });
});

describe("a delta without its field", () => {
  const rows: [row: string, events: readonly Event[]][] = [
    ["text", answer(bare("text_delta"))],
    ["thinking", [S(), BThink(0), DThink(0, "t"), bare("thinking_delta"), E(0), B(1), D(1, "a"), E(1), M(), X]],
    ["a signature", [S(), BThink(0), DThink(0, "t"), bare("signature_delta"), E(0), B(1), D(1, "a"), E(1), M(), X]],
    ["tool input", [S(), B(0), D(0, "a"), bare("input_json_delta"), E(0), M(), X]],
    ["text, before everything", [bare("text_delta"), ...answer()]],
  ];
  test.each(rows)("%s is refused", (_row, events) => {
    expect(runEvents(events).error).toMatchObject({ name: "StreamError", reason: "malformed_frame" });
  });

  test("null says that it is empty", () => {
    const { message, repairs } = runEvents(answer(text(null)));
    expect(message?.text).toBe("ab");
    expect(repairs).toEqual(["null_delta"]);
  });
});

const chunks = (strange: Record<string, unknown>): Parameters<typeof run>[1] =>
  [
    chunk("c", [choice({ role: "assistant", content: "a" })]),
    { id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-x", ...strange },
    chunk("c", [choice({ content: "b" }, "stop")]),
  ].map((each) => ({ event: undefined, data: JSON.stringify(each) }));

describe("a chunk without choices", () => {
  const lost: [row: string, strange: Record<string, unknown>][] = [
    ["a delta beside it", { delta: { content: "lost" } }],
    ["one choice under another name", { choice: [{ index: 0, delta: { content: "lost" } }] }],
    ["the text of another API", { choices: null, response: "lost" }],
    ["counters and text", { usage: { prompt_tokens: 1 }, output: [{ text: "lost" }] }],
  ];
  test.each(lost)("is refused with %s", (_row, strange) => {
    expect(run("openai-completions", chunks(strange)).error).toMatchObject({ name: "StreamError", reason: "malformed_frame" });
  });

  test.each([
    ["nothing else", {}],
    ["figures", { timings: { predicted_n: 4, cached: true }, delta: {}, content: "" }],
    ["what providers add", { system_fingerprint: "fp", service_tier: "default", provider: "x", x_groq: { id: "req" } }],
  ])("and with %s has none", (_row, strange) => {
    const outcome = run("openai-completions", chunks(strange));
    expect(outcome.message?.text).toBe("ab");
    expect(outcome.repairs).toContain("choices_missing");
  });
});

const bytes = (each: string): Uint8Array => new TextEncoder().encode(each);

const read = (body: Uint8Array, cut: number): string => {
  const reader = createStreamReader("anthropic-messages");
  try {
    const out = reader.push(body.subarray(0, cut)) + reader.push(body.subarray(cut)) + reader.end("eof");
    return `${out} ${reader.message().text}`;
  } catch (error) {
    return String(error);
  }
};

describe("white space before the first event", () => {
  const good = wire([S(), B(0), D(0, "a"), E(0), M(), X]);
  const leads = [" ", "\t", "\n ", "\r\n  \n", " \uFEFF", "\uFEFF ", "\uFEFF\n", " \n\n \t"];
  test.each(leads.map((lead) => [JSON.stringify(lead), lead]))("%s gives one result wherever it is cut", (_row, lead) => {
    for (const body of [good, good.replaceAll(/^event.*\n/gm, ""), `: comment\n\n${good}`, '{"type":"error"}', "rubbish\n\n"]) {
      const whole = bytes(lead + body);
      const results = Array.from({ length: lead.length + 12 }, (_, cut) => read(whole, cut));
      expect(new Set(results).size).toBe(1);
    }
    expect(read(bytes(lead + good), 0)).toBe(read(bytes(good), 0));
  });
});

const end = (stop_reason: string | null, stop_sequence: string | null): Event => ({
  type: "message_delta",
  delta: { stop_reason, stop_sequence },
  usage: { output_tokens: 5 },
});

describe("of two stop reasons the last one stands, with the stop sequence that belongs to it", () => {
  const rows: [row: string, ends: Event[], reason: string, sequence: string | null][] = [
    ["another reason", [end("stop_sequence", "END"), end("end_turn", null)], "end_turn", null],
    ["the same in other words", [end("stop_sequence", "END"), end("stop", null)], "end_turn", null],
    ["no other reason", [end("stop_sequence", "END"), end(null, null)], "stop_sequence", "END"],
    ["its reason later", [end(null, "END"), end("stop_sequence", null)], "stop_sequence", "END"],
    ["the later one", [end("end_turn", null), end("stop_sequence", "END")], "stop_sequence", "END"],
    ["a limit before it", [end("max_tokens", null), end("stop_sequence", "END")], "max_tokens", null],
    ["a refusal before it", [end("refusal", null), end("stop_sequence", "END")], "refusal", null],
  ];
  test.each(rows)("%s", (_row, ends, reason, sequence) => {
    const { message, out } = runEvents([S(), B(0), D(0, "a"), E(0), ...ends, X]);
    expect(message?.body).toMatchObject({ stop_reason: reason, stop_sequence: sequence });
    expect(out).toContain(`"stop_sequence":${JSON.stringify(sequence)},"stop_reason":"${reason}"`);
    expect(saidAnthropic(message?.body).stop).toBe(reason);
  });
});
