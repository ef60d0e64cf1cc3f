/** How a daemon's process allocates (bin/allocator.js): it begins once more, as the same process, and nothing of that shows in what it starts. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "./stage.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "runner-allocator-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Says what it has become: the system's view of its environment is that of its beginning. */
const program = path.join(folder, "program.cjs");
writeFileSync(
  program,
  `require(${JSON.stringify(path.join(root, "bin/allocator.js"))}).allocateWell(process.argv, process.env);
const began = require("node:fs").readFileSync("/proc/self/environ", "utf8").split("\\0");
process.stdin.on("data", () => {}).on("end", () => console.log(JSON.stringify({
  pid: process.pid,
  args: process.argv.slice(2),
  options: process.execArgv,
  began: began.filter((one) => /^(MALLOC_|RUNNER_ALLOCATOR)/.test(one)).sort(),
  has: Object.keys(process.env).filter((name) => /^(MALLOC_|RUNNER_ALLOCATOR)/.test(name)).sort(),
})));\n`,
);

interface Became {
  readonly isSame: boolean;
  readonly args: readonly string[];
  readonly options: readonly string[];
  readonly began: readonly string[];
  readonly has: readonly string[];
}

async function started(args: readonly string[], env: Readonly<Record<string, string>> = {}, node: readonly string[] = []) {
  const { PATH } = process.env;
  const child = spawn(process.execPath, [...node, program, ...args], {
    env: { ...(PATH === undefined ? {} : { PATH }), ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end();
  const { pid, ...became }: Became & { readonly pid: number } = JSON.parse(await text(child.stdout));
  return { ...became, isSame: pid === child.pid };
}

describe.runIf(process.platform === "linux")("a daemon's process", () => {
  it("begins once more with one heap, as the same process, and passes nothing of that on", async () => {
    expect(await started(["start", "--json", "-C", "a b"])).toEqual({
      isSame: true,
      args: ["start", "--json", "-C", "a b"],
      options: ["--max-semi-space-size=2"],
      began: ["MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=131072", "RUNNER_ALLOCATOR=1"],
      has: [],
    });
  });

  it("keeps the options that Node was given, and a size that was chosen", async () => {
    const { options } = await started(["start"], {}, ["--no-deprecation"]);
    expect(options).toEqual(["--no-deprecation", "--max-semi-space-size=2"]);
    const sized = await started(["start"], { NODE_OPTIONS: "--max-semi-space-size=8" });
    expect([sized.options, sized.began.length]).toEqual([[], 3]);
  });

  it.each([
    ["of a short command", ["list"], {}],
    ["that only drains", ["start", "--once"], {}],
    ["for which somebody has said how to allocate", ["start"], { MALLOC_ARENA_MAX: "4" }],
  ])("%s is left as it is", async (_what, args, env) => {
    const given = Object.entries(env);
    expect(await started(args, env)).toEqual({
      isSame: true,
      args,
      options: [],
      began: given.map(([name, value]) => `${name}=${value}`),
      has: given.map(([name]) => name),
    });
  });
});
