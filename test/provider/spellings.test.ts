import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedaction } from "../../src/compose/redaction.ts";
import { beforeSecret, redacted } from "../../src/provider/keys.ts";
import { searchFor } from "../../src/provider/spellings.ts";

/** A key as `resolveKey` takes it: 8 to 80 characters of ASCII. */
const keys = fc
  .string({ minLength: 8, maxLength: 80, unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCodePoint(code)) })
  // What the other spellings lose of it, too much of it must not be: `\\\\\\\\` is no key.
  .filter((key) => new Set(key.replaceAll(/[\\%]/g, "")).size > 3 && key.replaceAll(/\\+[nrt]?|%/g, "").length >= 8);

const each = (key: string, spell: (code: number) => string): string => key.replaceAll(/[^]/g, (one) => spell(one.charCodeAt(0)));
const two = (code: number): string => code.toString(16).padStart(2, "0");
const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const base64 = (text: string, form: "base64" | "base64url" = "base64"): string => Buffer.from(text).toString(form);

const spellings: Readonly<Record<string, (key: string) => string>> = {
  "as it is": (key) => key,
  "upper-case": (key) => key.toUpperCase(),
  "lower-case": (key) => key.toLowerCase(),
  hex: (key) => each(key, two),
  "upper-case hex": (key) => each(key, two).toUpperCase(),
  base64,
  base64url: (key) => base64(key, "base64url"),
  "base64 behind a name": (key) => base64(`user:${key}`),
  "base64 within a header": (key) => base64(`Bearer ${key}; and more`),
  "base64url behind one character": (key) => base64(`?${key}`, "base64url"),
  "base64 in lines": (key) => base64(key).replaceAll(/.{8}/g, "$&\r\n"),
  percent: (key) => each(key, (code) => `%${two(code)}`),
  "upper-case percent": (key) => each(key, (code) => `%${two(code).toUpperCase()}`),
  "percent where it must": encodeURIComponent,
  "percent, twice": (key) => encodeURIComponent(each(key, (code) => `%${two(code)}`)),
  JSON: json,
  "JSON in JSON": (key) => json(json(key)),
  "JSON with all of it escaped": (key) => each(key, (code) => `\\u00${two(code)}`),
  "JSON with all of it escaped, in JSON": (key) => each(key, (code) => `\\\\u00${two(code).toUpperCase()}`),
  "a string of C": (key) => each(key, (code) => `\\x${two(code)}`),
};

/** What breaks a long line: where it is shown, where it is quoted, and what cannot be seen. */
const breaks = ["\n", "\r\n  ", " ", "\t", "\u200b", "\u00ad", "\\n", "\\r\\n", "%0A", "%20", "\\u000a"];

describe.each(Object.entries(spellings))("a key that comes back as %s", (_, spell) => {
  it("is taken out, wherever it stands", () => {
    fc.assert(
      fc.property(keys, fc.string(), fc.string(), (key, before, after) => {
        const spelled = spell(key);
        const { known } = createRedaction([key]);
        const clean = known(`${before} «${spelled}» ${after}`);
        expect(clean).toSatisfy((text: string) => text.startsWith(`${before} «`) && text.endsWith(`» ${after}`));
        // Of base64 there is what its first and last characters say of other bytes.
        const left = clean.slice(before.length + 2, clean.length - after.length - 2);
        expect(left).toContain(redacted);
        const said = left.replaceAll(redacted, "");
        expect(said.length).toBeLessThanOrEqual(Math.max(4, spelled.length - key.length));
      }),
      { numRuns: 40 },
    );
  });
});

