import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { Path } from "../../src/job/words.ts";
import type { TextDocument } from "../../src/load/syntax.ts";
import { readPlainYaml } from "../../src/load/yaml-plain.ts";
import { readWholeYaml } from "../../src/load/yaml.ts";

/** Every path in a value, and one beside each that is not there. */
function* paths(value: unknown, path: Path = []): Generator<Path> {
  yield path;
  yield [...path, "nothing-of-that-name"];
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) yield* paths(item, [...path, Array.isArray(value) ? Number(key) : key]);
}

/** All that a document says: its value with its keys in their order, and where each thing in it stands. */
function told({ value, locate }: TextDocument): unknown {
  const at = [...paths(value)].map((path) => [path, locate(path, "key"), locate(path, "value"), locate(path, "value", 2)]);
  return { value, order: JSON.stringify(value), at };
}

/** What the package makes of a text: the document, or that something is wrong with it. */
function whole(text: string): unknown {
  const read = readWholeYaml(text, 3);
  return "problems" in read ? read.problems : told(read);
}

/** Whether the text was read the short way; if so, it came to the same. */
function isPlain(text: string): boolean {
  const read = readPlainYaml(text, 3);
  const said = whole(text);
  expect({ text, said: read === undefined ? said : told(read) }).toEqual({ text, said });
  return read !== undefined;
}

const job = `# A job
name: daily-check   # what people type
schedule: { kind: cron }
`;
const plainJob = `
# A job
name: daily-check   # what people type
schedule:
  kind: cron
  expr: "0 12 * * *"
  tz: Europe/London

payload:
    message: |
      Say the number,

        and nothing else: # not a comment
      - at all.

    model: kimi-coding/k2p5
    fallbacks: [a/b, c.d/e-f]
    system: >-
      One line
      of two.

      Another.
    timeoutSeconds: 120
    tools:
      shell:
      - git
      - 'it''s'
      - "a\\n\\"b\\""
      mcp:
        notes:
          command:
            - ./notes
            - --all
retry: 
  factor: 1.5
  declared: true
expect:
  files:
    - path: out.txt
      fresh: false
    -   path: ~/other.txt
vars:
  when: 2027-01-31T09:00:00Z
  clock: 22:00-06:00
  share: 5%
  long: 10m
  leer: Größe — 10 €
`;

