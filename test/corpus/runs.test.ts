/** Jobs whose gate, prompt, program or expectation is broken in one way each, through the real program: exit code, words, and the record. */
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configFor, keys, plantedKey, stage, type Stage } from "../cli/stage.ts";

let project: Stage;
const node = (script: string): string[] => [process.execPath, "-e", script];
const sh = (script: string): string[] => ["sh", "-c", script];

/** A job whose model answers this. */
const answering = (text: string, over: object = {}): object => ({
  payload: { message: `Do it.\nsimulate-plan: ${JSON.stringify([{ text }])}`, model: "test/m" },
  ...over,
});
const asking = (message: string): object => ({ payload: { message, model: "test/m" } });
const command = (argv: readonly string[], over: object = {}, beside: object = {}): object => ({
  payload: { kind: "command", argv, ...over },
  ...beside,
});

/** `recorded`: the status that the ledger has; undefined: the job file is refused, and nothing is recorded. */
type Row = readonly [name: string, job: object, exit: number, recorded: string | undefined, says: string];

const gates: readonly Row[] = [
  [
    "gate-missing",
    answering("x", { gate: ["no-such-program"] }),
    78,
    "blocked",
    'the program "no-such-program" of gate is not in PATH',
  ],
  ["gate-not-executable", answering("x", { gate: ["./plain"], workDir: "work" }), 78, "blocked", "may not be run"],
  ["gate-no-interpreter", answering("x", { gate: ["./orphan"], workDir: "work" }), 1, "failed", "could not be started"],
  ["gate-folder", answering("x", { gate: ["/tmp"] }), 78, "blocked", "may not be run"],
  ["gate-other-code", answering("x", { gate: sh("exit 3") }), 1, "failed", 'the gate "sh" exited with code 3; nothing was asked'],
  [
    "gate-crash",
    answering("x", { gate: sh("echo no database >&2; exit 1") }),
    1,
    "failed",
    "exited with code 1: no database; nothing was asked",
  ],
  ["gate-killed", answering("x", { gate: sh("kill -9 $$") }), 1, "failed", "was killed by SIGKILL; nothing was asked"],
  ["gate-slow", answering("x", { gate: { command: ["sleep", "60"], timeout: "300ms" } }), 1, "failed", "took longer than 0.3 s"],
  [
    "gate-endless",
    answering("ok", { gate: node("process.stdout.write('x'.repeat(5e6))") }),
    0,
    "succeeded",
    "the gate wrote 16384 bytes or more",
  ],
  ["gate-no-folder", answering("x", { gate: ["true"], workDir: "none" }), 78, "blocked", "the work folder"],
];

const expectations: readonly Row[] = [
  ["contains", answering("no sum", { expect: { contains: "Total:" } }), 65, "failed", 'contains: "Total:" is not in the answer'],
  [
    "not-contains",
    answering("DONE_ERR", { expect: { notContains: "DONE_ERR" } }),
    65,
    "failed",
    'notContains: "DONE_ERR" is in the answer',
  ],
  ["matches", answering("18 rows", { expect: { matches: "^50" } }), 65, "failed", 'nothing in the answer matches "^50"'],
  ["endless-regex", answering(`${"a".repeat(60)}!`, { expect: { matches: "^(a+)+$" } }), 65, "failed", "so it cannot be judged"],
  [
    "min-length",
    answering("short", { expect: { minLength: 100 } }),
    65,
    "failed",
    "the answer has 5 characters, and 100 are the least",
  ],
  [
    "not-json",
    answering("none", { expect: { jsonSchema: { type: "object" } } }),
    65,
    "failed",
    'the answer is not JSON: it begins with "none"',
  ],
  [
    "other-json",
    answering('{"a":"x"}', { expect: { jsonSchema: { properties: { a: { type: "number" } } } } }),
    65,
    "failed",
    'jsonSchema: /a must be number, found "x"',
  ],
  [
    "schema-invalid",
    answering("{}", { expect: { jsonSchema: { type: "objekt" } } }),
    78,
    "blocked",
    "expect.jsonSchema cannot be used: schema is invalid",
  ],
  [
    "schema-nowhere",
    answering("{}", { expect: { jsonSchema: { $ref: "#/$defs/none" } } }),
    78,
    "blocked",
    "can't resolve reference #/$defs/none",
  ],
  [
    "schema-file",
    answering("{}", { expect: { jsonSchema: "none.json" } }),
    78,
    undefined,
    'expect.jsonSchema: there is no file "none.json"',
  ],
  ["file", answering("x", { expect: { file: "out.md" } }), 65, "failed", 'file "out.md": is not there'],
  [
    "file-old",
    answering("x", { workDir: "work", expect: { file: "plain" } }),
    65,
    "failed",
    'file "plain": was not written by this run',
  ],
  [
    "file-outside",
    answering("x", { expect: { file: "../../out.md" } }),
    65,
    "failed",
    "lies outside the work folder; write it as an absolute path",
  ],
  [
    "command",
    answering("x", { expect: { command: sh("echo only 18 of 50; exit 4") } }),
    65,
    "failed",
    "exited with code 4: only 18 of 50",
  ],
  [
    "command-missing",
    answering("x", { expect: { command: ["no-such-program"] } }),
    78,
    "blocked",
    "of expect.command is not in PATH",
  ],
  [
    "command-slow",
    answering("x", { expect: { command: { command: ["sleep", "60"], timeout: "300ms" } } }),
    65,
    "failed",
    "took longer than 0.3 s",
  ],
  ["declared", answering("I tried.\nTASK_FAILED: no network"), 1, "failed", "the turn says that it failed: no network"],
  ["quiet-without-file", answering("NO_REPLY", { expect: { file: "out.md" } }), 65, "failed", 'file "out.md": is not there'],
];

