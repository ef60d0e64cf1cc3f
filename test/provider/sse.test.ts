import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StreamError } from "../../src/errors.ts";
import type { AssembledMessage, StreamDialect, StreamEnd } from "../../src/stream/event.ts";
import { maxFrameChars } from "../../src/provider/event-text.ts";
import { createStreamReader, type StreamReaderOptions } from "../../src/provider/sse.ts";
import {
  anthropicEvents,
  B,
  BTool,
  chunk,
  choice,
  D,
  DJson,
  E,
  generation,
  M,
  openaiChunks,
  ping,
  S,
  wire,
  X,
} from "../stream/wire.ts";

interface Read {
  out: string;
  message?: AssembledMessage;
  error?: StreamError;
  repairs: string[];
}

function read(
  chunks: Iterable<Uint8Array>,
  dialect: StreamDialect,
  end: StreamEnd = "eof",
  options: StreamReaderOptions = {},
): Read {
  const reader = createStreamReader(dialect, options);
  let out = "";
  const repairs = (): string[] => reader.repairs.map((repair) => repair.code);
  try {
    for (const bytes of chunks) out += reader.push(bytes);
    out += reader.end(end);
    return { out, message: reader.message(), repairs: repairs() };
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return { out: out + reader.unreleased(), error, repairs: repairs() };
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const readText = (text: string, options: StreamReaderOptions = {}, end: StreamEnd = "eof"): Read =>
  read([bytes(text)], "anthropic-messages", end, options);
const good = wire([S(), B(0), D(0, "Grüße 😀"), E(0), M(), X]);

function* cutAt(whole: Uint8Array, places: readonly number[]): Generator<Uint8Array> {
  let from = 0;
  for (const place of [...new Set(places.map((each) => each % (whole.length + 1)))].toSorted((a, b) => a - b)) {
    yield whole.subarray(from, place);
    from = place;
  }
  yield whole.subarray(from);
}

const spoil = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.replaceAll("\n", "\r\n"),
  (text) => text.replaceAll("\n", "\r"),
  (text) => `\uFEFF${text}`,
  (text) => text.replaceAll("data: ", "data:"),
  (text) => text.replaceAll("\n\n", "\n: KEEP-ALIVE\nid: 7\n\n"),
  (text) => text.replaceAll(/event: (.*)\ndata: (.*)\n/g, "data: $2\nevent: $1\n"),
  (text) => text.replaceAll(/event: .*\n/g, ""),
  (text) => text.trimEnd(),
  (text) => text.slice(0, text.length >> 1),
  (text) => text.replace('"delta"', '"del\n\nta"'),
  (text) => text.replace('data: {"type":"content_block_delta"', '"content_block_delta"'),
  (text) => text.replace("\n\n", "\n\nlost: half\n\n"),
);

test("cutting the bytes anywhere changes nothing", () => {
  fc.assert(
    fc.property(
      generation("a"),
      fc.constantFrom<StreamDialect>("anthropic-messages", "openai-completions"),
      spoil,
      fc.option(fc.nat(5000), { nil: undefined }),
      fc.array(fc.nat(5000), { maxLength: 12 }),
      (one, dialect, change, badByte, cuts) => {
        const events =
          dialect === "anthropic-messages"
            ? wire(anthropicEvents(one, "m"))
            : openaiChunks(one, "m")
                .map(({ frame }) => `data: ${frame.data}\n\n`)
                .join("");
        const whole = bytes(change(events));
        if (badByte !== undefined) whole[badByte % whole.length] = 0xff;
        const once = read([whole], dialect);
        const cut = read(cutAt(whole, cuts), dialect);
        expect({ ...cut, error: cut.error?.message, reason: cut.error?.reason }).toEqual({
          ...once,
          error: once.error?.message,
          reason: once.error?.reason,
        });
      },
    ),
    { numRuns: 1000 },
  );
});

test("byte by byte, with characters of up to four bytes", () => {
  const whole = bytes(good);
  const result = read(
    Array.from(whole, (_, at) => whole.subarray(at, at + 1)),
    "anthropic-messages",
  );
  expect(result.out).toBe(good);
  expect(result.message?.text).toBe("Grüße 😀");
});

test("the owner of a chunk may use its memory again", () => {
  const whole = bytes(good);
  const reader = createStreamReader("anthropic-messages");
  const buffer = new Uint8Array(3);
  let out = "";
  for (let at = 0; at < whole.length; at += 3) {
    const piece = whole.subarray(at, at + 3);
    buffer.set(piece);
    out += reader.push(buffer.subarray(0, piece.length));
    buffer.fill(0xff);
  }
  expect(out).toBe(good);
});

describe("forms of a good stream", () => {
  test.each([
    ["CRLF", good.replaceAll("\n", "\r\n")],
    ["CR", good.replaceAll("\n", "\r")],
    ["byte order mark", `\uFEFF${good}`],
    ["no space after the colon (52)", good.replaceAll(/(event|data): /g, "$1:")],
    ["comments, ids and retry (60)", good.replaceAll("\n\n", "\n: OPENROUTER PROCESSING\nid: 1\nretry: 10\n\n")],
    ["data before event", good.replaceAll(/event: (.*)\ndata: (.*)\n/g, "data: $2\nevent: $1\n")],
    ["last frame without its blank line", good.trimEnd()],
    ["white space in front", `\n\n${good}`],
  ])("%s", (_name, text) => {
    const result = readText(text);
    expect(result.error).toBeUndefined();
    expect(result.message?.text).toBe("Grüße 😀");
    expect(result.repairs).toEqual([]);
    expect(result.out).toBe(good);
  });

  test("data in several lines comes out in one", () => {
    const result = readText(good.replace(`"index":0,"delta"`, `"index":0,\ndata: "delta"`));
    expect(result.out).toBe(good);
  });

  test("frames without event lines get them (50)", () => {
    const result = readText(good.replaceAll(/event: .*\n/g, ""));
    expect(result.out).toBe(good);
    expect(result.repairs).toEqual(["event_name"]);
  });

  test("each data line with its name twice (54)", () => {
    const result = readText(good.replaceAll("data: ", "data: data: "));
    expect(result.out).toBe(good);
    expect(result.repairs).toEqual(["double_data"]);
  });

  test("an event with empty data is dropped (51)", () => {
    const result = readText(good.replace("event: content_block_stop", "event: ping\ndata:\n\nevent: content_block_stop"));
    expect(result.out).toBe(good);
    expect(result.repairs).toEqual(["empty_frame"]);
  });
});

describe("the end", () => {
  const certified = wire([S(), B(0), D(0, "a"), E(0), M()]);

  test("done at message_stop, whatever follows in the same chunk (37)", () => {
    const reader = createStreamReader("anthropic-messages");
    expect(reader.push(bytes(`${good}data: [DONE]\n\nevent: error\ndata: {}\n\n\u0000<`))).toBe(good);
    expect(reader.done).toBe(true);
    expect(reader.push(bytes("more"))).toBe("");
    expect(reader.end("transport_error")).toBe("");
  });

  test.each<[StreamEnd, string | undefined]>([
    ["eof", undefined],
    ["idle_after_stop_reason", undefined],
    ["transport_error", undefined],
    ["idle_timeout", "idle_timeout"],
  ])("certified, then %s", (end, reason) => {
    const reader = createStreamReader("anthropic-messages");
    reader.push(bytes(certified));
    expect(reader.certified).toBe(true);
    expect(readText(certified, {}, end).error?.reason).toBe(reason);
  });

  test.each<[StreamEnd, string]>([
    ["eof", "truncated"],
    ["transport_error", "transport"],
    ["idle_timeout", "idle_timeout"],
  ])("not certified, then %s", (end, reason) => {
    const { error } = readText(wire([S(), B(0), D(0, "a"), ping]), {}, end);
    expect(error).toMatchObject({ reason, action: "retry", contentSeen: true, usage: { inputTokens: 7, outputTokens: 1 } });
  });

  test("a frame cut in half at the end: ignored after the stop reason, else truncated", () => {
    expect(readText(`${certified}event: message_stop\ndata: {"type":"mess`).message?.text).toBe("a");
    expect(readText(`${wire([S(), B(0), D(0, "a")])}event: content_block_delta\ndata: {"type":"content`).error?.reason).toBe(
      "truncated",
    );
  });

  test("a character cut in half at the end", () => {
    const whole = bytes(wire([S(), B(0), D(0, "a😀")]));
    const cut = whole.subarray(0, whole.lastIndexOf(0xf0) + 2);
    expect(read([cut], "anthropic-messages").error?.reason).toBe("truncated");
  });
});

const refused = (body: Uint8Array | string, options: StreamReaderOptions = {}): Partial<StreamError> => {
  const { error } = read([typeof body === "string" ? bytes(body) : body], "anthropic-messages", "eof", options);
  return { reason: error?.reason, action: error?.action } as Partial<StreamError>;
};

describe("bodies that are not what they should be", () => {
  test("gzip, and gzip ruined by a proxy that took it for text (57)", () => {
    expect(refused(new Uint8Array([0x1f, 0x8b, 8, 0]))).toEqual({ reason: "compressed_body", action: "retry" });
    expect(refused(new Uint8Array([0x1f, 0xef, 0xbf, 0xbd, 8]))).toEqual({ reason: "compressed_body", action: "retry" });
  });

  test("HTML: asked again if it looks like an overloaded edge, else given up", () => {
    expect(refused("<!doctype html><title>Sign in</title>")).toEqual({ reason: "html_body", action: "fall_back" });
    expect(refused("<html><h1>502 Bad Gateway</h1>")).toEqual({ reason: "html_body", action: "retry" });
    expect(refused("<html>", { status: 503 })).toEqual({ reason: "html_body", action: "retry" });
  });

  test("neither events nor JSON", () => {
    expect(refused("upstream connect error or disconnect/reset before headers")).toEqual({
      reason: "unexpected_body",
      action: "retry",
    });
    expect(refused("[1,2]")).toEqual({ reason: "unexpected_body", action: "retry" });
    expect(refused('{"hello":1}')).toEqual({ reason: "unexpected_body", action: "retry" });
    expect(refused("")).toEqual({ reason: "empty_stream", action: "retry" });
    expect(refused(" \n")).toEqual({ reason: "empty_stream", action: "retry" });
    expect(refused('{"id":"msg_1","content":[')).toEqual({ reason: "truncated", action: "retry" });
  });

  test("bytes that are not UTF-8 inside content (58)", () => {
    const whole = bytes(good);
    whole[whole.indexOf(0xf0)] = 0xff;
    expect(refused(whole).reason).toBe("invalid_utf8");
  });

  test("two frames glued together or one torn (53), also where the rest looks like a comment or an unknown field", () => {
    expect(refused(good.replace("}\n\nevent: content_block_stop", "}event: content_block_stop")).reason).toBe("malformed_frame");
    expect(refused(good.replace('"text_delta"', '"text_\n\ndelta"')).reason).toBe("malformed_frame");
    expect(refused(good.replace('data: {"type":"content_block_delta"', '{"type":"content_block_delta"')).reason).toBe(
      "malformed_frame",
    );
    expect(refused(good.replace('data: {"type":"content_block_delta"', ":")).reason).toBe("malformed_frame");
  });

  test("an event longer than the limit, in one line or in many", () => {
    const line = "x".repeat(1024 * 1024);
    const reader = createStreamReader("anthropic-messages");
    expect(() => {
      for (let at = 0; at <= maxFrameChars / line.length + 1; at++) reader.push(bytes(at === 0 ? `data: ${line}` : line));
    }).toThrow(expect.objectContaining({ reason: "frame_too_large" }));
    expect(refused(`data: ${line}\n`.repeat(18)).reason).toBe("frame_too_large");
    expect(refused(good, { maxBodyBytes: 100 }).reason).toBe("frame_too_large");
  });

  test("the same error again after a failure", () => {
    const reader = createStreamReader("anthropic-messages");
    const fail = (): string => reader.push(bytes("<html>503"));
    fail();
    expect(() => reader.end("eof")).toThrow(StreamError);
    expect(() => reader.push(bytes(good))).toThrow(expect.objectContaining({ reason: "html_body" }));
    expect(reader.done).toBe(false);
  });
});

describe("the other form", () => {
  const body = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "k2p5",
    content: [
      { type: "thinking", thinking: "hm", signature: "s" },
      { type: "text", text: "hello" },
      { type: "tool_use", id: "t1", name: "look", input: { a: [1] } },
    ],
    stop_reason: "tool_use",
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 20 },
  };

  test("JSON to a streamed request comes out as its events (56), also with an end marker behind it (55)", () => {
    for (const tail of ["", "\n\ndata: [DONE]\n\n"]) {
      const result = readText(JSON.stringify(body, null, 1) + tail, { asked: "events" });
      expect(result.message?.body).toEqual(body);
      expect(result.repairs).toEqual(["other_form"]);
      expect(readText(result.out).message?.body).toEqual(body);
    }
    expect(readText(JSON.stringify(body), { asked: "document", tolerateOutOfOrderEvents: false }).message?.body).toEqual(body);
    expect(readText(JSON.stringify(body), { asked: "events", tolerateOutOfOrderEvents: false }).error?.reason).toBe("irregular");
  });

  test("events to a request without streaming are put together (55)", () => {
    const result = readText(wire([S(), B(0), D(0, "a"), E(0), BTool(1), DJson(1, '{"a":1}'), E(1), M("tool_use"), X]), {
      asked: "document",
    });
    expect(result.message).toMatchObject({
      text: "a",
      toolCalls: 1,
      stopReason: "tool_use",
      usage: { inputTokens: 7, outputTokens: 42 },
    });
    expect(result.repairs).toEqual(["other_form"]);
  });

  test("a JSON error body is the provider's error", () => {
    const { error } = readText('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}');
    expect(error).toMatchObject({
      reason: "upstream_error",
      action: "retry",
      upstream: { type: "overloaded_error", message: "Overloaded" },
    });
    const minimax = read(
      [bytes('{"choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}')],
      "openai-completions",
    );
    expect(minimax.error).toMatchObject({
      reason: "upstream_error",
      upstream: { code: "1008", message: "insufficient balance" },
    });
  });

  test("openai: JSON to a streamed request", () => {
    const completion = {
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "m",
      choices: [
        { index: 0, message: { role: "assistant", content: "hello", refusal: null }, logprobs: null, finish_reason: "stop" },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    };
    const result = read([bytes(JSON.stringify(completion))], "openai-completions", "eof", { asked: "events" });
    expect(result.message?.body).toEqual(completion);
    expect(result.out.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("openai: the end marker is written even if none came", () => {
    const text = [chunk("c", [choice({ role: "assistant", content: "a" })]), chunk("c", [choice({}, "stop")])]
      .map((each) => `data: ${JSON.stringify(each)}\n\n`)
      .join("");
    const result = read([bytes(text)], "openai-completions");
    expect(result.out).toBe(`${text}data: [DONE]\n\n`);
    expect(result.repairs).toEqual(["done_missing"]);
  });
});

test("a document of white space is judged in linear time", () => {
  const before = performance.now();
  expect(readText(`{${" ".repeat(2_000_000)}`).error).toMatchObject({ reason: "truncated" });
  // A pattern for the end marker that began with white space took hours.
  expect(performance.now() - before).toBeLessThan(8_000);
});
