/** Command lines that cannot be carried out, through the real program: what is wrong, what to do, the right exit code, and nothing done. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configFor, keys, plantedKey, stage, type Stage } from "../cli/stage.ts";

let project: Stage;
beforeAll(() => {
  project = stage();
  project.write("runner.config.json", configFor("http://127.0.0.1:9"));
  project.write("jobs/good.json", {
    payload: { message: "hi", model: "test/m" },
    retry: { maxAttempts: 1, delay: "1ms" },
    limits: { triesPerCall: 1 },
  });
  project.write("jobs/broken.json", '{ "payload": { "mesage": "x" } }');
  project.write("jobs/nobody.json", { payload: { message: "hi", model: "nobody/m" } });
});
afterAll(() => project.close());

type Row = readonly [args: string, exit: number, says: readonly (string | RegExp)[]];

/** Blanks part the arguments; `''` is an empty one. */
const argv = (line: string): string[] => line.split(" ").map((word) => (word === "''" ? "" : word));

const literal = (words: string): RegExp => new RegExp(words.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));

const rows: readonly Row[] = [
  ["rum good", 2, ["unknown command 'rum'", "Did you mean run?"]],
  ["run good --dryrun", 2, ["unknown option '--dryrun'", "Did you mean --dry-run?"]],
  ["run", 2, ["missing required argument 'job'"]],
  ["run good other", 2, ["too many arguments"]],
  ["run goood", 78, ['there is no job "goood"', 'did you mean "good"?', "jobs/broken.json:1:16"]],
  ["run ''", 78, ['there is no job ""']],
  ["run $(rm)", 78, ['there is no job "$(rm)"']],
  ["run a\u001B[31m", 78, ['there is no job "a\\u001b[31m"']],
  ["run broken", 78, ['jobs/broken.json:1:16: payload.mesage: unknown key (did you mean "message"?)']],
  ["run nobody", 78, [/jobs\/nobody\.json:\d+:\d+: payload\.model: there is no provider "nobody" \(known: /]],
  ["run good --model opus", 2, ['"opus" does not name a model', "Write provider/model"]],
  ["run good --model ''", 2, ['"" does not name a model']],
  ["run good --model", 2, ["argument missing"]],
  ["run good --model opnai/gpt", 2, ['there is no provider "opnai"', 'did you mean "openai/gpt"?']],
  ["run good --simulate stream_odrer:0.8", 2, ['there is no simulated fault "stream_odrer"', "did you mean stream_order?"]],
  ["run good --simulate stream_order:2", 2, ['"2" is not a rate for stream_order']],
  ["run good --simulate stream_order:lots", 2, ['"lots" is not a rate']],
  ["run good --simulate stream_order:0.8,hang:0.8", 2, ["add up to 1.6"]],
  ["run good --simulate ''", 2, ["a simulation needs at least one fault"]],
  ["run good --simulate none --seed -1", 2, ['--seed takes a whole number from 0 to 2147483647, not "-1"']],
  ["run good --simulate none --seed x", 2, ['--seed takes a whole number from 0 to 2147483647, not "x"']],
  ["run good --seed 3", 2, ["--seed means something only together with --simulate"]],
  [
    "run good --simulate none --state-dir runner.config.json",
    78,
    ["ENOTDIR", "no folder can be there; name another with --state-dir"],
  ],
  ["run good --simulate none --state-dir /proc/x", 78, ["/proc/x", "no folder can be there; name another with --state-dir"]],
  ["list -C nowhere", 2, ['"nowhere" is no folder, so no project is in it']],
  ["list -C runner.config.json", 2, ['"runner.config.json" is no folder']],
  ["list --config none.json", 78, ["none.json"]],
  ["next -n 0", 2, ['takes a whole number from 1 to 10000, not "0"']],
  ["next -n many", 2, ['not "many"']],
  ["next -n 1e9", 2, ['not "1e9"']],
  ["next goood", 78, ['did you mean "good"?']],
  ["history -n -3", 2, ['not "-3"']],
  ["history goood", 78, ['did you mean "good"?']],
  ["show", 2, ["missing required argument 'run'"]],
  ["show ffffffff", 2, ['there is no run "ffffffff"', "runner history"]],
  ["show ../../etc/passwd", 2, ['there is no run "../../etc/passwd"']],
  ["validate --fix", 2, ["unknown option '--fix'"]],
  ["validate", 78, ["jobs/broken.json:1:16", "2 problems: 1 usable job"]],
  ["verify good --runs 0", 2, ['--runs takes a whole number from 1 to 10000, not "0"']],
  ["verify good --runs x", 2, ['not "x"']],
  ["verify", 2, ["missing required argument 'job'"]],
  ["mock --port 99999", 2, ['--port takes a whole number from 0 to 65535, not "99999"']],
  ["mock --port http", 2, ['not "http"']],
  ["mock --simulate nope", 2, ['there is no simulated fault "nope"']],
  ["completion powershel", 2, ['there is no completion for "powershel"', "bash, zsh, fish, pwsh"]],
  ["completion", 2, ["which shell?"]],
  ["init --dir /proc/x -y", 78, ["/proc/x: this folder is not there and cannot be made", "nothing was written"]],
];

describe("a command line that cannot be carried out", () => {
  it.each(rows.map((row) => [row[0], row] as const))("runner %s", async (_name, [line, exit, says]) => {
    const { code, stdout, stderr } = await project.runner(argv(line), keys);
    for (const words of says) expect(stderr).toMatch(typeof words === "string" ? literal(words) : words);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).not.toMatch(/\n\s+at |node:internal|\[object Object\]/);
    expect(stderr + stdout).not.toContain(plantedKey);
    // Terminals obey what is printed raw.
    expect(stderr).not.toContain("\u001B[31m");
    expect(stderr.length).toBeLessThan(4_000);
  });

  it("says the same as JSON, on stdout, with the same exit code", async () => {
    for (const [line, exit] of rows.filter(([args]) => /^(?:run goood|next -n 0|show ffffffff|validate)$/.test(args))) {
      const { code, stdout } = await project.runner([...argv(line), "--json"], keys);
      expect(code).toBe(exit);
      expect(JSON.parse(stdout)).toMatchObject({ version: 1 });
    }
  });

  it("has run nothing and left nothing behind", async () => {
    const { stdout } = await project.runner(["history", "--json"], keys);
    expect(JSON.parse(stdout)).toMatchObject({ runs: [] });
    expect(readdirSync(project.dir).toSorted()).toEqual(["jobs", "runner.config.json"]);
    expect(readdirSync(path.join(project.dir, "jobs")).toSorted()).toEqual(["broken.json", "good.json", "nobody.json"]);
    expect(readdirSync(project.temporary).filter((name) => name.startsWith("runner-"))).toEqual([]);
  });
});