const prompts: readonly Row[] = [
  ["unknown-name", asking("It is {{nwo}}."), 78, undefined, "{{nwo}} is nothing that is known (did you mean {{now}}?)"],
  ["env-not-allowed", asking("{{env.HOME}}"), 78, undefined, '"HOME" is not in "env"'],
  ["var-not-declared", asking("{{vars.city}}"), 78, undefined, '"city" is not in "vars"'],
  ["not-closed", asking("{{now"), 78, undefined, 'does not end in "}}" on its line'],
  ["include-bare", asking("{{include none.md}}"), 78, undefined, "an include names its file in quotes"],
  ["include-missing", asking('{{include "none.md"}}'), 78, undefined, "none.md"],
  ["nothing-named", asking("{{}}"), 78, undefined, '"{{}}" names nothing'],
  ["no-gate", asking("{{gate}}"), 78, undefined, "{{gate}}: this job has no gate"],
];

const programs: readonly Row[] = [
  ["program-missing", command(["no-such-program"]), 78, "blocked", "of payload.argv is not in PATH"],
  ["program-none", command([]), 78, undefined, "payload.argv: names no program"],
  ["program-fails", command(sh("echo why >&2; exit 3")), 1, "failed", "the command exited with code 3: why"],
  ["program-killed", command(sh("kill -9 $$")), 1, "interrupted", "the command was killed by SIGKILL"],
  [
    "program-slow",
    command(["sleep", "60"], { timeoutSeconds: 1 }),
    124,
    "timed_out",
    "took longer than 1 s (payload.timeoutSeconds)",
  ],
  ["program-silent", command(["sleep", "60"], { noOutputTimeoutSeconds: 0.5 }), 124, "timed_out", "it wrote nothing for 0.5 s"],
  [
    "program-endless",
    command(node("process.stdout.write('x'.repeat(5e6))"), {}, { limits: { outputBytes: 1000 } }),
    0,
    "succeeded",
    "stdout had 5000000 bytes; its last 1000 are kept",
  ],
  [
    "program-variable",
    command(["env"], { env: { X: "${NOT_SET_ANYWHERE}" } }),
    78,
    "blocked",
    "NOT_SET_ANYWHERE, which payload.env.X names, is not set",
  ],
];

const all = [...gates, ...expectations, ...prompts, ...programs];

beforeAll(() => {
  project = stage();
  const work = path.join(project.dir, "work");
  mkdirSync(work);
  writeFileSync(path.join(work, "plain"), "#!/bin/sh\n");
  writeFileSync(path.join(work, "orphan"), "#!/no/such/interpreter\n");
  chmodSync(path.join(work, "orphan"), 0o755);
  project.write("runner.config.json", configFor("http://127.0.0.1:9"));
  const folder = (job: object): object =>
    "workDir" in job && typeof job.workDir === "string" ? { ...job, workDir: path.join(project.dir, job.workDir) } : job;
  for (const [name, job] of all) project.write(`jobs/${name}.json`, { retry: { maxAttempts: 1, delay: "1ms" }, ...folder(job) });
});
afterAll(() => project.close());

const table = (rows: readonly Row[]): [string, Row][] => rows.map((row) => [row[0], row]);
const check = async ([name, , exit, recorded, says]: Row): Promise<unknown> => {
  const { code, stdout, stderr } = await project.runner(["run", name, "--simulate", "none"], keys);
  return {
    code: code === exit ? exit : `${code}: ${stderr}`,
    says: stderr.includes(says) || stderr,
    // The place stands with what is wrong in a file; the number of the run with everything else.
    placed: recorded === undefined ? stderr.includes(`jobs/${name}.json:`) : / run [0-9a-f]{8}/.test(stderr),
    clean: !/\n\s+at |\[object Object\]/.test(stderr) && !stderr.includes(plantedKey),
    stdout: exit === 0 ? "" : stdout,
  };
};
const right = ([, , exit]: Row): unknown => ({ code: exit, says: true, placed: true, clean: true, stdout: "" });

describe.concurrent("a job with a broken", () => {
  it.each(table(gates))("gate: %s", async (_name, row) => expect(await check(row)).toEqual(right(row)));
  it.each(table(expectations))("expectation: %s", async (_name, row) => expect(await check(row)).toEqual(right(row)));
  it.each(table(prompts))("prompt: %s", async (_name, row) => expect(await check(row)).toEqual(right(row)));
  it.each(table(programs))("program: %s", async (_name, row) => expect(await check(row)).toEqual(right(row)));
});

it("each of them that began is in the record, ended, with its reason; what was refused has begun nothing", () => {
  const file = readdirSync(project.stateDir, { recursive: true, encoding: "utf8" }).find((name) =>
    name.endsWith("ledger.sqlite"),
  );
  const database = new DatabaseSync(path.join(project.stateDir, file ?? ""));
  const runs = database.prepare("SELECT job_name, status, exit_code, reason FROM runs ORDER BY job_name").all();
  database.close();
  const expected = all.filter(([, , , recorded]) => recorded !== undefined).toSorted(([a], [b]) => (a < b ? -1 : 1));
  expect(runs.map((run) => [run["job_name"], run["status"], run["exit_code"]])).toEqual(
    expected.map(([name, , exit, recorded]) => [name, recorded, exit]),
  );
  expect(runs.filter((run) => String(run["reason"] ?? "") === "")).toEqual([]);
});
