import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileTools } from "../../../src/turn/tools/files.ts";

let base: string;
let work: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "files-"));
  work = join(base, "work");
  mkdirSync(join(work, "sub"), { recursive: true });
  mkdirSync(join(base, "outside"));
  writeFileSync(join(base, "outside/secret"), "the secret");
  writeFileSync(join(base, "secret"), "the secret");
  writeFileSync(join(work, "a.txt"), "one\ntwo\nthree\n");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

async function use(name: string, input: Record<string, unknown>, access: "ro" | "rw" = "rw") {
  const tool = fileTools({ access }, work).find((one) => one.name === name);
  if (tool === undefined) return { status: "no such tool", text: "" };
  const { status, content } = await tool.run(input);
  return { status, text: content.map((item) => (item.type === "text" ? item.text : "picture")).join("") };
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;
const read = (path: string) => use("read_file", { path });

it("reads whole files, ranges, and what is no text by its size only", async () => {
  expect(await read("a.txt")).toEqual({ status: "succeeded", text: "one\ntwo\nthree\n" });
  expect(await read(join(work, "sub/../a.txt"))).toMatchObject({ status: "succeeded" });
  expect((await use("read_file", { path: "a.txt", offset: 2, limit: 1 })).text).toBe("two\n[lines 2 to 2 of 3]");
  writeFileSync(join(work, "binary"), Buffer.from([1, 0, 2]));
  expect(await read("binary")).toMatchObject({ status: "failed", text: expect.stringContaining("NUL") });
  writeFileSync(join(work, "empty"), "");
  expect(await read("empty")).toMatchObject({ status: "succeeded" });
  execFileSync("truncate", ["-s", "1G", join(work, "huge")]);
  expect(await read("huge")).toMatchObject({ status: "failed", text: expect.stringContaining("at most") });
  writeFileSync(join(work, "long"), "x".repeat(1_000_000));
  expect((await read("long")).text.length).toBeLessThan(70_000);
});

it("writes, appends, makes folders, lists and deletes with rw, and not with ro", async () => {
  await use("write_file", { path: "new/deep/b.txt", content: "b" });
  await use("append_file", { path: "new/deep/b.txt", content: "c" });
  await use("write_file", { path: "a.txt", content: "é" });
  expect(readFileSync(join(work, "new/deep/b.txt"), "utf8")).toBe("bc");
  expect(readFileSync(join(work, "a.txt"), "utf8")).toBe("é");
  await use("make_folder", { path: "x/y" });
  expect((await use("list_files", {})).text).toBe("a.txt\nnew/\nsub/\nx/");
  expect((await use("list_files", { path: "x" })).text).toBe("y/");
  expect((await use("list_files", { path: "x/y" })).text).toBe("(the folder is empty)");
  expect(await use("delete_file", { path: "new" })).toMatchObject({
    status: "failed",
    text: expect.stringContaining("not empty"),
  });
  for (const path of ["new/deep/b.txt", "new/deep", "new"])
    expect(await use("delete_file", { path })).toMatchObject({ status: "succeeded" });
  expect(existsSync(join(work, "new"))).toBe(false);
  expect(fileTools({ access: "ro" }, work).map(({ name }) => name)).toEqual(["read_file", "list_files"]);
});

describe("there is no way out", () => {
  const ways = [
    "../secret",
    "sub/../../secret",
    "./sub/./../../outside/secret",
    "/etc/passwd",
    "//etc/passwd",
    "link/secret",
    "file-link",
    "chain",
    "sub/up/secret",
    "sub/up/outside/secret",
    "absolute/passwd",
    "loop",
    "/proc/self/environ",
    "proc/self/environ",
    "a.txt/../../secret",
    "secret\0.txt",
    "..",
    "/",
  ];
  beforeEach(() => {
    symlinkSync("../outside", join(work, "link"));
    symlinkSync("../secret", join(work, "file-link"));
    symlinkSync("file-link", join(work, "chain"));
    symlinkSync("../..", join(work, "sub/up"));
    symlinkSync("/etc", join(work, "absolute"));
    symlinkSync("/proc", join(work, "proc"));
    symlinkSync("loop", join(work, "loop"));
  });

  it.each(ways)("by %j", async (path) => {
    for (const [name, input] of [
      ["read_file", { path }],
      ["list_files", { path }],
      ["write_file", { path, content: "changed" }],
      ["append_file", { path, content: "changed" }],
      ["write_file", { path: `${path}/new`, content: "changed" }],
      ["make_folder", { path: `${path}/new` }],
    ] as const) {
      const { status, text } = await use(name, input);
      expect([name, status]).not.toEqual([name, "succeeded"]);
      expect(text).not.toMatch(/the secret|root:|PATH=/);
    }
    expect(readFileSync(join(base, "secret"), "utf8")).toBe("the secret");
    expect(readFileSync(join(base, "outside/secret"), "utf8")).toBe("the secret");
    expect(existsSync(join(base, "outside/new"))).toBe(false);
  });

  it("links that stay inside are followed", async () => {
    symlinkSync("../a.txt", join(work, "sub/inside"));
    symlinkSync(join(work, "sub"), join(work, "absolute-inside"));
    expect(await read("sub/inside")).toMatchObject({ status: "succeeded" });
    expect(await read("absolute-inside/inside")).toMatchObject({ status: "succeeded" });
  });

  it("deleting a link deletes the link", async () => {
    expect(await use("delete_file", { path: "file-link" })).toMatchObject({ status: "succeeded" });
    expect(await use("delete_file", { path: "link" })).toMatchObject({ status: "succeeded" });
    expect(existsSync(join(base, "outside/secret"))).toBe(true);
    expect(existsSync(join(base, "secret"))).toBe(true);
    expect(await use("delete_file", { path: "." })).toMatchObject({ status: "refused" });
  });

  it("pipes, devices and sockets are neither waited for nor read", async () => {
    execFileSync("mkfifo", [join(work, "pipe")]);
    expect(await read("pipe")).toMatchObject({ status: "refused", text: expect.stringContaining("pipe") });
    expect(await use("write_file", { path: "pipe", content: "x" })).toMatchObject({ status: "refused" });
    expect(await read("sub")).toMatchObject({ status: expect.not.stringMatching("succeeded") });
  });

  it("a folder that is swapped for a link again and again while it is walked gives nothing away", async () => {
    const swapped = join(work, "swapped");
    mkdirSync(swapped);
    writeFileSync(join(swapped, "secret"), "harmless");
    // Swaps as fast as it can in a thread of its own: the folder away, a link to the outside in, and back.
    const worker = new Worker(
      `const { renameSync, rmSync, symlinkSync, unlinkSync } = require("node:fs");
       const { workerData: { swapped, outside }, parentPort } = require("node:worker_threads");
       // A writer may have made the folder anew in between.
       const restore = () => { for (;;) try { rmSync(swapped, { recursive: true, force: true }); renameSync(swapped + ".kept", swapped); return; } catch {} };
       const round = () => {
         for (let i = 0; i < 50; i++) {
           try { renameSync(swapped, swapped + ".kept"); symlinkSync(outside, swapped); unlinkSync(swapped); renameSync(swapped + ".kept", swapped); }
           catch { restore(); }
         }
         setImmediate(round);
       };
       parentPort.postMessage("swapping");
       round();`,
      { eval: true, workerData: { swapped, outside: join(base, "outside") } },
    );
    await new Promise((resolve) => worker.once("message", resolve));
    const counts: Record<string, number> = {};
    for (let round = 0; round < 3_000; round++) {
      const { status, text } = await read("swapped/secret");
      expect(text).not.toContain("the secret");
      counts[status] = (counts[status] ?? 0) + 1;
      await use("append_file", { path: "swapped/written", content: "x" });
    }
    await worker.terminate();
    expect(Object.keys(counts).length).toBeGreaterThan(1);
    expect(existsSync(join(base, "outside/written"))).toBe(false);
  });
});

it("a work folder that is itself behind a link is the folder it leads to", async () => {
  const alias = join(base, "alias");
  symlinkSync(work, alias);
  const [tool] = fileTools({ access: "ro" }, alias);
  expect(await tool?.run({ path: "a.txt" })).toMatchObject({ status: "succeeded" });
  expect(await tool?.run({ path: "../secret" })).toMatchObject({ status: "refused" });
});

it.runIf(process.platform === "linux")("leaves no descriptor open, whatever happens", async () => {
  const before = descriptors();
  for (let round = 0; round < 200; round++) {
    await read("../secret");
    await read("a.txt");
    await read("sub");
    await use("list_files", { path: "nowhere/deep" });
    await use("write_file", { path: "sub/x", content: "" });
  }
  expect(descriptors() - before).toBeLessThan(20);
});

it("a path that leads out after folders were made for it has failed, for something was done", async () => {
  expect(await use("write_file", { path: "made/deep/../../../x", content: "x" })).toMatchObject({ status: "failed" });
  expect(existsSync(join(work, "made"))).toBe(true);
  expect(await use("write_file", { path: "sub/../../x", content: "x" })).toMatchObject({ status: "refused" });
  expect(existsSync(join(base, "x"))).toBe(false);
});
