/** A project that is read anew: all of it takes effect, or nothing. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { loadProject, type Project } from "../../src/compose/project.ts";
import { reread } from "../../src/compose/reload.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function command(echo: string, cron = "0 7 * * *"): object {
  return { schedule: { kind: "cron", expr: cron }, payload: { kind: "command", argv: ["echo", echo] } };
}

function scene(): {
  write: (file: string, content: unknown) => void;
  load: () => Promise<Project>;
  remove: (file: string) => void;
} {
  const dir = mkdtempSync(path.join(os.tmpdir(), "runner-reload-"));
  folders.push(dir);
  mkdirSync(path.join(dir, "jobs"));
  return {
    write: (file, content) =>
      writeFileSync(path.join(dir, file), typeof content === "string" ? content : JSON.stringify(content)),
    remove: (file) => rmSync(path.join(dir, file)),
    load: () => loadProject({ dir, configFile: undefined, stateDir: undefined, env: { HOME: dir, TZ: "UTC" } }),
  };
}

describe("a project that is read anew", () => {
  it("tells the jobs that were added, changed and removed, by their names", async () => {
    const { write, load, remove } = scene();
    for (const name of ["a", "b", "c"]) write(`jobs/${name}.json`, command(name));
    const before = await load();
    write("jobs/a.json", command("another text"));
    write("jobs/b.json", { ...command("b"), id: "b", name: "renamed" });
    remove("jobs/c.json");
    write("jobs/d.json", command("d"));
    const changes = { added: ["d"], changed: ["a", "renamed"], removed: ["c"] };
    expect(await reread(before)).toMatchObject({ kind: "good", changes, settings: [], afterRestart: [] });
  });

  it.each([
    ["a file that was good", "jobs/a.json", "{ broken"],
    ["a new file", "jobs/new.json", "{ broken"],
    ["the configuration", "runner.config.json", '{ "timezone": "Mars/Olympus" }'],
    ["a job that names an id twice", "jobs/new.json", JSON.stringify({ ...command("x"), id: "b" })],
  ])("changes nothing when %s cannot be used, however good the rest is", async (_what, file, content) => {
    const { write, load } = scene();
    write("jobs/a.json", command("a"));
    write("jobs/b.json", command("b"));
    const before = await load();
    write("jobs/b.json", command("a good change"));
    write(file, content);
    expect(await reread(before)).toMatchObject({ kind: "refused", problems: [expect.stringContaining(file)] });
  });

  it("refuses a folder of jobs that has gone, and takes one that was emptied", async () => {
    const { write, load, remove } = scene();
    write("jobs/a.json", command("a"));
    const before = await load();
    remove("jobs/a.json");
    expect(await reread(before)).toMatchObject({ kind: "good", changes: { removed: ["a"] } });
    rmSync(before.jobsDir, { recursive: true });
    expect(await reread(before)).toMatchObject({
      kind: "refused",
      problems: [expect.stringContaining("there is no such folder")],
    });
  });

  it("does not let a file that was broken from the start keep the others from changing", async () => {
    const { write, load } = scene();
    write("jobs/broken.json", "{ broken");
    write("jobs/a.json", command("a"));
    const before = await load();
    write("jobs/a.json", command("changed"));
    expect(await reread(before)).toMatchObject({ kind: "good", changes: { changed: ["a"] } });
    write("jobs/broken.json", command("mended"));
    expect(await reread(before)).toMatchObject({ kind: "good", changes: { added: ["broken"] } });
  });

  it("says which settings are others, and which need a restart", async () => {
    const { write, load } = scene();
    write("jobs/a.json", command("a"));
    write("runner.config.json", { timezone: "Europe/Berlin", stateDir: "one" });
    const before = await load();
    write("runner.config.json", { stateDir: "two", scheduler: { maxRuns: 3 } });
    const again = await reread(before);
    expect(again).toMatchObject({ kind: "good", afterRestart: [expect.stringContaining("two")] });
    expect(again.kind === "good" ? again.settings.toSorted() : []).toEqual(["scheduler.maxRuns", "timezone"]);
  });

  it.each(["mjs", "cjs", "ts"])("runs a program that was changed anew (.%s)", async (kind) => {
    const { write, load } = scene();
    const program = (text: string): string => {
      const value = `{ name: "made", ...${JSON.stringify(command(text))} }`;
      return kind === "cjs" ? `module.exports = ${value};` : `export default ${value};`;
    };
    write(`jobs/made.${kind}`, program("one"));
    let before = await load();
    for (const text of ["two", "three"]) {
      write(`jobs/made.${kind}`, program(text));
      // Also where the file system counts time in seconds.
      utimesSync(path.join(before.jobsDir, `made.${kind}`), new Date(), new Date(Date.now() + text.length * 5_000));
      const again = await reread(before);
      if (again.kind !== "good") throw new Error(again.problems.join());
      expect(again.changes).toEqual({ added: [], changed: ["made"], removed: [] });
      expect(JSON.stringify(again.project.jobs[0]?.payload)).toContain(text);
      before = again.project;
    }
    write(`jobs/made.${kind}`, "export default {{{");
    expect(await reread(before)).toMatchObject({ kind: "refused" });
  });
});
