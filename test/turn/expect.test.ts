import { randomUUID } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Expectations, Job } from "../../src/job/job.ts";
import { createJudge } from "../../src/turn/index.ts";
import type { AnsweredResult, FileMarks, JudgeContext, Judgement } from "../../src/turn/turn.ts";
import { carriersOf } from "./harness.ts";

let folder: string;
let workDir: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "runner-expect-"));
  workDir = path.join(folder, "work");
  mkdirSync(workDir);
  mkdirSync(path.join(folder, "tmp"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const judge = createJudge();
const agent: Job["payload"] = { kind: "agentTurn", message: "m", maxTokens: 1, stream: "auto" };
const command: Job["payload"] = { kind: "command", argv: ["true"] };
const node = (script: string, timeoutMs = 20_000) => ({ argv: [process.execPath, "-e", script], timeoutMs });

type Changes = Partial<JudgeContext> & {
  readonly quiet?: string | false;
  readonly payload?: Job["payload"];
  readonly value?: unknown;
};

async function judged(text: string, expectations: Expectations | undefined, changes: Changes = {}): Promise<Judgement> {
  const { quiet, payload = agent, value, ...context } = changes;
  const result: AnsweredResult = {
    status: "answered",
    text,
    stopReason: "end_turn",
    model: "m",
    toolRuns: 0,
    ...(value === undefined ? {} : { value }),
  };
  return judge.judge(
    result,
    { payload, ...(expectations === undefined ? {} : { expect: expectations }), ...(quiet === undefined ? {} : { quiet }) },
    {
      workDir,
      filesBefore: new Map(),
      runId: `run-${randomUUID()}`,
      attempt: 1,
      sessionId: "s",
      env: { PATH: process.env["PATH"], TMPDIR: path.join(folder, "tmp"), MY_API_KEY: "sk-planted-0123456789" },
      signal: new AbortController().signal,
      ...context,
    },
  );
}

const met: Judgement = { verdict: "met", warnings: [] };
const unmet = (...lines: (string | RegExp)[]) =>
  expect.objectContaining({
    verdict: "unmet",
    unmet: lines.map((line) => (line instanceof RegExp ? expect.stringMatching(line) : line)),
  });

const file = (name: string, fresh = true): Expectations => ({ files: [{ path: name, fresh }] });
const at = (name: string): string => path.join(workDir, name);
const old = new Date("2026-01-01T00:00:00Z");

const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

/** What was there before, then what the turn does, then the verdict. */
async function after(expectations: Expectations, turn: () => void): Promise<Judgement> {
  const filesBefore: FileMarks = await judge.mark(expectations, workDir);
  turn();
  return judged("done", expectations, { filesBefore });
}

describe("an answer without expectations", () => {
  it("is met if it is not empty", async () => {
    expect(await judged("news", undefined)).toEqual(met);
    expect(await judged("news", {})).toEqual(met);
  });

  it.each(["", " \n\t ", "\u200B\u200D", "\uFEFF", "\u2800"])("of nothing that can be seen (%j) is not", async (text) => {
    expect(await judged(text, undefined)).toEqual(unmet("notEmpty: the answer is empty"));
    expect(await judged(text, { notEmpty: false })).toEqual(met);
  });

  it("may be empty for a command, unless the job says otherwise", async () => {
    expect(await judged("", undefined, { payload: command })).toEqual(met);
    expect(await judged("", { notEmpty: true }, { payload: command })).toEqual(unmet("notEmpty: the answer is empty"));
  });

  it("may speak of failures, and end in a question, which is a warning only", async () => {
    expect(await judged("The last backup failed: ERROR 500.", undefined)).toEqual(met);
    const asked = await judged("I found two files. Shall I delete them?", undefined);
    expect(asked).toEqual({ verdict: "met", warnings: ["the answer ends in a question, and nobody is there to answer it"] });
    expect(await judged("did it?", undefined, { payload: command })).toEqual(met);
  });

  it("may declare that the task failed, whatever is expected", async () => {
    const failed = { verdict: "declared", reason: "no network", warnings: [] };
    expect(await judged("TASK_FAILED: no network", { minLength: 1000, command: node("process.exit(1)") })).toEqual(failed);
    expect(await judged("TASK_FAILED", undefined)).toEqual({ ...failed, reason: "no reason was given" });
  });
});

describe("the text", () => {
  it.each<[Expectations, string, string | undefined]>([
    [{ contains: ["total"] }, "the total is 3", undefined],
    [{ contains: ["total", "3"] }, "the total is 4", 'contains: "3" is not in the answer'],
    [{ contains: ["Total"] }, "the total", 'contains: "Total" is not in the answer'],
    [{ contains: ["caf\u00e9"] }, "cafe\u0301", undefined],
    [{ contains: [""] }, "x", undefined],
    [{ notContains: ["DONE_ERR"] }, "all done", undefined],
    [{ notContains: ["DONE_ERR"] }, "DONE_ERR", 'notContains: "DONE_ERR" is in the answer'],
    [{ matches: ["^\\d+ rows$"] }, "18 rows", undefined],
    [{ matches: ["(?:^|\\n)\\d+ rows(?:\\n|$)"] }, "so:\n18 rows\n", undefined],
    [{ matches: ["\\p{Emoji}"] }, "🗞", undefined],
    [{ matches: ["^50 "] }, "18 rows", 'matches: nothing in the answer matches "^50 "'],
    [{ minLength: 3 }, "  🗞🗞🗞 ", undefined],
    [{ minLength: 4 }, "  🗞🗞🗞 ", "minLength: the answer has 3 characters, and 4 are the least"],
  ])("%j of %j", async (expectations, text, line) => {
    expect(await judged(text, expectations)).toEqual(line === undefined ? met : unmet(line));
  });

  it("is told everything that does not hold, at once", async () => {
    const all = await judged("b", { contains: ["a"], notContains: ["b"], matches: ["c"], minLength: 2 });
    expect(all).toEqual(unmet(/^contains/, /^notContains/, /^matches/, /^minLength/));
    expect(all).toMatchObject({ retryable: true });
  });

  it("cannot hang the runner with a pattern that never comes to an end", async () => {
    const started = performance.now();
    const hung = await judged(`${"a".repeat(50)}!`, { matches: ["^(a+)+$", "!$"] });
    expect(hung).toEqual(unmet(/^matches: "\^\(a\+\)\+\$" took longer than 250 ms on this answer, so it cannot be judged/));
    expect(hung).toMatchObject({ retryable: false });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it("is not hung by many such patterns either", async () => {
    const started = performance.now();
    const hung = await judged("x".repeat(100_000), { matches: Array.from({ length: 60 }, () => "(x+x+)+y") });
    expect(hung).toMatchObject({ verdict: "unmet", retryable: false });
    expect(performance.now() - started).toBeLessThan(8_000);
  });

  it("cannot be judged by a pattern that is none", async () => {
    expect(await judged("x", { matches: ["("] })).toEqual(unmet(/^matches: "\(" is no regular expression: .*Unterminated group/));
  });
});

describe("the quiet word", () => {
  it("leaves nothing in the text to judge", async () => {
    expect(await judged("NO_REPLY", { contains: ["total"], minLength: 100, jsonSchema: { type: "object" } })).toEqual({
      verdict: "quiet",
      warnings: [],
    });
    expect(await judged("NO_REPLY", { contains: ["total"] }, { quiet: false })).toEqual(unmet(/contains/));
  });

  it("does not excuse a file that should be there, nor a program that says no", async () => {
    expect(await judged("NO_REPLY", { files: [{ path: "out.txt", fresh: false }] })).toEqual(unmet(/out\.txt.*is not there/));
    expect(await judged("NO_REPLY", { command: node("process.exit(3)") })).toEqual(unmet(/exited with code 3/));
    expect(await judged("NO_REPLY", { command: node("") })).toEqual({ verdict: "quiet", warnings: [] });
  });

  it("nearly written is taken for it with a warning; beside more it is an answer", async () => {
    expect(await judged("no_reply.", undefined)).toEqual({
      verdict: "quiet",
      warnings: ['the answer "no_reply." is taken for the quiet word'],
    });
    expect(await judged("NO_REPLY\nbut look", undefined)).toEqual({
      verdict: "met",
      warnings: ["the answer holds the quiet word and more, so it is not taken for quiet"],
    });
  });
});

describe("a JSON Schema", () => {
  const schema = {
    type: "object",
    required: ["items"],
    additionalProperties: false,
    properties: {
      items: { type: "array", items: { type: "object", properties: { price: { type: "number" }, day: { format: "date" } } } },
    },
  };
  const good = { items: [{ price: 3 }] };

  it("that would be judged by a promise is none", async () => {
    const judgement = await judged("{}", { jsonSchema: { $async: true, type: "object", required: ["x"] } });
    expect(judgement).toEqual(unmet(/the schema itself cannot be used: \$async/));
  });

  const text = JSON.stringify(good);

  it.each([
    ["bare", text],
    ["with blanks round it", `\uFEFF\n ${text}\n`],
    ["in a json fence", `\`\`\`json\n${text}\n\`\`\``],
    ["in a bare fence", `\`\`\`\n${text}\n\`\`\``],
    ["in a fence among words", `Here it is:\n\n\`\`\`json\n${JSON.stringify(good, undefined, 2)}\n\`\`\`\nBye.`],
    ["in the one json fence among others", `\`\`\`sh\nls\n\`\`\`\n\`\`\`JSON\r\n${text}\r\n\`\`\``],
    ["in a longer fence", `~~~~json\n${text}\n~~~~`],
  ])("gives the value of an answer that is JSON %s", async (_name, answer) => {
    expect(await judged(answer, { jsonSchema: schema })).toEqual({ verdict: "met", value: good, warnings: [] });
  });

  it.each<[string, string, RegExp]>([
    ["words", "there are none", /^jsonSchema: the answer is not JSON: it begins with "there are none"$/],
    ["cut JSON", text.slice(0, -2), /is not JSON/],
    ["two fences", `\`\`\`json\n${text}\n\`\`\`\n\`\`\`json\n${text}\n\`\`\``, /has 2 fenced blocks; which one is meant/],
    ["an open fence", `\`\`\`json\n${text}`, /is not JSON/],
    ["a fence of words", "```json\nnone\n```", /^jsonSchema: the fenced block is not JSON: it begins with "none"$/],
    ["a string", '"x"', /^jsonSchema: the answer must be object, found "x"$/],
    ["a wrong leaf", '{"items":[{"price":"12 EUR"}]}', /^jsonSchema: \/items\/0\/price must be number, found "12 EUR"$/],
    [
      "an unknown key",
      '{"items":[],"x":1}',
      /^jsonSchema: the answer must NOT have additional properties: "x", found \{"items":\[\],"x":1\}$/,
    ],
    [
      "a wrong format",
      '{"items":[{"day":"2026-02-30"}]}',
      /^jsonSchema: \/items\/0\/day must match format "date", found "2026-02-30"$/,
    ],
  ])("is told where %s goes wrong", async (_name, answer, line) => {
    expect(await judged(answer, { jsonSchema: schema })).toEqual(unmet(line));
  });

  it("tells many problems, cut, and few of a long answer", async () => {
    const many = await judged(JSON.stringify({ items: Array.from({ length: 50 }, () => ({ price: "x".repeat(500) })) }), {
      jsonSchema: schema,
    });
    expect(many.verdict === "unmet" ? many.unmet : []).toHaveLength(9);
    expect(JSON.stringify(many).length).toBeLessThan(3_000);
    const long = await judged(JSON.stringify({ items: Array.from({ length: 50_000 }, () => ({ price: "x" })) }), {
      jsonSchema: schema,
    });
    expect(long.verdict === "unmet" ? long.unmet : []).toHaveLength(1);
  });

  it("takes the value that the model's own structured mode gave", async () => {
    expect(await judged("", { jsonSchema: schema, notEmpty: false }, { value: good })).toMatchObject({
      verdict: "met",
      value: good,
    });
    expect(await judged("x", { jsonSchema: schema }, { value: { items: 1 } })).toEqual(unmet(/\/items must be array, found 1/));
  });

  it.each([
    true,
    {},
    { $schema: "http://json-schema.org/draft-07/schema#", definitions: { a: {} } },
    { $schema: "https://json-schema.org/draft/2019-09/schema" },
  ])("may be %j", async (jsonSchema) => {
    expect(await judge.schemaProblem(jsonSchema)).toBeUndefined();
    expect(await judged("null", { jsonSchema })).toMatchObject({ verdict: "met", value: null });
  });

  it.each([
    { type: "objekt" },
    { $ref: "#/$defs/none" },
    { $ref: "https://example.com/x" },
    { pattern: "(" },
    { $schema: "http://json-schema.org/draft-04/schema#" },
  ])("that cannot be used (%j) is not the answer's fault", async (jsonSchema) => {
    expect(await judge.schemaProblem(jsonSchema)).toEqual(expect.any(String));
    const result = await judged("{}", { jsonSchema });
    expect(result).toEqual(unmet(/^jsonSchema: the schema itself cannot be used: /));
    expect(result).toMatchObject({ retryable: false });
  });

  it("that never comes to an end on an answer cannot hang the runner", async () => {
    const result = await judged(JSON.stringify(`${"a".repeat(50)}!`), { jsonSchema: { pattern: "^(a+)+$" } });
    expect(result).toEqual(unmet("jsonSchema: judging the answer by the schema took longer than 1000 ms"));
  });

  it("refuses an answer that is too deep for anybody", async () => {
    const recursive = { $ref: "#/$defs/a", $defs: { a: { type: "array", items: { $ref: "#/$defs/a" } } } };
    expect(await judged(deep(200), { jsonSchema: recursive })).toMatchObject({ verdict: "met" });
    expect(await judged(deep(100_000), { jsonSchema: recursive })).toEqual(
      unmet("jsonSchema: the answer is nested deeper than 200 levels"),
    );
  });

  it("accepts every JSON value, bare or fenced, and gives it back the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), fc.boolean(), fc.boolean(), async (value, fenced, pretty) => {
        const json = JSON.stringify(value, undefined, pretty ? 2 : 0);
        const result = await judged(fenced ? `Here:\n\`\`\`json\n${json}\n\`\`\`` : json, { jsonSchema: true });
        expect(result).toMatchObject({ verdict: "met" });
        expect(JSON.stringify("value" in result ? result.value : undefined)).toBe(JSON.stringify(value));
      }),
      { numRuns: 60 },
    );
  });
});