describe("a key with line breaks within", () => {
  it.each(["as it is", "upper-case", "hex", "base64", "JSON"])("%s is taken out", (name) => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_.-]{8,60}$/),
        fc.constantFrom(...breaks),
        fc.integer({ min: 1, max: 20 }),
        (key, gap, every) => {
          const spelled = (spellings[name] ?? String)(key).replaceAll(new RegExp(`.{${every}}(?=.)`, "g"), `$&${gap}`);
          const clean = createRedaction([key]).known(`> ${spelled} <`);
          expect(clean).toContain(redacted);
          // Of base64 the last character, which says something of what would follow.
          const left = clean.slice(2, -2).replaceAll(redacted, "").replaceAll(gap, "");
          expect(left.length).toBeLessThanOrEqual(name === "base64" ? 3 : 0);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("what is no key", () => {
  it("stays as it is, each word of it", () => {
    const { known } = createRedaction(["sk-proj-4f9A1b7C22", "Zm9vYmFyYmF6", "short"]);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        expect(known(text)).toBe(text);
      }),
      { numRuns: 300 },
    );
    for (const text of ["sk-proj-4f9A1b7C2", "k-proj-4f9A1b7C22", "sk proj 4f9A1b7C22", "a short answer", "sk-proj"])
      expect(known(text)).toBe(text);
  });

  it("stays where the key is shorter than 8 characters, which would take words apart", () => {
    const { known } = createRedaction(["answer1", "ok", "   yes   "]);
    expect(known("ok, yes: ANSWER1, answer 1 and answer1")).toBe("ok, yes: ANSWER1, answer 1 and answer1");
  });

  it("stays also where it is in letters of which many look the same to the search", () => {
    const { known } = createRedaction(["密钥密钥密钥密钥密钥", "πππππππππππππ-1"]);
    const text = "这是一个很长的回答，里面没有任何秘密。".repeat(50) + "ππππππππππππ";
    expect(known(text)).toBe(text);
    expect(known("a 密钥密钥 密钥密钥密钥 b")).toBe(`a ${redacted} b`);
  });
});

it("a key that begins as an escape or a percent does is found as well", () => {
  for (const [key, text] of [
    ["nvapi-0123456789", String.raw`C:\nvapi-0123456789`],
    ["u0041-0123456789", String.raw`a\u0041-0123456789`],
    ["deadbeef12345678", "100%deadbeef12345678"],
    ["25deadbeef123456", "100%25deadbeef123456"],
  ] as const)
    expect(createRedaction([key]).known(text)).not.toContain(key);
});

it("a text is not cut within a key, however that is spelled", () => {
  const key = "sk-proj-4f9A1b7C22";
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(spellings)), fc.integer({ min: 1, max: 200 }), (spell, at) => {
      const text = `${"x ".repeat(100)}${spell(key)}${" y".repeat(100)}`;
      const head = beforeSecret(text, 180 + at, [key]);
      expect(text.startsWith(head)).toBe(true);
      // Whole or not at all.
      const spans = searchFor([key]).find(text);
      expect(spans.some(({ from, to }) => head.length > from && head.length < to)).toBe(false);
      expect(head.length).toBeGreaterThanOrEqual(Math.min(180 + at, 196));
    }),
    { numRuns: 200 },
  );
});

it("costs a text's length, whatever stands in it", () => {
  const key = "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";
  const { known } = createRedaction([key, `${key.slice(0, 30)}aaaaaaaaaaaaaaaaaaaaa`, "s".repeat(60)]);
  const spent = (text: string): number => {
    const from = process.cpuUsage();
    known(text);
    const { user, system } = process.cpuUsage(from);
    return (user + system) / 1_000;
  };
  const pieces = [
    "word ",
    "\\",
    "%25",
    "%2525",
    "s",
    "s ",
    "\\u0073",
    key.slice(0, -1),
    "736b2d61",
    `${key} `,
    "c2stYW50LWFwaTAz",
    "\n",
  ];
  for (const piece of pieces) {
    const text = (characters: number): string => piece.repeat(Math.ceil(characters / piece.length));
    known(text(50_000));
    expect({ piece, isQuick: spent(text(300_000)) < 200 }).toEqual({ piece, isQuick: true });
  }
});
