/**
 * A stream with thinking, text and two tool calls, damaged frame by frame: whatever is done to it, no tool runs twice or with another
 * input, no call is lost while the other one runs, and nothing but the whole answer is ever given out.
 */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { good, hear } from "./stage.ts";

type Frame = Readonly<Record<string, unknown>>;

function framesFor(counting: (id: string) => object, ids: readonly [string, string]): Frame[] {
  const delta = (index: number, part: Frame): Frame => ({ type: "content_block_delta", index, delta: part });
  const block = (index: number, content_block: Frame, deltas: readonly Frame[]): Frame[] => [
    { type: "content_block_start", index, content_block },
    ...deltas.map((part) => delta(index, part)),
    { type: "content_block_stop", index },
  ];
  const call = (index: number, id: string): Frame[] => {
    const input = JSON.stringify(counting(id));
    const pieces = [input.slice(0, 9), input.slice(9, 20), input.slice(20)];
    const deltas = pieces.map((partial_json) => ({ type: "input_json_delta", partial_json }));
    return block(index, { type: "tool_use", id: `toolu_${id}`, name: "shell", input: {} }, deltas);
  };
  const said = ["I ", "count ", "twice."].map((text) => ({ type: "text_delta", text }));
  const thought = [
    { type: "thinking_delta", thinking: "Two " },
    { type: "thinking_delta", thinking: "calls." },
    { type: "signature_delta", signature: "c2ln" },
  ];
  return [
    { type: "message_start", message: { ...good["anthropic-messages"], content: [], stop_reason: null } },
    ...block(0, { type: "thinking", thinking: "", signature: "" }, thought),
    ...block(1, { type: "text", text: "" }, said),
    ...call(2, ids[0]),
    ...call(3, ids[1]),
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 50 } },
    { type: "message_stop" },
  ];
}

interface Damage {
  readonly kind: "drop" | "double" | "swap" | "cut" | "repeat" | "byte";
  readonly at: number;
  readonly to: number;
}

function damaged(frames: readonly Frame[], { kind, at, to }: Damage): string {
  const write = (list: readonly Frame[]): string =>
    list.map((frame) => `event: ${String(frame["type"])}\ndata: ${JSON.stringify(frame)}\n\n`).join("");
  const here = at % frames.length;
  const there = to % frames.length;
  const [one, other] = [frames[here] ?? {}, frames[there] ?? {}];
  switch (kind) {
    case "drop":
      return write(frames.filter((_, index) => index !== here));
    case "double":
      return write(frames.toSpliced(here, 0, one));
    case "swap":
      return write(frames.with(here, other).with(there, one));
    case "repeat":
      return write([...frames.slice(0, here), ...frames]);
    case "cut":
      return write(frames).slice(0, 20 + ((at * 7919) % 1_500));
    case "byte": {
      const text = write(frames);
      const place = (at * 7919) % text.length;
      // Only what belongs to the form: a letter of a text that has changed on its way cannot be known by anybody.
      return '{}[]":,\n'.includes(text[place] ?? "") ? text.slice(0, place) + text.slice(place + 1) : text;
    }
  }
}

const damage = fc.record({
  kind: fc.constantFrom("drop", "double", "swap", "cut", "repeat", "byte" as const),
  at: fc.nat(10_000),
  to: fc.nat(10_000),
});

const inOrder = (counted: Readonly<Record<string, number>>): string =>
  Object.entries(counted)
    .map(([id, times]) => `${id}${times}`)
    .toSorted()
    .join(" ");

it("a damaged stream is repaired, asked for again or refused, and never believed", async () => {
  await fc.assert(
    fc.asyncProperty(damage, async (how) => {
      const { result, counted } = await hear(
        "anthropic-messages",
        (counting) => {
          const whole = damaged(framesFor(counting, ["c", "d"]), { kind: "double", at: 0, to: 0 });
          const broken = damaged(framesFor(counting, ["a", "b"]), how);
          return [{ body: broken }, { body: whole }, { body: JSON.stringify(good["anthropic-messages"]) }];
        },
        { stream: true },
      );
      expect(result.status === "answered" ? result.text : result.fault).toMatch(
        /^(?:all done|stream_\w+|output_truncated|server)$/,
      );
      // Nothing, the answer that was asked for again, or the repaired one and then that.
      expect(["", "c1 d1", "a1 b1 c1 d1"]).toContain(inOrder(counted));
    }),
    { numRuns: 80, seed: 5 },
  );
}, 120_000);
