import Anthropic from "@anthropic-ai/sdk";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { judgeText, simulatedFaults } from "../../../src/provider/script.ts";
import type { Dialect } from "../../../src/provider/provider.ts";
import { ask, bodyFor, bytesOf, dialects, framesOf, orderOf, textOf, withFault } from "./ask.ts";

const clean = { "anthropic-messages": "S B0 P D0 E0 M X", "openai-completions": "R C F Z" } as const;

/** The order of events each fault stands for; `both` names Anthropic's first. */
const orders: Readonly<Record<string, readonly [anthropic: string | undefined, openai: string | undefined]>> = {
  dup_start: ["S*2 B0 P D0 E0 M X", "R*2 C F Z"],
  dup_start_29: ["S*29 B0 P D0 E0 M X", "R*29 C F Z"],
  dup_start_late: ["S B0 P D0 S D0 E0 M X", "R C R C F Z"],
  dup_start_new_id: ["S*2 B0 P D0 E0 M X", "R*2 C F Z"],
  restart_new_id: ["S B0 P D0 S B0 P D0 E0 M X", "R C R C F Z"],
  restart_same_id: ["S B0 P D0 S B0 P D0 E0 M X", "R C R C F Z"],
  restart_after_tool: ["S B0 P D0 E0 B1 D1 E1 S B0 P D0 E0 B1 D1 E1 M X", "R C T0 R C T0 F Z"],
  second_message: ["S B0 P D0 E0 M X S B0 P D0 E0 M X", "R C F R C F Z"],
  orphan_stop: ["E0 S B0 P D0 E0 M X", "F R C F Z"],
  stop_first: ["X S B0 P D0 E0 M X", undefined],
  tool_stop_without_tool: [clean["anthropic-messages"], clean["openai-completions"]],
  empty_ids: [undefined, clean["openai-completions"]],
  error_string: ["S B0 P D0 !", "R C !"],
  orphan_start: ["B0 E0 S B0 P D0 E0 M X", undefined],
  late_start: ["B0 S P D0 E0 M X", "C R C F Z"],
  delta_before_start: ["B0 P D0 S D0 E0 M X", "C R C F Z"],
  missing_start: ["B0 P D0 E0 M X", "C F Z"],
  missing_block_start: ["S P D0 E0 M X", undefined],
  dup_block_start: ["S B0*2 P D0 E0 M X", undefined],
  block_restarted: ["S B0 P D0 B0 P D0 E0 M X", undefined],
  missing_block_fields: ["S B0 P D0 E0 B1 D1 E1 M X", undefined],
  empty_block_first: ["S B0 E0 B1 P D1 E1 M X", undefined],
  dup_block_stop: ["S B0 P D0 E0*2 M X", undefined],
  stray_block_stop: ["S B0 P D0 E7 D0 E0 M X", undefined],
  block_not_closed: ["S B0 P D0 M X", undefined],
  delta_after_stop: ["S B0 P D0 E0 D0 M X", undefined],
  missing_message_stop: ["S B0 P D0 E0 M", "R C F"],
  missing_message_delta: ["S B0 P D0 E0 X", "R C Z"],
  stop_twice: ["S B0 P D0 E0 M X*2", "R C F Z*2"],
  two_message_deltas: ["S B0 P D0 E0 M*2 X", "R C F*2 Z"],
  done_instead_of_stop: ["S B0 P D0 E0 M Z", undefined],
  done_after_stop: ["S B0 P D0 E0 M X Z", undefined],
  content_after_stop: ["S M X B0 P D0 E0 M X", undefined],
  usage_null: [clean["anthropic-messages"], undefined],
  usage_missing: [clean["anthropic-messages"], undefined],
  unknown_event: ["S B0 P D0 ?0 D0 E0 M X", "R C ? C F Z"],
  index_gap: ["S B0 P D0 E0 B2 D2 E2 M X", undefined],
  index_reused: ["S B0 P D0 E0 B0 D0 E0 M X", undefined],
  block_left_open: ["S B0 P D0 B0 D0 E0 M X", undefined],
  block_type_switch: ["S B0 D0 E0 M X", undefined],
  repeated_tool_id: ["S B0 P D0 E0 B1 D1 E1 B2 D2 E2 M X", undefined],
  tool_json_cut: ["S B0 P D0 E0 B1 D1 E1 M X", "R C T0 F Z"],
  cumulative_text: [clean["anthropic-messages"], clean["openai-completions"]],
  usage_in_choice: [undefined, clean["openai-completions"]],
  empty_finish: [undefined, clean["openai-completions"]],
  choices_null: [undefined, "R C ? C F Z"],
  content_after_finish: [undefined, "R C F C F Z"],
  truncate: ["S B0 P D0", "R C"],
  error_event: ["S B0 P D0 !", "R C !"],
  error_first: ["!", "!"],
  finish_error: [undefined, "R C F Z"],
  choice_error: [undefined, "R C ! Z"],
  error_with_choices: [undefined, "R C ! Z"],
  garbage: ["S B0 P D0 ? D0 E0 M X", "R C ? C F Z"],
  glued_frames: ["S B0 P D0 ? D0 E0 M X", "R C ? C F Z"],
  empty_message: ["S M X", "R F Z"],
  empty_with_tokens: ["S M X", "R F Z"],
  max_tokens_reached: [clean["anthropic-messages"], clean["openai-completions"]],
  refusal: [clean["anthropic-messages"], clean["openai-completions"]],
  nameless_frames: [clean["anthropic-messages"], undefined],
  data_before_event: [clean["anthropic-messages"], undefined],
  no_space_data: [clean["anthropic-messages"], clean["openai-completions"]],
  crlf: [clean["anthropic-messages"], clean["openai-completions"]],
  cr: [clean["anthropic-messages"], clean["openai-completions"]],
  comments: [clean["anthropic-messages"], clean["openai-completions"]],
  last_frame_open: [clean["anthropic-messages"], clean["openai-completions"]],
  json_content_type: [clean["anthropic-messages"], clean["openai-completions"]],
  slow: [clean["anthropic-messages"], clean["openai-completions"]],
};