describe("a file", () => {
  it("that is not there, is a folder, or cannot be seen is missed", async () => {
    expect(await after(file("out.txt", false), () => {})).toEqual(unmet('file "out.txt": is not there'));
    expect(await after(file("a/b.txt"), () => writeFileSync(at("a"), ""))).toEqual(unmet(/is not there/));
    expect(await after(file("out"), () => mkdirSync(at("out")))).toEqual(unmet(/is not a file/));
    expect(await after(file("loop"), () => symlinkSync("loop", at("loop")))).toEqual(unmet(/cannot be seen \(ELOOP\)/));
    expect(await after(file("x\0y"), () => {})).toEqual(unmet(/cannot be seen/));
  });

  it("that was there before is there, and is not fresh", async () => {
    writeFileSync(at("out.txt"), "old");
    utimesSync(at("out.txt"), old, old);
    expect(await after(file("out.txt", false), () => {})).toEqual(met);
    expect(await after(file("out.txt"), () => {})).toEqual(
      unmet('file "out.txt": was not written by this run: it is still as it was at 2026-01-01T00:00:00.000Z'),
    );
  });

  it.each<[string, () => void]>([
    ["new", () => writeFileSync(at("new.txt"), "x")],
    ["written over with the same", () => writeFileSync(at("new.txt"), "old")],
    [
      "written over and given its old time, as cp -p does",
      () => {
        writeFileSync(at("new.txt"), "new");
        utimesSync(at("new.txt"), old, old);
      },
    ],
    [
      "a link to another file",
      () => (rmSync(at("new.txt"), { force: true }), writeFileSync(at("b"), "b"), symlinkSync("b", at("new.txt"))),
    ],
  ])("that is %s is fresh", async (name, turn) => {
    if (name !== "new") writeFileSync(at("new.txt"), "old");
    if (name !== "new") utimesSync(at("new.txt"), old, old);
    expect(await after(file("new.txt"), turn)).toEqual(met);
  });

  it("that is empty is told", async () => {
    expect(await after(file("out.txt"), () => writeFileSync(at("out.txt"), ""))).toEqual({
      verdict: "met",
      warnings: ['expect: file "out.txt" is there and is empty'],
    });
  });

  it("lies below the work folder, or is named whole", async () => {
    const outside = path.join(folder, "outside.txt");
    writeFileSync(outside, "x");
    expect(await judged("x", file("../outside.txt", false))).toEqual(
      unmet(/lies outside the work folder; write it as an absolute path/),
    );
    expect(await judged("x", file("..", false))).toEqual(unmet(/lies outside/));
    expect(await judged("x", file(outside, false))).toEqual(met);
    writeFileSync(at("..odd"), "x");
    expect(await judged("x", file("..odd", false))).toEqual(met);
  });

  it("of a folder that every attempt gets anew is fresh when it is there", async () => {
    const filesBefore = await judge.mark(file("out.txt"), undefined);
    writeFileSync(at("out.txt"), "x");
    expect(await judged("x", file("out.txt"), { filesBefore })).toEqual(met);
  });
});

