import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProcessEntry } from "../../src/turn/process-table.ts";
import { environmentCarries, linuxTable, parseStat } from "../../src/turn/processes.ts";
import { parsePs, psTable } from "../../src/turn/ps.ts";
import { members, type Lineage } from "../../src/turn/tree.ts";

/** Of a PID namespace its own maker may say which number comes next. */
const unshare = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
const inNamespaces =
  process.platform === "linux" && spawnSync("unshare", [...unshare, "test", "-w", "/proc/sys/kernel/ns_last_pid"]).status === 0;

const nobody = { pids: new Set([0, 1]), group: 0 };

function entry(pid: number, ppid: number, facts: Partial<ProcessEntry> = {}): ProcessEntry {
  return { pid, ppid, pgid: pid, sid: pid, start: pid, zombie: false, ...facts };
}

function lineage(facts: Partial<Lineage> = {}): Lineage {
  return { notBefore: 100, known: new Map([[100, 100]]), groups: new Set([100]), ...facts };
}

const pids = (entries: readonly ProcessEntry[]) => entries.map(({ pid }) => pid).toSorted((a, b) => a - b);

describe("members of a tree", () => {
  it("are children of children, in whatever order the table has them", () => {
    expect(pids(members(lineage(), [entry(103, 102), entry(102, 101), entry(101, 100), entry(100, 5)], nobody))).toEqual([
      100, 101, 102, 103,
    ]);
  });

  it("stay known when their parent is gone and they belong to the system's first process", () => {
    const tree = lineage();
    members(tree, [entry(100, 5), entry(101, 100), entry(102, 101)], nobody);
    expect(pids(members(tree, [entry(102, 1)], nobody))).toEqual([102]);
  });

  it("are those in the group or session of one, though nobody saw them come", () => {
    const tree = lineage();
    members(tree, [entry(100, 5), entry(101, 100)], nobody);
    expect(pids(members(tree, [entry(200, 1, { pgid: 100 }), entry(201, 1, { sid: 101 }), entry(202, 1)], nobody))).toEqual([
      200, 201,
    ]);
  });

  it("are not strangers that were given a member's pid, nor their children, nor their group", () => {
    const tree = lineage();
    members(tree, [entry(100, 5), entry(101, 100)], nobody);
    const reused = [entry(101, 1, { start: 900 }), entry(901, 101, { pgid: 101, sid: 101 })];
    expect(members(tree, reused, nobody)).toEqual([]);
  });

  it("are not the neighbours of a process that was only found by its marker", () => {
    const tree: Lineage = { notBefore: 0, known: new Map([[100, 100]]), groups: undefined };
    const terminal = [
      entry(50, 1),
      entry(60, 50, { pgid: 100, sid: 50 }),
      entry(100, 50, { sid: 50 }),
      entry(101, 100, { sid: 50 }),
    ];
    expect(pids(members(tree, terminal, nobody))).toEqual([100, 101]);
  });

  it("are never older than the turn's process, nor untouchable ones", () => {
    const untouchable = { pids: new Set([0, 1, 150]), group: 7 };
    const table = [entry(100, 5), entry(50, 100), entry(150, 100), entry(151, 100, { pgid: 7 }), entry(160, 1, { pgid: 7 })];
    expect(pids(members(lineage(), table, untouchable))).toEqual([100, 151]);
  });

  it("are all descendants and nobody else, in any forest (property)", () => {
    const forest = fc.array(fc.nat(), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(forest, fc.array(fc.nat()), (parents, order) => {
        // Process 100+i is a child of an earlier one, or of a stranger.
        const table = parents.map((parent, i) => {
          const ppid = i === 0 ? 5 : parent % 3 === 0 ? 2 : 100 + (parent % i);
          return entry(100 + i, ppid);
        });
        const expected = new Set([100]);
        for (const { pid, ppid } of table) if (expected.has(ppid)) expected.add(pid);
        const shuffled = table
          .map((one, i) => ({ one, key: order[i] ?? 0 }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ one }) => one);
        expect(pids(members(lineage(), shuffled, nobody))).toEqual([...expected].toSorted((a, b) => a - b));
      }),
    );
  });
});

