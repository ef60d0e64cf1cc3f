/**
 * What the normaliser costs, beside the official SDKs on the same bytes in the same run: `node bench/normalizer.ts`.
 * One message in 16 KiB chunks; each figure is the median of interleaved rounds, because the machine's speed changes while it
 * runs. Ratios are what counts. `BENCH_MB` (default 8) sets the size of the long messages, `BENCH_ROUNDS` (default 7) the rounds.
 */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { repairingFetch } from "../src/provider/repairing-fetch.ts";
import { createRecorder } from "../src/provider/recording/recorder.ts";
import { createStreamReader } from "../src/provider/sse.ts";
import type { StreamDialect } from "../src/stream/event.ts";

const megabytes = Number(process.env["BENCH_MB"] ?? 8);
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 7);
const chunkBytes = 16 * 1024;
const encoder = new TextEncoder();

const named = (event: { type: string; [key: string]: unknown }): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const start = named({
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "k2p5",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 9, output_tokens: 1 },
  },
});
const blockStart = (index: number, block: object): string => named({ type: "content_block_start", index, content_block: block });
const blockDelta = (index: number, delta: object): string => named({ type: "content_block_delta", index, delta });
const blockStop = (index: number): string => named({ type: "content_block_stop", index });
const end = (reason: string): string =>
  named({ type: "message_delta", delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 99 } }) +
  named({ type: "message_stop" });
const word = (at: number): string => ["the ", "quick ", "brown ", "fox ", "jumps ", "over ", "a ", "lazy "][at % 8] ?? "";
const long = (at: number): string => `${at} ${"lorem ipsum dolor sit amet ".repeat(74)}`;

function until(bytes: number, make: (at: number) => string): string[] {
  const out: string[] = [];
  for (let size = 0, at = 0; size < bytes; at++) {
    const text = make(at);
    size += text.length;
    out.push(text);
  }
  return out;
}

function split(text: string): Uint8Array[] {
  const bytes = encoder.encode(text);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  return chunks;
}

const size = megabytes * 1024 * 1024;
const text = (index: number, piece: (at: number) => string, bytes = size): string[] =>
  until(bytes, (at) => blockDelta(index, { type: "text_delta", text: piece(at) }));
const clean = (piece: (at: number) => string, bytes = size): string =>
  start + blockStart(0, { type: "text", text: "" }) + text(0, piece, bytes).join("") + blockStop(0) + end("end_turn");
/** The same with everything that can be put right: repeated starts, an index gap, stray and missing stops, no event lines. */
const irregular = (piece: (at: number) => string): string =>
  start.repeat(29) +
  blockStart(3, { type: "text" }) +
  blockStop(7) +
  text(3, piece)
    .map((each, at) => (at % 1000 === 500 ? each + start : each))
    .join("") +
  end("end_turn");
const tool = (bytes: number): string => {
  const json = JSON.stringify({ content: 'a "line" of text\n'.repeat(Math.ceil(bytes / 20)) }).slice(0, bytes - 2) + '"}';
  const safe = json.endsWith('\\"}') ? `${json.slice(0, -3)}x"}` : json;
  const pieces = Array.from({ length: Math.ceil(safe.length / 12) }, (_, at) => safe.slice(at * 12, at * 12 + 12));
  return (
    start +
    blockStart(0, { type: "tool_use", id: "t", name: "write", input: {} }) +
    pieces.map((piece) => blockDelta(0, { type: "input_json_delta", partial_json: piece })).join("") +
    blockStop(0) +
    end("tool_use")
  );
};
const chunk = (choices: unknown[], more: object = {}): string =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-x", choices, ...more })}\n\n`;
const openai = (piece: (at: number) => string): string =>
  chunk([{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }]) +
  until(size, (at) => chunk([{ index: 0, delta: { content: piece(at) }, logprobs: null, finish_reason: null }])).join("") +
  chunk([{ index: 0, delta: {}, finish_reason: "stop" }]) +
  "data: [DONE]\n\n";

type Task = () => unknown;

const reader =
  (dialect: StreamDialect, chunks: readonly Uint8Array[], assemble = true): Task =>
  () => {
    const machine = createStreamReader(dialect, { assemble });
    let released = 0;
    for (const bytes of chunks) released += encoder.encode(machine.push(bytes)).length;
    released += encoder.encode(machine.end("eof")).length;
    return released + (assemble ? machine.message().text.length : 0);
  };

/** The same with the shape of the stream recorded, as every run does unless its job says otherwise. */
const recording =
  (dialect: StreamDialect, chunks: readonly Uint8Array[]): Task =>
  () => {
    const recorder = createRecorder({ mode: "shape", dialect, asked: "events", status: 200, secrets: [] });
    const machine = createStreamReader(dialect, { watch: recorder });
    for (const bytes of chunks) {
      recorder.chunk(bytes);
      machine.push(bytes);
    }
    machine.end("eof");
    return machine.message().text.length + recorder.finish("done", undefined).text.length;
  };

