/** A long answer costs what its length is, and no more. */
import { describe, expect, test } from "vitest";
import type { Frame } from "../../src/stream/event.ts";
import { call, DONE, finish, fn, role } from "./rows.ts";
import { B, BTool, chunkFrame, D, DJson, E, frameOf, M, run, S, X } from "./wire.ts";

/** Counts the characters that JSON.parse is given while a stream passes. */
function parsedChars(
  frames: readonly Frame[],
  dialect: "anthropic-messages" | "openai-completions",
): { chars: number; error: unknown; size: number } {
  const real = JSON.parse;
  let chars = 0;
  JSON.parse = (source: string, ...rest: []) => {
    chars += source.length;
    return real(source, ...rest) as unknown;
  };
  try {
    const { error } = run(dialect, frames);
    return { chars, error, size: frames.reduce((sum, each) => sum + each.data.length, 0) };
  } finally {
    JSON.parse = real;
  }
}

describe("linear, told by what is done and not by time", () => {
  const json = JSON.stringify({ content: 'line "quoted" \\ \n'.repeat(50_000) });
  const fragments = Array.from({ length: Math.ceil(json.length / 12) }, (_, at) => json.slice(at * 12, at * 12 + 12));

  test("1 MB of tool input in 12-character deltas is parsed once and nowhere again", () => {
    expect(json.length).toBeGreaterThan(1_000_000);
    const frames = [S(), BTool(0), ...fragments.map((piece) => DJson(0, piece)), E(0), M("tool_use"), X].map(frameOf);
    const { chars, error, size } = parsedChars(frames, "anthropic-messages");
    expect(error).toBeUndefined();
    expect(chars).toBeLessThan(json.length + size * 1.1);
  });

  test("the same for openai", () => {
    const open = call({ index: 0, id: "a", type: "function", function: fn("f", "") });
    const pieces = fragments.map((piece) => call({ index: 0, function: { arguments: piece } }));
    const { chars, error, size } = parsedChars(
      [role, open, ...pieces, finish("tool_calls"), DONE].map((each) => chunkFrame(each)),
      "openai-completions",
    );
    expect(error).toBeUndefined();
    expect(chars).toBeLessThan(2 * json.length + size * 1.1);
  });

  test("plain text deltas of a known form are not parsed at all, and their index is mapped all the same", () => {
    const deltas = Array.from({ length: 10_000 }, (_, at) => D(3, `word${at} `));
    const frames = [S(), B(3), ...deltas, E(3), M(), X].map(frameOf);
    const { chars, size } = parsedChars(frames, "anthropic-messages");
    expect(chars).toBeLessThan(size / 100);
    expect(run("anthropic-messages", frames).message?.text).toHaveLength(
      deltas.reduce((sum, _, at) => sum + `word${at} `.length, 0),
    );
  });
});