/** Irregular streams that still hold exactly one generation's text in its order. */
const textWhole = new Set(
  "stop_first tool_stop_without_tool empty_ids dup_start dup_start_29 dup_start_late dup_start_new_id orphan_stop orphan_start late_start delta_before_start missing_start missing_block_start dup_block_start missing_block_fields empty_block_first dup_block_stop stray_block_stop block_not_closed delta_after_stop missing_message_stop missing_message_delta stop_twice two_message_deltas done_instead_of_stop done_after_stop content_after_stop usage_null usage_missing unknown_event index_gap index_reused block_left_open block_type_switch interleaved_blocks repeated_tool_id tool_json_cut usage_in_choice empty_finish choices_null content_after_finish nameless_frames data_before_event no_space_data crlf cr comments last_frame_open json_content_type slow".split(
    " ",
  ),
);

function streamed(fault: string | undefined, dialect: Dialect, extra: Record<string, unknown> = {}): Promise<string> {
  return withFault(fault, async ({ url }) => (await ask(url, dialect, bodyFor(true, extra))).text());
}

/** The different ids in a stream's frames. */
async function idsIn(fault: string, dialect: Dialect): Promise<number> {
  const frames = framesOf(await streamed(fault, dialect)).filter(({ data }) => data.startsWith("{"));
  const ids = frames.map(({ data }) => {
    const { id, message }: { id?: string; message?: { id: string } } = JSON.parse(data);
    return message?.id ?? id;
  });
  return new Set(ids.filter((id) => id !== undefined)).size;
}

/** The data of every `message_delta` in Anthropic's stream of this fault. */
async function messageDeltas(fault: string): Promise<unknown[]> {
  const frames = framesOf(await streamed(fault, "anthropic-messages"));
  return frames.flatMap(({ event, data }) => (event === "message_delta" ? [JSON.parse(data)] : []));
}

describe("the order of events is the one the fault names", () => {
  test("of a clean answer", async () => {
    for (const dialect of dialects) expect(orderOf(await streamed(undefined, dialect))).toBe(clean[dialect]);
    expect(orderOf(await streamed(undefined, "openai-completions", { stream_options: { include_usage: true } }))).toBe(
      "R C F U Z",
    );
  });

  for (const [fault, [anthropic, openai]] of Object.entries(orders)) {
    for (const [dialect, order] of [["anthropic-messages", anthropic] as const, ["openai-completions", openai] as const]) {
      if (order === undefined) continue;
      test(`${fault}, ${dialect}`, async () => {
        const body = await streamed(fault, dialect);
        expect(orderOf(body)).toBe(order);
        expect(judgeText(textOf(body))).toBe(textWhole.has(fault) ? "right" : "wrong");
      });
    }
  }
});