describe("what the system says", () => {
  it("is read although a process calls itself by brackets and spaces", () => {
    const rest = "S 1 42 41 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 139814 3133440 376";
    expect(parseStat(`42 (a) R 9 9 (b) ${rest}`)).toEqual({ pid: 42, ppid: 1, pgid: 42, sid: 41, start: 139814, zombie: false });
    expect(parseStat("42 (cut")).toBeUndefined();
    expect(parseStat("42 (cut) S 1")).toBeUndefined();
  });

  it("finds a marker only as a whole", () => {
    const environ = "A=1\0RUNNER_RUN_ID=run-1\0RUNNER_ATTEMPT=2";
    expect(environmentCarries(environ, { runId: "run-1", attempt: 2 })).toBe(true);
    expect(environmentCarries(environ, { runId: "run-1" })).toBe(true);
    expect(environmentCarries(environ, { runId: "run-1", attempt: 1 })).toBe(false);
    expect(environmentCarries(environ, { runId: "run", attempt: 2 })).toBe(false);
    expect(environmentCarries("XRUNNER_RUN_ID=run-1\0RUNNER_ATTEMPT=2\0", { runId: "run-1", attempt: 2 })).toBe(false);
    expect(environmentCarries("A=RUNNER_RUN_ID=run-1\0RUNNER_ATTEMPT=22\0", { runId: "run-1", attempt: 2 })).toBe(false);
  });

  it("is the same of a real process from ps, on every system", async () => {
    const child = spawn(process.execPath, ["-e", "process.stdin.resume(); console.log('ready')"], {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
    });
    await once(child.stdout, "data");
    const found = psTable.list().find(({ pid }) => pid === child.pid);
    expect(found).toMatchObject({ pid: child.pid, ppid: process.pid, pgid: child.pid, zombie: false });
    expect(Math.abs((found?.start ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(psTable.entry(child.pid ?? 0)).toEqual(found);
    child.stdin.end();
    await once(child, "exit");
    expect(psTable.entry(child.pid ?? 0)).toBeUndefined();
  });

  it("is read in the form of macOS too", () => {
    expect(
      parsePs("  501     1   501 Ss   Sun Nov 22 18:03:04 2026    \n  777   501   501 Z+   Mon Nov  2 08:03:04 2026\n garbage\n"),
    ).toEqual([
      { pid: 501, ppid: 1, pgid: 501, sid: 0, start: new Date(2026, 10, 22, 18, 3, 4).getTime(), zombie: false },
      { pid: 777, ppid: 501, pgid: 501, sid: 0, start: new Date(2026, 10, 2, 8, 3, 4).getTime(), zombie: true },
    ]);
  });

  it.runIf(process.platform === "linux")("is, from /proc, our own process and its marker", async () => {
    const env = { RUNNER_RUN_ID: "run-x", RUNNER_ATTEMPT: "3" };
    const child = spawn(process.execPath, ["-e", "process.stdin.resume(); console.log('ready')"], {
      stdio: ["pipe", "pipe", "inherit"],
      env,
    });
    await once(child.stdout, "data");
    const pid = child.pid ?? 0;
    expect(linuxTable.list().find((one) => one.pid === pid)).toEqual(linuxTable.entry(pid));
    expect(linuxTable.entry(pid)).toMatchObject({ ppid: process.pid, zombie: false });
    expect(linuxTable.carries(pid, { runId: "run-x", attempt: 3 })).toBe(true);
    expect(linuxTable.carries(pid, { runId: "run-x", attempt: 1 })).toBe(false);
    expect(linuxTable.openFiles(pid).filter((file) => /^(socket|pipe):/.test(file)).length).toBeGreaterThanOrEqual(2);
    child.stdin.end();
    await once(child, "exit");
    expect(linuxTable.entry(pid)).toBeUndefined();
    expect(linuxTable.openFiles(pid)).toEqual([]);
  });

  it.runIf(inNamespaces)("is, of what is young, also a process that comes later under the pid of an old one", () => {
    const program = fileURLToPath(new URL("../fixtures/programs/pid-reused.ts", import.meta.url));
    const args = [...unshare, process.execPath, "--disable-warning=ExperimentalWarning", program];
    expect(JSON.parse(execFileSync("unshare", args, { encoding: "utf8" }))).toEqual({
      old: false,
      again: false,
      young: true,
      reused: true,
    });
  });
});
