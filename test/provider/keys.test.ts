import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { isSecretHeader, redact, redacted, resolveKey } from "../../src/provider/keys.ts";

describe("resolveKey", () => {
  it("reads the variable and trims what copying leaves", () => {
    expect(resolveKey({ env: "K" }, { K: " sk-1234\n" })).toBe("sk-1234");
    expect(resolveKey(undefined, { K: "x" })).toBeUndefined();
  });

  it.each([
    [{}, /variable KIMI_API_KEY, which holds the key, is not set\. Set it where/],
    [{ KIMI_API_KEY: "  " }, /is empty\. Set it/],
    [{ KIMI_API_KEY: "planted one" }, /does not hold a usable key/],
    [{ KIMI_API_KEY: "planted\none" }, /Copy the key again/],
    [{ KIMI_API_KEY: "planted…" }, /does not hold a usable key/],
  ])("%j is refused in words that name the variable and not the value", (env, words) => {
    let error: unknown;
    try {
      resolveKey({ env: "KIMI_API_KEY" }, env);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ fault: "auth", message: expect.stringMatching(words) });
    expect(String(error)).not.toContain("planted");
  });
});

describe("redact", () => {
  it.each([
    ["Incorrect API key provided: sk-proj-abcd1234wxyz.", `Incorrect API key provided: ${redacted}.`],
    ["key sk-ant-api03-AbC_9 rejected", `key ${redacted} rejected`],
    ["Incorrect API key provided: sk-abc1****wxyz", `Incorrect API key provided: ${redacted}`],
    ["authorization: Bearer abcdef.123456", `authorization: Bearer ${redacted}`],
    ['{"x-api-key": "0123456789abcdef"}', `{"x-api-key": "${redacted}"}`],
    ['{\\"x-api-key\\":\\"0123456789abcdef\\"}', `{\\"x-api-key\\":\\"${redacted}\\"}`],
    ["x-api-key=0123456789abcdef&b=1", `x-api-key=${redacted}&b=1`],
    ["https://h/p?key=abc&a=1", `https://h/p?key=${redacted}&a=1`],
    ["AIzaSyA0123456789012345678901234567", redacted],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF", redacted],
  ])("%s", (text, clean) => expect(redact(text, [])).toBe(clean));

  it("leaves ordinary words alone", () => {
    for (const text of [
      "model: claude-sonnet-4-6 not found",
      "the task-list is at risk-free level",
      "Bearer of news",
      "max_tokens: 4096",
      "the key is missing",
      "x-api-key header is required",
      "req_011CSHoEeqs5C35K2UUqR7Fy",
    ]) {
      expect(redact(text, [])).toBe(text);
    }
  });

  it("takes a secret out in every spelling, wherever it stands", () => {
    fc.assert(
      fc.property(
        fc.string({
          minLength: 4,
          maxLength: 60,
          unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCodePoint(code)),
        }),
        fc.string(),
        fc.string(),
        (secret, before, after) => {
          fc.pre(!redacted.includes(secret));
          for (const spelling of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), btoa(secret)]) {
            expect(redact(before + spelling + after, [secret])).not.toContain(secret);
            expect(redact(`a ${spelling} b ${spelling}`, [undefined, "", secret])).not.toContain(spelling);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("takes the longer of two secrets out first, so that no tail of it stays", () => {
    expect(redact("it is abcd1234!", ["abcd", "abcd1234"])).toBe(`it is ${redacted}!`);
    expect(redact("it is abcd1234!", ["abcd1234", "abcd"])).toBe(`it is ${redacted}!`);
  });

  it("stays fast on a large body", () => {
    const started = performance.now();
    for (const text of [
      "a-".repeat(130_000),
      "sk-".repeat(90_000),
      "x-api-key".repeat(30_000),
      "api key ".repeat(30_000),
      "?key=".repeat(50_000),
      "eyJ".repeat(90_000),
    ])
      redact(text, ["sk-planted-0123"]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

it("knows which headers are secrets", () => {
  for (const name of ["Authorization", "proxy-authorization", "Cookie", "x-api-key", "X-Auth-Token", "client-secret"])
    expect([name, isSecretHeader(name)]).toEqual([name, true]);
  for (const name of ["user-agent", "x-title", "anthropic-version", "accept"])
    expect([name, isSecretHeader(name)]).toEqual([name, false]);
});