describe("what stands in the frames", () => {
  test.each(dialects)("a duplicate has the same id, a restart a new one unless it says otherwise (%s)", async (dialect) => {
    for (const fault of ["dup_start", "dup_start_29", "dup_start_late", "restart_same_id"])
      expect([fault, await idsIn(fault, dialect)]).toEqual([fault, 1]);
    for (const fault of ["dup_start_new_id", "restart_new_id", "restart_after_tool"])
      expect([fault, await idsIn(fault, dialect)]).toEqual([fault, 2]);
  });

  test.each(dialects)("a restart is half of one generation and the whole of another (%s)", async (dialect) => {
    const text = textOf(await streamed("restart_new_id", dialect));
    const second = text.lastIndexOf("Simulated answer ");
    expect(judgeText(text.slice(second))).toBe("right");
    expect(text.slice(0, second)).toMatch(/^Simulated answer 1\.1: /u);
    expect(text.slice(0, second)).not.toContain("End of");
    expect(text.slice(second)).toMatch(/^Simulated answer 1\.2: /u);
  });

  test("null and missing usage, and the two message_deltas", async () => {
    expect(await messageDeltas("usage_null")).toMatchObject([{ usage: null, delta: { stop_reason: "end_turn" } }]);
    expect((await messageDeltas("usage_missing"))[0]).not.toHaveProperty("usage");
    expect(await messageDeltas("two_message_deltas")).toMatchObject([
      { delta: { stop_reason: "end_turn" } },
      { delta: { stop_reason: null } },
    ]);
  });

  test("a bare block start has no text", async () => {
    const starts = framesOf(await streamed("missing_block_fields", "anthropic-messages")).filter(
      ({ event }) => event === "content_block_start",
    );
    expect(starts.map(({ data }) => JSON.parse(data).content_block)).toEqual([{ type: "thinking" }, { type: "text" }]);
  });

  test("interleaved blocks take turns", async () => {
    expect(orderOf(await streamed("interleaved_blocks", "anthropic-messages"))).toMatch(/^S B0 B1( D0 D1)+ .*E1 E0 M X$/u);
  });

  test("the cut tool input does not parse", async () => {
    const body = await streamed("tool_json_cut", "anthropic-messages");
    const input = framesOf(body).map(({ data }) => JSON.parse(data).delta?.partial_json ?? "");
    expect(input.join("")).toMatch(/^\{"note":"simulated/u);
    expect(() => JSON.parse(input.join(""))).toThrow(SyntaxError);
    const calls = framesOf(await streamed("tool_json_cut", "openai-completions")).filter(({ data }) =>
      data.includes("arguments"),
    );
    const joined = calls.map(({ data }) => JSON.parse(data).choices[0].delta.tool_calls[0].function.arguments).join("");
    expect(() => JSON.parse(joined)).toThrow(SyntaxError);
  });

  test("cumulative deltas each begin with the one before", async () => {
    const texts = framesOf(await streamed("cumulative_text", "anthropic-messages")).flatMap(
      ({ data }) => JSON.parse(data).delta?.text ?? [],
    );
    expect(texts.length).toBeGreaterThan(10);
    for (const [at, text] of texts.slice(1).entries()) expect(text.startsWith(texts[at])).toBe(true);
    expect(judgeText(texts.at(-1))).toBe("right");
  });

  test("stop reasons of answers that say they are not whole", async () => {
    expect(await streamed("max_tokens_reached", "anthropic-messages")).toContain('"stop_reason":"max_tokens"');
    expect(await streamed("max_tokens_reached", "openai-completions")).toContain('"finish_reason":"length"');
    expect(await streamed("refusal", "anthropic-messages")).toContain('"stop_reason":"refusal"');
    expect(await streamed("refusal", "openai-completions")).toContain('"finish_reason":"content_filter"');
    expect(await streamed("finish_error", "openai-completions")).toContain('"finish_reason":"error"');
    expect(await streamed("empty_with_tokens", "anthropic-messages")).toContain('"output_tokens":157');
  });

  test("tool indexes in the OpenAI dialect", async () => {
    const tools = [{ type: "function", function: { name: "look", parameters: {} } }];
    const indexes = async (fault: string): Promise<string> => orderOf(await streamed(fault, "openai-completions", { tools }));
    expect(await indexes("tool_index_zero")).toBe("R C T0 F Z");
    expect(await indexes("tool_index_missing")).toBe("R C T F Z");
    expect(await indexes("tool_index_gap")).toBe("R C T1 T3 F Z");
    const body = await streamed("tool_index_zero", "openai-completions", { tools });
    expect(new Set(body.match(/toolu_simulated_\w+/gu)).size).toBe(2);
    expect(orderOf(await streamed("tool_index_zero", "openai-completions"))).toBe(clean["openai-completions"]);
  });

  test("tool calls in one piece, and stop reasons that contradict the tools", async () => {
    const tools = [{ name: "look", input_schema: {} }];
    const whole = await streamed("tool_input_in_start", "anthropic-messages", { tools });
    expect(orderOf(whole)).toBe("S B0 P D0 E0 B1 E1 M X");
    expect(whole).toMatch(/"name":"look","input":\{"note":"simulated call/u);
    expect(orderOf(await streamed("tool_input_in_start", "anthropic-messages"))).toBe(clean["anthropic-messages"]);
    const ended = await streamed("tool_with_end_turn", "anthropic-messages", { tools });
    expect([orderOf(ended), ended.includes('"stop_reason":"end_turn"')]).toEqual(["S B0 P D0 E0 B1 D1 E1 M X", true]);
    expect(await streamed("tool_stop_without_tool", "anthropic-messages")).toContain('"stop_reason":"tool_use"');
    expect(await streamed("tool_stop_without_tool", "openai-completions")).toContain('"finish_reason":"tool_calls"');
    expect((await streamed("data_twice", "openai-completions")).match(/^data: data: /gmu)?.length).toBeGreaterThan(10);
  });

  test("usage in the choice, empty finish reasons, empty objects", async () => {
    expect(await streamed("usage_in_choice", "openai-completions")).toMatch(/"choices":\[\{[^\]]*"usage":\{"prompt_tokens"/u);
    expect((await streamed("empty_finish", "openai-completions")).match(/"finish_reason":""/gu)?.length).toBeGreaterThan(10);
    expect((await streamed("empty_object", "openai-completions")).match(/^data: \{\}$/gmu)?.length).toBeGreaterThan(10);
  });
});

test("the Anthropic SDK fails on them in the words of the report", async () => {
  for (const fault of ["dup_start", "dup_start_29", "restart_new_id", "restart_same_id"]) {
    await withFault(fault, async ({ url }) => {
      const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
      const asked = client.messages.stream({
        model: "k2p5",
        max_tokens: 10,
        messages: [{ role: "user", content: "Run FPL check..." }],
      });
      await expect(asked.finalMessage()).rejects.toThrow(
        'Unexpected event order, got message_start before receiving "message_stop"',
      );
    });
  }
});

describe("what stands in the bytes", () => {
  test("line ends, spaces, names, comments, marks", async () => {
    const plain = await streamed(undefined, "anthropic-messages");
    expect(await streamed("crlf", "anthropic-messages")).toBe(plain.replaceAll("\n", "\r\n"));
    expect(await streamed("cr", "anthropic-messages")).toBe(plain.replaceAll("\n", "\r"));
    expect(await streamed("no_space_data", "anthropic-messages")).toBe(plain.replaceAll(/^(event|data): /gmu, "$1:"));
    expect(await streamed("nameless_frames", "anthropic-messages")).toBe(plain.replaceAll(/^event: .*\n/gmu, ""));
    expect(await streamed("last_frame_open", "anthropic-messages")).toBe(plain.trimEnd());
    expect(await streamed("data_before_event", "anthropic-messages")).toBe(
      plain.replaceAll(/^(event: .*)\n(data: .*)$/gmu, "$2\n$1"),
    );
    expect((await streamed("comments", "openai-completions")).match(/^: OPENROUTER PROCESSING$/gmu)?.length).toBeGreaterThan(10);
    expect((await streamed("empty_data", "openai-completions")).match(/^data:$/gmu)?.length).toBeGreaterThan(10);
    const bytes = await withFault("bom", async ({ url }) => bytesOf(await ask(url, "anthropic-messages", bodyFor(true))));
    expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    for (const dialect of dialects)
      expect(await streamed("empty_deltas", dialect)).toContain(
        dialect === "anthropic-messages" ? '"text":""}}' : '"content":""}',
      );
  });

  test("a byte that is not UTF-8, inside the text", async () => {
    for (const dialect of dialects) {
      const bytes = await withFault("invalid_utf8", async ({ url }) => bytesOf(await ask(url, dialect, bodyFor(true))));
      expect(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes)).toThrow(TypeError);
      expect(textOf(new TextDecoder().decode(bytes))).toContain("\uFFFD");
    }
  });

  test.each([true, false])("gzip without its label, whole and ruined (stream %s)", async (stream) => {
    for (const dialect of dialects) {
      const raw = await withFault(
        "gzip_unlabelled",
        async ({ url }) => await ask(url, dialect, bodyFor(stream)).then(async (r) => ({ r, bytes: await bytesOf(r) })),
      );
      expect(raw.r.headers.has("content-encoding")).toBe(false);
      const unpacked = gunzipSync(raw.bytes).toString();
      expect(stream ? orderOf(unpacked) : typeof JSON.parse(unpacked)).toBe(stream ? clean[dialect] : "object");
      const ruined = await withFault("gzip_ruin", async ({ url }) => bytesOf(await ask(url, dialect, bodyFor(stream))));
      expect([...ruined.subarray(0, 4)]).toEqual([0x1f, 0xef, 0xbf, 0xbd]);
    }
  });

  test.each([true, false])("an HTML page, and nothing at all, with status 200 (stream %s)", async (stream) => {
    for (const dialect of dialects) {
      const html = await withFault(
        "html_body",
        async ({ url }) => await ask(url, dialect, bodyFor(stream)).then(async (r) => ({ r, text: await r.text() })),
      );
      expect(html.r.status).toBe(200);
      expect(html.r.headers.get("content-type")).toMatch(/^text\/html/u);
      expect(html.text).toMatch(/^<!DOCTYPE html>/u);
      const empty = await withFault("empty_stream", async ({ url }) => bytesOf(await ask(url, dialect, bodyFor(stream))));
      expect(empty).toHaveLength(0);
    }
  });

  test.each(dialects)("JSON for a stream and a stream for JSON (%s)", async (dialect) => {
    const json = await withFault("json_for_stream", async ({ url }) => (await ask(url, dialect, bodyFor(true))).json());
    expect(JSON.stringify(json)).toContain("Simulated answer 1.1");
    const sse = await withFault("sse_for_nonstream", async ({ url }) => (await ask(url, dialect, bodyFor(false))).text());
    expect(orderOf(sse)).toBe(clean[dialect]);
    const then = await withFault("json_then_done", async ({ url }) => (await ask(url, dialect, bodyFor(false))).text());
    expect(then).toMatch(/^\{.*\}\n\ndata: \[DONE\]\n\n$/u);
    const odd = await withFault("garbage", async ({ url }) => (await ask(url, dialect, bodyFor(false))).text());
    expect(odd).toMatch(/^\{/u);
    expect(() => JSON.parse(odd)).toThrow(SyntaxError);
    const typed = await withFault("json_content_type", async ({ url }) => await ask(url, dialect, bodyFor(true)));
    expect(typed.headers.get("content-type")).toBe("application/json");
  });
});

test("every fault named in the catalogue has a test of its bytes, and streams-only faults leave plain requests alone", async () => {
  const elsewhere =
    "tool_input_in_start tool_with_end_turn data_twice interleaved_blocks tool_index_zero tool_index_missing tool_index_gap empty_object invalid_utf8 gzip_ruin gzip_unlabelled html_body empty_stream bom empty_data empty_deltas json_for_stream sse_for_nonstream json_then_done hang hang_before_headers reset premature_close reset_before_headers open_after_stop pings_without_stop".split(
      " ",
    );
  const streams = simulatedFaults.filter(({ name }) => !Object.hasOwn(orders, name) && !elsewhere.includes(name));
  // What is left are the HTTP failures, which have a table of their own.
  expect(streams.every(({ streamedOnly }) => !streamedOnly)).toBe(true);
  for (const { name } of simulatedFaults.filter(({ streamedOnly }) => streamedOnly)) {
    const log = await withFault(name, async (provider) => {
      const message: { content: { text: string }[] } = JSON.parse(
        await (await ask(provider.url, "anthropic-messages", bodyFor(false))).text(),
      );
      expect([name, judgeText(message.content[0]?.text ?? "")]).toEqual([name, "right"]);
      return provider.log;
    });
    expect(log[0]).toMatchObject({ fault: undefined, ending: "whole", stream: false });
  }
});