describe("a program", () => {
  it("accepts with 0, gets the answer on stdin, works in the work folder, and holds no key", async () => {
    const script = `
      const text = require("fs").readFileSync(0, "utf8");
      require("fs").writeFileSync("seen.json", JSON.stringify({ text, env: process.env, home: require("os").homedir() }));`;
    const text = `${"long ".repeat(50_000)}🗞`;
    expect(await judged(text, { command: node(script) })).toEqual(met);
    const seen: unknown = JSON.parse(readFileSync(path.join(workDir, "seen.json"), "utf8"));
    expect(seen).toMatchObject({ text, env: { RUNNER_ATTEMPT: "1", HOME: expect.stringContaining("runner-turn-run-") } });
    expect(JSON.stringify(seen)).not.toContain("planted");
    expect(readdirSync(path.join(folder, "tmp"))).toEqual([]);
  });

  it("refuses with another code, and the end of what it said is told, without keys", async () => {
    const script = `console.log("on stdout"); console.error("x".repeat(30000) + "only 18 of 50; sk-planted-0123456789"); process.exit(4)`;
    const refused = await judged("x", { command: node(script) });
    expect(refused).toEqual(unmet(/exited with code 4: x{300,}only 18 of 50; \[removed\]$/));
    expect(refused).toMatchObject({ retryable: true });
    expect(JSON.stringify(refused).length).toBeLessThan(1_000);
    expect(await judged("x", { command: node(`console.log("on stdout"); process.exit(1)`) })).toEqual(
      unmet(/code 1: on stdout$/),
    );
  });

  it("that takes too long is ended with all it started", async () => {
    const script = `
      const { spawn } = require("child_process");
      spawn("sleep", ["600"], { detached: true, stdio: "ignore" }).unref();
      process.on("SIGTERM", () => {});
      setInterval(() => {}, 1000);`;
    const runId = `run-${randomUUID()}`;
    const late = await judged("x", { command: node(script, 700) }, { runId });
    expect(late).toEqual(unmet(/took longer than 0\.7 s and was ended/));
    expect(late).toMatchObject({ retryable: false });
    expect(carriersOf(runId)).toEqual([]);
  });

  it("that leaves something behind is accepted, and what it left is ended", async () => {
    const runId = `run-${randomUUID()}`;
    const script = `require("child_process").spawn("sleep", ["600"], { detached: true, stdio: "ignore" }).unref()`;
    expect(await judged("x", { command: node(script) }, { runId })).toEqual(met);
    expect(carriersOf(runId)).toEqual([]);
  });

  it.each<[string, readonly string[], RegExp]>([
    ["is not there", ["no-such-program-here"], /"no-such-program-here" could not be started \(.*ENOENT/],
    ["was killed", ["sh", "-c", "kill -9 $$"], /"sh" was killed by SIGKILL/],
  ])("that %s", async (_name, argv, line) => {
    expect(await judged("x", { command: { argv, timeoutMs: 20_000 } })).toEqual(unmet(line));
  });

  it("need not read its stdin", async () => {
    expect(await judged("x".repeat(1_000_000), { command: { argv: ["true"], timeoutMs: 20_000 } })).toEqual(met);
  });

  it("that may not be executed is not the answer's fault", async () => {
    const script = path.join(workDir, "check");
    writeFileSync(script, "#!/bin/sh\n");
    chmodSync(script, 0o600);
    expect(await judged("x", { command: { argv: ["./check"], timeoutMs: 20_000 } })).toMatchObject({
      verdict: "unmet",
      retryable: false,
    });
    chmodSync(script, 0o700);
    expect(await judged("x", { command: { argv: ["./check"], timeoutMs: 20_000 } })).toEqual(met);
  });

  it("is asked only when everything else holds", async () => {
    const expectations: Expectations = { contains: ["total"], command: node(`require("fs").writeFileSync("ran", "")`) };
    expect(await judged("x", expectations)).toEqual(unmet(/contains/));
    expect(readdirSync(workDir)).toEqual([]);
  });

  it("is ended when the run is cancelled", async () => {
    const controller = new AbortController();
    const pending = judged(
      "x",
      { command: node(`require("fs").writeFileSync("up", ""); setInterval(() => {}, 1000)`) },
      { signal: controller.signal },
    );
    while (!readdirSync(workDir).includes("up")) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("stop"));
    expect(await pending).toEqual(unmet(/was cancelled/));
  });
});
