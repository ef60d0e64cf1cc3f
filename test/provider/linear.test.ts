/**
 * Foreign text must never cost more than its length: a pattern that goes back and forth over it freezes the whole process, and then
 * no limit and no signal is heard. Every pattern of the room's files is taken from their source and given texts made of its own words.
 */
import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { StreamError } from "../../src/errors.ts";
import { classifyAnswer, classifyStream } from "../../src/provider/classify.ts";
import { OnlyKeepAlive } from "../../src/provider/keep-alive.ts";
import { redact } from "../../src/provider/keys.ts";

const room = new URL("../../src/provider/", import.meta.url);
const files = readdirSync(room).filter((file) =>
  /^(?:keys|spellings|error-body|classify.*|retry-after|keep-alive|one-line|request|http|limits)\.ts$/.test(file),
);

/** The regular expressions written in a source, without its comments. */
function patternsOf(file: string): RegExp[] {
  const source = readFileSync(new URL(file, room), "utf8").replaceAll(/^\s*(?:\/\*\*?|\*|\/\/).*$/gm, "");
  const found = source.matchAll(
    /(?<=[(=,:?[!&|{]\s*|return\s+|^\s*)\/(?![/*])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)/gm,
  );
  return [...found].map(([, body = "", flags = ""]) => new RegExp(body, flags.replaceAll(/[gy]/g, "")));
}

const patterns = files.flatMap((file) => patternsOf(file).map((pattern) => ({ file, pattern })));

/** The plain words in a pattern, which its repetitions stand between. */
function wordsOf({ source }: RegExp): string[] {
  const plain = source
    .replaceAll(/\\[bBwWdDsS]|\(\?(?:[:=!]|<[=!])|\[(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}/g, "\0")
    .replaceAll("\\", "");
  return [...new Set(plain.split(/[\0()|?*+^$]+/u).filter((word) => word !== ""))];
}

const fillings = ["", " ", "a", "1", "-", ".", "/", ",", "=", "<", "a1", "a-", "1 ", "a ", ": ", "\t\n"];

/** What is repeated, and what stands once before it and after it. */
function* hostile(words: readonly string[]): Generator<{ before: string; pump: string }> {
  for (const filling of fillings) {
    if (filling !== "") yield { before: "", pump: filling };
    for (const word of words) {
      yield { before: "", pump: word + filling };
      yield { before: "", pump: filling + word };
      if (filling !== "") yield { before: word, pump: filling };
    }
  }
}

const textOf = ({ before, pump }: { before: string; pump: string }, length: number): string =>
  `${before}${pump.repeat(Math.ceil(length / pump.length))}\u0000`;

/** Of this process's own time: on a machine that is busy with other work the clock on the wall says nothing. */
function msOf(work: () => unknown): number {
  const started = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1_000;
}

/** Time that grows with the length grows 16-fold; with its square, 256-fold. What takes no time at all is not measured. */
function isLinear(work: (length: number) => unknown, large: number, noiseMs: number): boolean {
  work(large / 16);
  const largeMs = msOf(() => work(large));
  if (largeMs <= noiseMs) return true;
  const smallMs = Math.min(...[1, 2, 3].map(() => msOf(() => work(large / 16))));
  const mostMs = Math.max(smallMs * 80, noiseMs);
  // A collection of garbage that falls into one of them is not its doing; what takes too long every time is.
  return largeMs <= mostMs || [1, 2, 3, 4].some(() => msOf(() => work(large)) <= mostMs);
}

test("the patterns are found", () => {
  expect(patterns.length).toBeGreaterThan(60);
  const sources = patterns.map(({ pattern }) => pattern.source).join("\n");
  for (const known of ["eyJ", "<title", "overloaded", "\\d{4}-\\d{2}-\\d{2}", "event: ?ping"]) expect(sources).toContain(known);
});

test("no pattern takes more than linear time", () => {
  const slow: string[] = [];
  for (const { file, pattern } of patterns) {
    for (const shape of hostile(wordsOf(pattern))) {
      const texts = new Map<number, string>();
      const text = (length: number): string => texts.get(length) ?? texts.set(length, textOf(shape, length)).get(length) ?? "";
      if (isLinear((length) => pattern.test(text(length)), 8 * 1024, 5)) continue;
      slow.push(`${file}: ${pattern.source.slice(0, 80)} on ${JSON.stringify(shape)}`);
      break;
    }
  }
  expect(slow).toEqual([]);
});

const secrets = ["sk-planted-0123"];
const told = { provider: "p", headers: {}, secrets, now: 0 };

/** Bodies of an error answer; the last ones are the shapes that cost 10 to 28 s at 256 KiB. */
const bodies: ((length: number) => string)[] = [
  ...[
    "<",
    "<html><title",
    "<html><h1",
    "<title ",
    "-eyJaaaaaaaa",
    "token ",
    "expired ",
    "exceed",
    "in 1 ",
    "2026-01-01 at ",
    '{"a":',
  ].map((pump) => (length: number) => textOf({ before: "", pump }, length)),
  (length) => textOf({ before: "<html>", pump: "<title" }, length),
  (length) => textOf({ before: "<html>", pump: "<h1" }, length),
  (length) => JSON.stringify({ error: { type: "access_terminated_error", message: "token ".repeat(length / 6) } }),
  (length) => JSON.stringify({ error: { code: "x".repeat(length), message: "exceed".repeat(100) } }),
  (length) => JSON.stringify({ error: { message: "try again in 1".repeat(length / 14) } }),
  (length) => `{"metadata":{"message":"m","raw":`.repeat(length / 40) + "1" + "}}".repeat(length / 40),
  (length) => `{"error":`.repeat(length / 10) + "1" + "}".repeat(length / 10),
  (length) => "[".repeat(length / 2) + "]".repeat(length / 2),
  (length) => JSON.stringify({ error: { message: '{"error":{"message":"'.repeat(length / 21) } }),
  (length) => "data: {\n".repeat(length / 8),
];

test.each(bodies.map((body) => [body(80).slice(0, 40), body] as const))("an error body of %j costs its length", (_, body) => {
  const texts = new Map([64 * 1024, 1024 * 1024].map((length) => [length, body(length)]));
  for (const status of [200, 403, 429, 500]) {
    const work = (length: number): unknown => classifyAnswer({ ...told, status, body: texts.get(length) ?? "" });
    expect(isLinear(work, 1024 * 1024, 250)).toBe(true);
  }
});

test.each(["eyJ", "-eyJaaaaaaaa", "sk-", "sk-....", "bearer ", "api_key ", "secret: ", "?key=", "AIza", "basic\t"])(
  "taking keys out of a megabyte of %j costs its length",
  (pump) => {
    expect(isLinear((length) => redact(pump.repeat(length / pump.length), secrets), 1024 * 1024, 250)).toBe(true);
  },
);

const upstream = (length: number): StreamError =>
  new StreamError("upstream_error", "e".repeat(length), {
    action: "retry",
    event: "-eyJaaaaaaaa".repeat(length / 12),
    upstream: { type: "token ".repeat(length / 6), message: "usage limit will reset in 1".repeat(length / 27) },
  });

const headers = (length: number): Record<string, string> => ({
  "x-amzn-errortype": ":".repeat(length),
  location: "?#".repeat(length / 2),
  "retry-after": "1".repeat(length),
  "anthropic-ratelimit-tokens-reset": "1s".repeat(length / 2),
  "request-id": "-eyJaaaaaaaa".repeat(length / 12),
});

test("so do the words of a stream's error, a chunk of keep-alives and the headers of an answer", () => {
  expect(isLinear((length) => classifyStream(upstream(length), { ...told, status: 200 }), 1024 * 1024, 250)).toBe(true);
  for (const pump of [": ", " ", 'data: {"type": "ping"', "event:", "\n"]) {
    expect(
      isLinear((length) => new OnlyKeepAlive().check(Buffer.from(pump.repeat(length / pump.length))), 1024 * 1024, 250),
    ).toBe(true);
  }
  expect(
    isLinear((length) => classifyAnswer({ ...told, headers: headers(length), status: 301, body: "" }), 1024 * 1024, 250),
  ).toBe(true);
});
