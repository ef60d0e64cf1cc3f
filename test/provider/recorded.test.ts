import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProviderError, StreamError, type StreamRecording } from "../../src/errors.ts";
import type { Dialect } from "../../src/provider/provider.ts";
import { recordedBody, replayRecording, type Replay } from "../../src/provider/recorded.ts";
import { createRecorder, longestRecording } from "../../src/provider/recording/recorder.ts";
import { simulatedFaults } from "../../src/provider/script.ts";
import { createStreamReader } from "../../src/provider/sse.ts";
import type { Frame, StreamEnd } from "../../src/stream/event.ts";
import { anthropicEvents, frameOf, generation, openaiChunks } from "../stream/wire.ts";
import { ask, bodyFor, dialects, withFault } from "./simulated/ask.ts";

const numRuns = Number(process.env["PROPERTY_RUNS"] ?? 400);
const hash = (value: string): string => `#${createHash("sha256").update(value).digest("hex").slice(0, 8)}`;

interface Verdict {
  readonly outcome: Replay["outcome"];
  readonly reason: string | undefined;
  readonly repairs: readonly string[];
}

interface Played extends Verdict {
  readonly recording: StreamRecording;
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly afterMs: number;
}

/** Reads a body as the provider's adapter does and records it. */
function play(
  dialect: Dialect,
  pieces: readonly Piece[],
  mode: StreamRecording["mode"] = "shape",
  end: StreamEnd = "eof",
): Played {
  let now = 1_000;
  const recorder = createRecorder({
    mode,
    dialect,
    asked: "events",
    status: 200,
    secrets: ["sekrit-key-123"],
    now: () => now,
    hash,
  });
  const reader = createStreamReader(dialect, { asked: "events", watch: recorder });
  const codes = (): string[] => reader.repairs.map(({ code }) => code);
  try {
    for (const { bytes, afterMs } of pieces) {
      now += afterMs;
      recorder.chunk(bytes);
      reader.push(bytes);
      if (reader.done) break;
    }
    if (!reader.done) {
      recorder.ended(end);
      reader.end(end);
    }
    return {
      outcome: codes().length > 0 ? "repaired" : "clean",
      reason: undefined,
      repairs: codes(),
      recording: recorder.finish("done", undefined),
    };
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return { outcome: "refused", reason: error.reason, repairs: codes(), recording: recorder.finish("refused", error.reason) };
  }
}

const sse = (frames: readonly Frame[]): string =>
  frames.map(({ event, data }) => `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`).join("");
const one = (text: string): Piece[] => [{ bytes: Buffer.from(text), afterMs: 0 }];
const verdictOf = ({ outcome, repairs, error }: Replay): Verdict => ({
  outcome,
  reason: error?.reason,
  repairs: repairs.map(({ code }) => code),
});
const verdict = ({ outcome, reason, repairs }: Verdict): Verdict => ({ outcome, reason, repairs });

/** The recording of a recording that is played once more. */
function again(dialect: Dialect, recording: StreamRecording): string {
  const body = recordedBody(recording);
  const end = body.how === "done" || body.how === "refused" ? "eof" : (body.how as StreamEnd);
  return play(
    dialect,
    body.chunks.map(({ text, afterMs }) => ({ bytes: Buffer.from(text), afterMs })),
    "shape",
    end,
  ).recording.text;
}

const change = fc.record({ verb: fc.constantFrom("duplicate", "drop", "move"), from: fc.nat(1000), to: fc.nat(1000) });
type Change = { readonly verb: string; readonly from: number; readonly to: number };

function changed(frames: readonly Frame[], { verb, from, to }: Change): Frame[] {
  const at = from % frames.length;
  const item = frames[at];
  if (item === undefined) return [...frames];
  const rest = verb === "duplicate" ? [...frames] : frames.filter((_, place) => place !== at);
  if (verb !== "drop") rest.splice(to % (rest.length + 1), 0, item);
  return rest;
}

/** Streams of one generation or of two, whole, cut, spliced, with events lost, doubled and moved. */
const broken = fc
  .record({
    dialect: fc.constantFrom<Dialect>(...dialects),
    first: generation("a"),
    second: fc.option(generation("b")),
    changes: fc.array(change, { maxLength: 3 }),
    cut: fc.option(fc.nat(1000)),
    sameId: fc.boolean(),
  })
  .map(({ dialect, first, second, changes, cut, sameId }) => {
    const frames = (which: typeof first, id: string): Frame[] =>
      dialect === "anthropic-messages"
        ? anthropicEvents(which, id).map(frameOf)
        : openaiChunks(which, id).map((each) => each.frame);
    let all = frames(first, "msg_1");
    for (const each of changes) all = changed(all, each);
    if (cut !== null) all = all.slice(0, cut % (all.length + 1));
    if (second !== null) all = [...all, ...frames(second, sameId ? "msg_1" : "msg_2")];
    return { dialect, frames: all };
  });