const body = (chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const next = chunks[at++];
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
};
const given =
  (chunks: readonly Uint8Array[]): typeof fetch =>
  () =>
    Promise.resolve(new Response(body(chunks), { headers: { "content-type": "text/event-stream" } }));
const ask = { model: "m", max_tokens: 1, messages: [{ role: "user" as const, content: "x" }] };
const sdk =
  (chunks: readonly Uint8Array[], wrap: (send: typeof fetch) => typeof fetch = (send) => send): Task =>
  async () =>
    (await new Anthropic({ apiKey: "k", maxRetries: 0, fetch: wrap(given(chunks)) }).messages.stream(ask).finalMessage()).content
      .length;
const openaiSdk =
  (chunks: readonly Uint8Array[]): Task =>
  async () =>
    (await new OpenAI({ apiKey: "k", maxRetries: 0, fetch: given(chunks) }).chat.completions.stream(ask).finalChatCompletion())
      .choices.length;
const repaired = (send: typeof fetch): typeof fetch => repairingFetch({ fetch: send });

async function measure(
  tasks: readonly { name: string; run: Task }[],
): Promise<Map<string, { median: number; min: number; max: number }>> {
  const times = new Map(tasks.map(({ name }) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, run } of tasks) {
      globalThis.gc?.();
      const before = performance.now();
      await run();
      if (round >= 0) times.get(name)?.push(performance.now() - before);
    }
  }
  const summary = new Map<string, { median: number; min: number; max: number }>();
  for (const [name, list] of times) {
    const sorted = list.toSorted((a, b) => a - b);
    summary.set(name, { median: sorted[sorted.length >> 1] ?? 0, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 });
  }
  return summary;
}

async function table(
  title: string,
  bytes: number,
  against: string,
  tasks: readonly { name: string; run: Task }[],
): Promise<void> {
  const results = await measure(tasks);
  const base = results.get(against)?.median ?? 0;
  console.log(`\n${title} (${(bytes / 1e6).toFixed(2)} MB)\n`);
  console.log("| stage | median ms [min..max] | MB/s | speed against the SDK |\n|---|---|---|---|");
  for (const [name, { median, min, max }] of results) {
    console.log(
      `| ${name} | ${median.toFixed(1)} [${min.toFixed(1)}..${max.toFixed(1)}] | ${(bytes / 1e3 / median).toFixed(0)} | ${(base / median).toFixed(2)} × |`,
    );
  }
}

async function anthropicTable(title: string, piece: (at: number) => string): Promise<void> {
  const regular = split(clean(piece));
  const broken = split(irregular(piece));
  const bytes = regular.reduce((sum, each) => sum + each.length, 0);
  await table(title, bytes, "SDK finalMessage", [
    { name: "SDK finalMessage", run: sdk(regular) },
    { name: "normaliser, clean, with message()", run: reader("anthropic-messages", regular) },
    { name: "normaliser, clean, with message(), shape recorded", run: recording("anthropic-messages", regular) },
    { name: "normaliser, clean, pass-through only", run: reader("anthropic-messages", regular, false) },
    { name: "normaliser, repaired, with message()", run: reader("anthropic-messages", broken) },
    { name: "SDK behind repairingFetch, clean", run: sdk(regular, repaired) },
    { name: "SDK behind repairingFetch, repaired", run: sdk(broken, repaired) },
  ]);
}

console.log(`Node ${process.version}, ${chunkBytes / 1024} KiB chunks, median of ${rounds} interleaved rounds`);
await anthropicTable("anthropic, one word a delta", word);
await anthropicTable("anthropic, 2,000 characters a delta", long);
for (const kilobytes of [10, 100, 1000]) {
  const stream = split(tool(kilobytes * 1000));
  const bytes = stream.reduce((sum, each) => sum + each.length, 0);
  await table(`anthropic, ${kilobytes} KB of tool input, 12 characters a delta`, bytes, "SDK finalMessage", [
    { name: "SDK finalMessage", run: sdk(stream) },
    { name: "normaliser, with message()", run: reader("anthropic-messages", stream) },
    { name: "normaliser, with message(), shape recorded", run: recording("anthropic-messages", stream) },
  ]);
}
for (const [title, piece] of [
  ["openai, one word a chunk", word],
  ["openai, 2,000 characters a chunk", long],
] as const) {
  const stream = split(openai(piece));
  const bytes = stream.reduce((sum, each) => sum + each.length, 0);
  await table(title, bytes, "SDK finalChatCompletion", [
    { name: "SDK finalChatCompletion", run: openaiSdk(stream) },
    { name: "normaliser, with message()", run: reader("openai-completions", stream) },
    { name: "normaliser, with message(), shape recorded", run: recording("openai-completions", stream) },
  ]);
}
