/** Real files, real watches. Each test waits for what it is told, and never for a time. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { fingerprint, type ProjectFiles } from "../../src/load/fingerprint.ts";
import { watchProject, type ProjectWatch } from "../../src/load/watch.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).toReversed()) clean();
});

interface Scene {
  readonly dir: string;
  readonly files: ProjectFiles;
  /** What the next change is told of, by names relative to the folder. */
  readonly next: () => Promise<readonly string[]>;
  readonly watch: () => Promise<ProjectWatch>;
  readonly write: (file: string, text: string) => void;
}

function scene(): Scene {
  const dir = mkdtempSync(path.join(os.tmpdir(), "runner-watch-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(path.join(dir, "jobs/inner"), { recursive: true });
  const files = { jobsDir: path.join(dir, "jobs"), configPlaces: [path.join(dir, "runner.config.json")], named: [] };
  const told: (readonly string[])[] = [];
  let waiting: ((paths: readonly string[]) => void) | undefined;
  return {
    dir,
    files,
    next: () =>
      new Promise((resolve) => {
        const first = told.shift();
        if (first === undefined) waiting = resolve;
        else resolve(first);
      }),
    async watch() {
      const watch = await watchProject(files, {
        settleMs: 20,
        onChange: (paths) => {
          const names = paths.map((one) => path.relative(dir, one));
          if (waiting === undefined) told.push(names);
          else waiting(names);
          waiting = undefined;
          return Promise.resolve();
        },
        onUnwatched: (why) => expect.unreachable(why),
      });
      cleanups.push(() => watch.close());
      return watch;
    },
    write(file, text) {
      mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
      writeFileSync(path.join(dir, file), text);
    },
  };
}

describe("watching a project", () => {
  it("tells of a file that is written, made, removed, or put in place by a rename, in any folder below", async () => {
    const { write, watch, next, dir } = scene();
    write("jobs/a.yaml", "one");
    write("jobs/inner/b.yaml", "one");
    await watch();
    write("jobs/a.yaml", "two");
    expect(await next()).toEqual(["jobs/a.yaml"]);
    write("jobs/inner/c.yaml", "new");
    expect(await next()).toEqual(["jobs/inner/c.yaml"]);
    // As editors save: written beside, then renamed over it.
    write("jobs/inner/.b.yaml.swp", "three");
    renameSync(path.join(dir, "jobs/inner/.b.yaml.swp"), path.join(dir, "jobs/inner/b.yaml"));
    expect(await next()).toEqual(["jobs/inner/b.yaml"]);
    rmSync(path.join(dir, "jobs/a.yaml"));
    expect(await next()).toEqual(["jobs/a.yaml"]);
    write("jobs/deeper/still/d.yaml", "new");
    expect(await next()).toEqual(["jobs/deeper/still/d.yaml"]);
    write("jobs/deeper/still/d.yaml", "newer");
    expect(await next()).toEqual(["jobs/deeper/still/d.yaml"]);
  });

  it("says nothing of swap files, backups, hidden files and the like", async () => {
    const { write, watch, next } = scene();
    write("jobs/a.yaml", "one");
    await watch();
    for (const noise of ["jobs/.a.yaml.swp", "jobs/4913", "jobs/a.yaml~", "jobs/#a.yaml#", "jobs/_draft.yaml", "other.txt"])
      write(noise, "noise");
    write("jobs/b.yaml", "the first that counts");
    expect(await next()).toEqual(["jobs/b.yaml"]);
  });

  it("sees Kubernetes swap a folder of configuration by its link", async () => {
    const { write, watch, next, dir } = scene();
    write("jobs/..2026_11_24/a.yaml", "one");
    write("jobs/..2026_11_25/a.yaml", "two");
    symlinkSync("..2026_11_24", path.join(dir, "jobs/..data"));
    symlinkSync("..data/a.yaml", path.join(dir, "jobs/a.yaml"));
    await watch();
    symlinkSync("..2026_11_25", path.join(dir, "jobs/..data_tmp"));
    renameSync(path.join(dir, "jobs/..data_tmp"), path.join(dir, "jobs/..data"));
    expect(await next()).toEqual(["jobs/a.yaml"]);
  });

  it("sees the folder go, and goes on with the one that is made in its place", async () => {
    const { write, watch, next, dir } = scene();
    write("jobs/a.yaml", "one");
    await watch();
    renameSync(path.join(dir, "jobs"), path.join(dir, "away"));
    expect(await next()).toContain("jobs/a.yaml");
    write("jobs/a.yaml", "two");
    expect(await next()).toContain("jobs/a.yaml");
    write("jobs/b.yaml", "in the new folder");
    expect(await next()).toEqual(["jobs/b.yaml"]);
  });

  it("follows a configuration that was not there, and files that jobs name", async () => {
    const { write, watch, next, files, dir } = scene();
    write("jobs/a.yaml", "one");
    const watcher = await watch();
    write("runner.config.json", "{}");
    expect(await next()).toEqual(["runner.config.json"]);
    write("prompts/text.md", "one");
    watcher.follow({ ...files, named: [path.join(dir, "prompts/text.md")] });
    expect(await next()).toEqual(["prompts/text.md"]);
    write("prompts/text.md", "two");
    expect(await next()).toEqual(["prompts/text.md"]);
  });

  it("tells what changed since somebody began to read it, and nothing older", async () => {
    const { write, files } = scene();
    write("jobs/a.yaml", "one");
    const told: (readonly string[])[] = [];
    const first = Promise.withResolvers<void>();
    const options = {
      settleMs: 5,
      onChange(paths: readonly string[]) {
        told.push(paths.map((one) => path.basename(one)));
        first.resolve();
        return Promise.resolve();
      },
      onUnwatched: () => {},
    };
    const later = await watchProject(files, { ...options, readAt: Date.now() + 60_000 });
    cleanups.push(() => later.close());
    const earlier = await watchProject(files, { ...options, readAt: Date.now() - 60_000 });
    cleanups.push(() => earlier.close());
    await first.promise;
    expect(told).toEqual([["a.yaml"]]);
  });

  it("tells of changes that came while the last ones were being dealt with", async () => {
    const { write, files } = scene();
    write("jobs/a.yaml", "one");
    const busy = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const again = Promise.withResolvers<readonly string[]>();
    let times = 0;
    const watch = await watchProject(files, {
      settleMs: 5,
      async onChange(paths) {
        times++;
        if (times > 1) return again.resolve(paths.map((one) => path.basename(one)));
        begun.resolve();
        await busy.promise;
      },
      onUnwatched: () => {},
    });
    cleanups.push(() => watch.close());
    write("jobs/a.yaml", "two");
    await begun.promise;
    write("jobs/b.yaml", "while it is busy");
    busy.resolve();
    expect(await again.promise).toEqual(["b.yaml"]);
  });

  it("watches folders and not files, however many these are", async () => {
    const { write, files } = scene();
    for (let at = 0; at < 1_000; at++) write(`jobs/d${at % 10}/j${at}.yaml`, "");
    const { stamps, folders } = await fingerprint(files);
    expect(stamps.size).toBe(1_000);
    expect(folders.length).toBeLessThan(20);
  });
});