const ends = fc.constantFrom<StreamEnd>("eof", "transport_error", "idle_after_stop_reason", "idle_timeout");
const gaps = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 5 });

const delta = (words: string): Frame => ({
  event: "content_block_delta",
  data: JSON.stringify({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: words } }),
});

describe("a recorded shape", () => {
  it("played again is proven or refused as the stream was, and has the same shape", () => {
    fc.assert(
      fc.property(broken, ends, gaps, ({ dialect, frames }, end, waits) => {
        const pieces = frames.map((frame, at) => ({ bytes: Buffer.from(sse([frame])), afterMs: waits[at % waits.length] ?? 0 }));
        const played = play(dialect, pieces, "shape", end);
        expect(verdictOf(replayRecording(played.recording, dialect))).toEqual(verdict(played));
        expect(again(dialect, played.recording)).toBe(played.recording.text);
      }),
      { numRuns },
    );
  });

  it("holds nothing that was said, no id and no name of a tool in clear", () => {
    const secret = fc.stringMatching(/^zq[a-z]{8,20}$/);
    fc.assert(
      fc.property(secret, secret, secret, secret, fc.constantFrom<Dialect>(...dialects), (said, id, tool, key, dialect) => {
        const input = JSON.stringify({ [key]: said });
        const frames: Frame[] =
          dialect === "anthropic-messages"
            ? [
                {
                  type: "message_start",
                  message: {
                    id,
                    type: "message",
                    role: "assistant",
                    model: id,
                    content: [],
                    usage: { input_tokens: 1 },
                    [key]: said,
                  },
                },
                {
                  type: "content_block_start",
                  index: 0,
                  content_block: { type: "text", text: said, citations: [{ cited_text: said }] },
                },
                { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: said } },
                { type: "content_block_stop", index: 0 },
                {
                  type: "content_block_start",
                  index: 1,
                  content_block: { type: "tool_use", id, name: tool, input: { [key]: said } },
                },
                { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: input } },
                { type: said, [key]: said },
                { type: "error", error: { type: "api_error", message: said } },
              ].map((event) => ({ event: event.type, data: JSON.stringify(event) }))
            : [
                {
                  id,
                  model: id,
                  choices: [{ index: 0, delta: { role: "assistant", content: said, [key]: said }, finish_reason: null }],
                },
                {
                  id,
                  choices: [
                    {
                      index: 0,
                      delta: { tool_calls: [{ index: 0, id, function: { name: tool, arguments: input } }] },
                      logprobs: { content: [{ token: said }] },
                    },
                  ],
                },
                { error: { message: said, code: 500 } },
              ].map((event) => ({ data: JSON.stringify(event) }));
        const { recording } = play(dialect, one(`: ${said}\n\n${sse(frames)}data: ${said}\n\n`));
        // An unknown type of event is a word of the protocol, but nothing else is.
        const text = recording.text.replaceAll(`"type":"${said}"`, "").replaceAll(`,"${said}",`, "");
        for (const word of [said, id, tool, key]) expect(text).not.toContain(word);
      }),
      { numRuns: 100 },
    );
  });

  it("counts equal deltas, and stays within its limit", () => {
    const start = anthropicEvents({ thinking: [], text: [], tools: [], more: [], parallel: false, usage: 0 }, "m").map(frameOf);
    const [begin, block, ping, ...rest] = start as [Frame, Frame, Frame, ...Frame[]];
    const { recording } = play(
      "anthropic-messages",
      one(sse([begin, block, ...Array.from({ length: 5_000 }, (_, at) => delta(`word${at} `)), ping, ...rest])),
    );
    expect(recording.text.split("\n")).toHaveLength(9);
    expect(recording.text).toContain('"text":"~"}},5000,');
    const irregular = Array.from({ length: 20_000 }, (_, at) => [delta(`w${at}`), ping]).flat();
    const long = play("anthropic-messages", one(sse([begin, block, ...irregular, ...rest])));
    expect(long.recording.text.length).toBeLessThanOrEqual(longestRecording.shape);
    expect(long.recording.text).toMatch(/\n\["cut",\d+\]\n\["end","done"\]$/);
    expect(replayRecording(long.recording, "anthropic-messages")).toMatchObject({
      outcome: "refused",
      error: { reason: "recording_cut" },
    });
  });
});

