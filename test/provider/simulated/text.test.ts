import { assert, constantFrom, double, integer, nat, property, record, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { expectedText, judgeText, judgeToolInput } from "../../../src/provider/script.ts";
import { toolInput } from "../../../src/provider/simulated/text.ts";

const facts = record({
  seed: nat(),
  request: integer({ min: 1, max: 9999 }),
  generation: constantFrom(1, 2),
  model: constantFrom("k2p5", "gpt-x"),
  prompt: string({ unit: "grapheme", maxLength: 200 }),
});

describe("simulated texts", () => {
  test("say what they are, quote the prompt, and are the same for the same facts", () => {
    const text = expectedText({ seed: 3, request: 7, model: "k2p5", prompt: "Run\n  FPL check..." });
    expect(text).toMatch(
      /^Simulated answer 7\.1: no model was asked; the simulated provider made this up for k2p5 \(seed 3\)\.\n/u,
    );
    expect(text).toContain("You wrote: “Run FPL check...”");
    expect(text).toBe(expectedText({ seed: 3, request: 7, generation: 1, model: "k2p5", prompt: "Run FPL check..." }));
    const others = [4, 3].flatMap((seed) =>
      [7, 8].flatMap((request) => [1, 2].map((generation) => expectedText({ seed, request, generation, model: "k2p5" }))),
    );
    expect(new Set(others).size).toBe(8);
  });

  test("are judged right whole", () => {
    expect(() => assert(property(facts, (one) => judgeText(expectedText(one)) === "right"))).not.toThrow();
  });

  test("are judged wrong cut anywhere, doubled, spliced or changed by a character", () => {
    const share = double({ min: 0, max: 1, noNaN: true });
    const refusesAll = property(facts, facts, share, share, (one, other, x, y) => {
      const [a, b] = [expectedText(one), expectedText({ ...other, request: one.request + 1 })];
      const [from, to] = [Math.floor(x * (a.length - 1)), Math.floor(y * (b.length - 1))];
      const [head, tail] = [a.slice(0, from), a.slice(from + 1)];
      const wrong = [
        head,
        tail,
        a + a,
        a + b,
        a.slice(0, from + 1) + b,
        head + b.slice(to),
        head + tail,
        a.slice(0, from + 1) + a.slice(from),
        `${a}\n`,
      ];
      // Nothing of one and all of the other is a whole text.
      return wrong.filter((text) => text !== a && text !== b).every((text) => judgeText(text) === "wrong");
    });
    expect(() => assert(refusesAll)).not.toThrow();
  });

  test("that hold the marks of another text in their prompt are no way round the judge", () => {
    const inner = expectedText({ seed: 1, request: 1, model: "m" });
    expect(judgeText(expectedText({ seed: 1, request: 2, model: "m", prompt: inner }))).toBe("right");
    expect(judgeText(`Simulated answer 2.1: no model was asked;\n\n${inner}`)).toBe("wrong");
  });
});

test("tool inputs are judged whole by their checksum", () => {
  const input = toolInput("a note");
  expect(judgeToolInput(JSON.parse(JSON.stringify(input)))).toBe("right");
  for (const wrong of [
    {},
    null,
    "x",
    { ...input, steps: [1] },
    { ...input, note: "b" },
    { note: "a note", steps: input.steps },
    { ...input, more: 1 },
  ]) {
    expect(judgeToolInput(wrong)).toBe("wrong");
  }
});
