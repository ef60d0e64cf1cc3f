/** What a daemon leaves of the job files, and who takes it: real processes and the built program, which alone has a build to tell by. */
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { stage, type Stage } from "../cli/stage.ts";

let own: Stage;

beforeEach(() => {
  own = stage();
});
afterEach(() => own.close());

const jobs = (word: string): object =>
  Array.from({ length: 100 }, (_, at) => ({
    name: `job-${at}`,
    schedule: "0 9 1 1 *",
    payload: { kind: "command", argv: ["echo", word] },
  }));

/** Starts a daemon, and ends it when it has said what it is about to do. */
async function daemonOnce(): Promise<void> {
  const { process: child, ended } = own.start(["start"]);
  await new Promise<void>((resolve) => child.stderr?.on("data", (text: string) => text.includes("next: ") && resolve()));
  child.kill("SIGTERM");
  expect((await ended).code).toBe(0);
}

/** What was written just now is not left, so another process goes first. */
async function pass(): Promise<void> {
  expect((await own.runner(["validate"])).code).toBe(0);
}

const cache = (): string => path.join(own.dir, "state/job-cache.json");

/** As no reading would make it: whoever shows this has taken what was left. */
function mark(): void {
  writeFileSync(cache(), readFileSync(cache(), "utf8").replaceAll('"echo"', '"taken"'));
}

async function shown(...args: readonly string[]): Promise<boolean> {
  const { stdout } = await own.runner([...args, "--json"]);
  expect(stdout).toMatch(/"echo"|"taken"/);
  return stdout.includes('"taken"');
}

it("is taken by commands that look while the files are the same, and never by one that runs", async () => {
  own.write("runner.config.json", { stateDir: "state" });
  own.write("jobs/all.json", jobs("Red"));
  await pass();
  await daemonOnce();
  expect(statSync(cache()).mode & 0o777).toBe(0o600);
  mark();
  expect(await shown("list")).toBe(true);
  const { stdout } = await own.runner(["run", "job-7"]);
  expect(stdout).toBe("Red\n");
  await pass();

  const before = statSync(path.join(own.dir, "jobs/all.json"));
  own.write("jobs/all.json", jobs("Sea"));
  utimesSync(path.join(own.dir, "jobs/all.json"), before.atime, before.mtime);
  expect(await shown("list")).toBe(false);
});

it("is not taken with another configuration, and a project of a few jobs has none", async () => {
  own.write("runner.config.json", { stateDir: "state" });
  own.write("jobs/all.json", jobs("Red"));
  await pass();
  await daemonOnce();
  mark();
  own.write("runner.config.json", { stateDir: "state", model: "kimi-coding/k2p5" });
  expect(await shown("list")).toBe(false);
  rmSync(path.join(own.dir, "jobs/all.json"));
  own.write("jobs/one.json", { name: "one", schedule: "0 9 1 1 *", payload: { kind: "command", argv: ["echo", "one"] } });
  await daemonOnce();
  expect(existsSync(cache())).toBe(false);
});