describe("every simulated fault of a stream", () => {
  const faults = simulatedFaults.filter(({ group }) => /^(?:stream|empty|openai|anthropic)/.test(group)).map(({ name }) => name);

  it.each(faults)("%s is judged the same when its recording is played again", async (fault) => {
    for (const dialect of dialects) {
      const pieces: Piece[] = [];
      let end: StreamEnd = "eof";
      await withFault(fault, async ({ url }) => {
        try {
          const response = await ask(url, dialect, bodyFor(true), { signal: AbortSignal.timeout(400) });
          for await (const bytes of response.body ?? []) pieces.push({ bytes, afterMs: 1 });
        } catch {
          end = "transport_error";
        }
      });
      for (const mode of ["shape", "full"] as const) {
        const played = play(dialect, pieces, mode, end);
        const replay = replayRecording(played.recording, dialect);
        // What repeats itself word for word, and broken bytes, are told by words that a shape does not have.
        const wordsMatter = mode === "shape" && /^(?:cumulative_text|malformed_frame|invalid_utf8)$/.test(played.reason ?? "");
        expect({ mode, dialect, ...verdictOf(replay) }).toEqual({
          mode,
          dialect,
          ...verdict(played),
          ...(wordsMatter ? verdictOf(replay) : {}),
        });
      }
    }
  });

  it("there are enough of them", () => {
    expect(faults.length).toBeGreaterThan(60);
  });
});

describe("a full recording", () => {
  it("holds the bytes as text without the keys, and gives the answer again", () => {
    const frames = anthropicEvents(
      { thinking: [], text: ["my sekrit-", "key-123 is sekrit-key-123"], tools: [], more: [], parallel: false, usage: 0 },
      "m",
    ).map(frameOf);
    const bytes = Buffer.from(sse(frames));
    const cut = bytes.indexOf("sekrit-key") + 5;
    const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)].map((part) => ({ bytes: part, afterMs: 3 }));
    const { recording } = play("anthropic-messages", pieces, "full");
    expect(recording.text).not.toContain("sekrit-key-123");
    const { outcome, message } = replayRecording(recording, "anthropic-messages");
    expect({ outcome, text: message?.text }).toEqual({
      outcome: "clean",
      text: "my sekrit-key-123 is [redacted]".replace("sekrit-key-123", message?.text.slice(3, 17) ?? ""),
    });
  });

  it("is cut at its limit and says so", () => {
    const long = one(sse([{ data: JSON.stringify({ a: "x".repeat(longestRecording.full) }) }]));
    const { recording } = play("anthropic-messages", [...long, ...long], "full");
    expect(recording.text.length).toBeLessThanOrEqual(longestRecording.full);
    expect(recording.text).toContain('["cut",');
  });

  it("refuses what is no recording, and a recording of the other dialect", () => {
    expect(() => recordedBody({ mode: "shape", text: "hello" })).toThrow("no recording");
    const { recording } = play("openai-completions", one("data: [DONE]\n\n"));
    expect(() => replayRecording(recording, "anthropic-messages")).toThrow("is of openai-completions");
  });
});

describe("an answer and an error of a provider", () => {
  it("carry what was recorded when it was asked for, and nothing otherwise", async () => {
    const { createProvider } = await import("../../src/provider/index.ts");
    const asked = {
      body: bodyFor(true),
      model: "m",
      stream: true,
      headers: {},
      query: "",
      limits: { firstByteMs: 5_000, idleMs: 5_000, tryMs: 5_000 },
      signal: AbortSignal.timeout(10_000),
    };
    const providerAt = (url: string) =>
      createProvider({
        id: "p",
        dialect: "anthropic-messages",
        baseUrl: url,
        apiKey: undefined,
        headers: {},
        sseQuirks: { tolerateOutOfOrderEvents: true },
      });
    await withFault(undefined, async ({ url }) => {
      expect(await providerAt(url).ask(asked)).not.toHaveProperty("recording");
      const { recording } = await providerAt(url).ask({ ...asked, record: "shape" });
      expect(replayRecording(recording ?? { mode: "shape", text: "" }, "anthropic-messages")).toMatchObject({ outcome: "clean" });
      const plain = await providerAt(url).ask({ ...asked, stream: false, record: "shape" });
      expect(replayRecording(plain.recording ?? { mode: "shape", text: "" }, "anthropic-messages")).toMatchObject({
        outcome: "clean",
      });
    });
    await withFault("restart_new_id", async ({ url }) => {
      const error: unknown = await providerAt(url)
        .ask({ ...asked, record: "shape" })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ProviderError);
      const { recording, reason } = error as ProviderError;
      expect(reason).toBe("spliced_message");
      expect(recording?.text).toMatch(/\["end","refused","spliced_message"\]$/);
    });
  });
});
