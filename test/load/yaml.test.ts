import { describe, expect, it } from "vitest";
import { looksSecret } from "../../src/job/secret.ts";
import type { SyntaxProblem } from "../../src/load/syntax.ts";
import { readWholeYaml } from "../../src/load/yaml.ts";
import { readMarkdown, readYaml } from "../../src/load/yaml-text.ts";

async function valueOf(text: string, format: "yaml" | "markdown" = "yaml"): Promise<unknown> {
  const read = await (format === "yaml" ? readYaml(text) : readMarkdown(text));
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

async function problemsOf(text: string, format: "yaml" | "markdown" = "yaml"): Promise<readonly SyntaxProblem[]> {
  const read = await (format === "yaml" ? readYaml(text) : readMarkdown(text));
  return "problems" in read ? read.problems : [];
}

describe("YAML", () => {
  it("is 1.2: words are words, and instants are texts", async () => {
    expect(await valueOf("a: off\nb: yes\nc: no\nd: 2027-01-31T09:00:00Z\ne: 0o10\nf: 010\ng: ~")).toEqual({
      a: "off",
      b: "yes",
      c: "no",
      d: "2027-01-31T09:00:00Z",
      e: 8,
      f: 10,
      g: null,
    });
  });

  it("may use anchors of every kind, within reason", async () => {
    expect(await valueOf("a: &s x\nb: &l [1]\nc: &m { d: 1 }\ne: [*s, *l, *m]")).toMatchObject({ e: ["x", [1], { d: 1 }] });
    expect(await problemsOf(`a: &a 1\nb: [${"*a,".repeat(101)}]`)).toMatchObject([
      { line: 2, message: "holds more than 100 aliases" },
    ]);
    expect(await problemsOf("a: *b\nb: &b 1")).toMatchObject([
      { line: 1, column: 4, message: "an alias (*name) has no anchor (&name) before it" },
    ]);
  });

  it("tells every key that is written twice, in any map", async () => {
    expect((await problemsOf("a: 1\na: 2\nb: [{ c: 1, c: 2 }]")).map(({ line, column }) => [line, column])).toEqual([
      [2, 1],
      [3, 13],
    ]);
  });

  it("does not let a key named __proto__ change anything", async () => {
    const value = await valueOf("__proto__:\n  polluted: true\na: 1");
    expect(Object.keys(value as object)).toEqual(["__proto__", "a"]);
    expect((value as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("finds its places again after front matter", async () => {
    const read = await readMarkdown("---\r\nname: x\r\npayload:\r\n  model: a/b\r\n---\r\n\r\nHello\r\n");
    if ("problems" in read) throw new Error("it is YAML");
    expect(read.locate(["payload", "model"], "value")).toEqual({ line: 4, column: 10 });
    expect(read.value).toMatchObject({ payload: { model: "a/b", message: "Hello" } });
  });

  it("keeps rules across the message of a markdown file", async () => {
    expect(await valueOf("---\nname: x\n---\nOne\n\n---\n\nTwo\n", "markdown")).toEqual({
      name: "x",
      payload: { message: "One\n\n---\n\nTwo" },
    });
  });
});

const million = (text: string): string => text.repeat(Math.floor(1_000_000 / text.length));

/** Each of these took minutes, or would with the checks of the libraries themselves: their time grew with the square of the text. */
describe("hostile texts of up to 1 MB take no longer than their length", () => {
  it.each([
    ["the beginnings of many tokens", () => looksSecret(million("eyJ-"))],
    ["the beginnings of many private keys", () => looksSecret(million("-----BEGIN A"))],
    ["forty thousand keys", () => readYaml(Array.from({ length: 40_000 }, (_, at) => `k${at}: 1`).join("\n"))],
    [
      "the same, by the parser of all YAML",
      () => readWholeYaml(Array.from({ length: 40_000 }, (_, at) => `k${at}: 1`).join("\n")),
    ],
    ["blanks without an end", () => readYaml(`a: x${" ".repeat(900_000)}y\nb: [x${" ".repeat(90_000)}y]`)],
    ["quotes without an end", () => readYaml(`a: '${"'".repeat(900_001)} x`)],
    ["twenty thousand aliases", () => readYaml(`a: &a 1\nb: [${"*a,".repeat(20_000)}]`)],
    ["a hundred thousand brackets", () => readYaml("[".repeat(100_000))],
    ["front matter without an end", () => readMarkdown(`---\n${million("-\n")}`)],
  ])("%s", async (_name, read) => {
    const started = performance.now();
    await read();
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