describe("plain YAML, read without the parser of all YAML", () => {
  it("is what job files are written in, and comes to the same", () => {
    expect(isPlain(plainJob)).toBe(true);
    expect(isPlain(plainJob.trimEnd())).toBe(true);
    expect(isPlain("- name: a\n  at: 5\n- name: b\n")).toBe(true);
    // As commands are often written.
    expect(isPlain(`command: [sh, -c, "echo hi", 'and more', "1", "", --all]\n`)).toBe(true);
  });

  it.each([
    ["flow maps", job],
    ["an anchor", "a: &x 1\nb: *x"],
    ["a tag", "a: !!str 1"],
    ["a tab", "a:\tb"],
    ["carriage returns", "a: b\r\n"],
    ["a text over two lines", "a: b\n  c"],
    ["a key written twice", "a: 1\nb: 2\na: 3"],
    ["a key written twice within", "a:\n  b: 1\n  b: 2"],
    ["a key that JavaScript knows", "__proto__:\n  a: 1"],
    ["no value", "a:\nb: 1"],
    ["two documents", "a: 1\n---\nb: 2"],
    ["a colon in a text", "a: b: c"],
    ["a cron expression without quotes", "a: * * * * *"],
    ["a number in another form", "a: 1e3\nb: 0x10"],
    ["octal-like digits", "a: 010"],
    ["nothing", ""],
    ["a word alone", "hello"],
    ["a comment alone", "# hello"],
    ["an outdented line", "a:\n    b: 1\n  c: 2"],
    ["brackets that are nested", "a: [[b]]"],
    ["a comma within quotes in brackets", 'a: ["b, c"]'],
    ["an escape within quotes in brackets", 'a: ["b\\n"]'],
    ["a comma too many in brackets", "a: [b, ]"],
    ["an indicator", "a: @b"],
    ["a next line of Unicode", "a: b\u0085c"],
    ["a block with a line further left", "a:\n  b: |\n      x\n    y\n"],
    ["a block that begins with an empty line", "a: |\n\n  x\n"],
    ["nesting without an end", Array.from({ length: 60 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
  ])("leaves %s to it", (_what, text) => {
    expect(isPlain(text)).toBe(false);
  });

  it("comes to the same for whatever value the package writes", () => {
    const text = fc.oneof(
      fc.constantFrom(
        "a",
        "no",
        "true",
        "1",
        "1.50",
        "-1",
        "~",
        "",
        " a",
        "a ",
        "a: b",
        "a #b",
        "#a",
        "it's",
        '"',
        "- a",
        "a\nb",
        "a\n\nb\n",
        "\n",
        "* * * * *",
        "5m",
        "0x1F",
        ".5",
        "a:",
        "[a]",
        "['a', -b]",
        "ä€😀",
        "2027-01-01",
      ),
      fc.string(),
      fc.stringMatching(/^[ -~\n]*$/),
    );
    const key = fc.constantFrom("a", "b", "kind", "null", "long-name", "0", "a b", "_x");
    const leaf = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    let taken = 0;
    fc.assert(
      fc.property(
        tree,
        fc.constantFrom(0, 40),
        fc.constantFrom("BLOCK_LITERAL" as const, "BLOCK_FOLDED" as const, "PLAIN" as const),
        (value, lineWidth, kind) => {
          taken += isPlain(stringify(value, { lineWidth, defaultStringType: kind })) ? 1 : 0;
        },
      ),
      { numRuns: 1_000 },
    );
    expect(taken).toBeGreaterThan(30);
  });

  it("comes to the same for lines put together by chance", () => {
    const piece = fc.constantFrom(
      "a: 1",
      "b: x",
      "c:",
      "d: |",
      "e: >-",
      "f: [x, y]",
      "- z",
      "- g: 1",
      "-",
      "- ",
      "h: 'q'",
      'i: "q" # c',
      "# note",
      "",
      "word",
      "j: k #l",
      "m : n",
      "o: p: q",
      "r: >",
      "s: |+",
      "t: |2",
      "u: [",
      "v: ~",
      "w: null",
      "two words",
      "x: - y",
      "'y': 1",
      "? z",
      "- - a",
      "- |",
      "...",
      "---",
      "a:b",
      "k: [x , y]",
      "k: [ ]",
      `k: [sh, -c, "x y"]`,
      `k: ["a"b, 'c']`,
      "z: a  b ",
    );
    const line = fc.tuple(
      fc.constantFrom("", "", "", "  ", "  ", "    ", "      ", " "),
      piece,
      fc.constantFrom("", "", "", " ", "  "),
    );
    let taken = 0;
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 9 }), fc.constantFrom("", "\n", "\n\n"), (lines, end) => {
        taken += isPlain(`${lines.map((parts) => parts.join("")).join("\n")}${end}`) ? 1 : 0;
      }),
      { numRuns: 4_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it("comes to the same for a job file with a few characters changed", () => {
    const put = fc.constantFrom(
      "",
      "\n",
      " ",
      "  ",
      "#",
      ":",
      "-",
      "- ",
      "'",
      '"',
      "|",
      ">",
      "[",
      "]",
      "a",
      "\n  ",
      "\n    ",
      "5",
      ",",
      "~",
      "é",
      "\u00A0",
      "\u3000",
    );
    const change = fc.record({ at: fc.nat({ max: plainJob.length }), drop: fc.nat({ max: 3 }), put });
    let taken = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
        const text = changes.reduce((now, { at, drop, put: more }) => now.slice(0, at) + more + now.slice(at + drop), plainJob);
        taken += isPlain(text) ? 1 : 0;
      }),
      { numRuns: 300 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});
