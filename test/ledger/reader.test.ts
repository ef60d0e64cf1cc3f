/** Reading changes nothing: not the ledger, not its folder, and it needs no right to. */
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger, LedgerReader } from "../../src/ledger/ledger.ts";
import { readMethods } from "../../src/ledger/sqlite/queries.ts";
import { Reader } from "../../src/ledger/sqlite/reader.ts";
import { migrations } from "../../src/ledger/sqlite/schema.ts";
import { startProgram } from "./program.ts";
import { beginning, runFinish, runStart, slotClaim, toolStart, tryFinish, tryStart, underWay } from "./records.ts";

let folder: string;
let stateDir: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runner-reader-"));
  chmodSync(folder, 0o755);
  stateDir = join(folder, "state");
  file = join(stateDir, "ledger.sqlite");
});
afterEach(async () => {
  chmodSync(stateDir, 0o700);
  await rm(folder, { recursive: true });
});

/** A ledger with a run, a memory and a run that is open; still open for writing. */
async function makeLedger(): Promise<Ledger> {
  const ledger = await openLedger({ stateDir });
  await ledger.recordRun(runStart({ runId: "skipped", jobId: "other" }), runFinish({ status: "skipped" }));
  await underWay(ledger, "under way");
  await ledger.rememberRung({ provider: "p", model: "m", fault: "stream_order", notedAt: 1, expiresAt: 200 });
  return ledger;
}

function facts(path: string): string {
  const { mode, size, mtimeNs, ino } = statSync(path, { bigint: true });
  return [path, mode, size, mtimeNs, ino].join(" ");
}

/** Everything that a person could see changed: names, bytes, modes and times, of the folder too. */
function look(): string[] {
  const files = readdirSync(stateDir).map((name) => join(stateDir, name));
  return [
    facts(stateDir),
    ...files.map((path) => `${facts(path)} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`),
  ];
}

/** The same without the `-shm` file, which is memory that this process shares with itself: there a reader marks its place. */
function lookAtLasting(): string[] {
  return look().filter((line) => !line.includes("-shm"));
}

async function everything(ledger: LedgerReader): Promise<string> {
  const runs = (await ledger.history({})).map((run) => `${run.runId} ${run.status}`);
  const last = [...(await ledger.lastRuns()).keys()].toSorted();
  const detail = await ledger.run("under way");
  const tries = detail === undefined || "ambiguous" in detail ? 0 : detail.tries.length;
  return JSON.stringify([runs, last, tries, (await ledger.rungMemories(100)).length]);
}
const all = JSON.stringify([["under way running", "skipped skipped"], ["job", "other"], 1, 1]);

async function readAll(): Promise<unknown> {
  try {
    const reader = await openLedger({ stateDir, create: false });
    if (reader === undefined) return undefined;
    const read = await everything(reader);
    await reader.close();
    return read;
  } catch (error) {
    return error;
  }
}

/** Root may write anywhere; so that a test of permissions means something as root too, it becomes somebody else for a moment. */
async function asSomebodyElse<T>(work: () => Promise<T>): Promise<T> {
  const root = process.getuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  return work().finally(() => (root ? process.seteuid?.(0) : undefined));
}

/** Readable for everybody, writable for nobody. */
function closeForWriting(): void {
  for (const name of readdirSync(stateDir)) chmodSync(join(stateDir, name), 0o444);
  chmodSync(stateDir, 0o555);
}

/** What `kill -9` of a writer leaves: a `-wal` with everything in it and a `-shm` of nobody. */
async function leaveUnfinished(): Promise<void> {
  const writer = await makeLedger();
  const kept = join(folder, "kept");
  mkdirSync(kept);
  for (const name of readdirSync(stateDir)) copyFileSync(join(stateDir, name), join(kept, name));
  await writer.close();
  for (const name of readdirSync(kept)) copyFileSync(join(kept, name), join(stateDir, name));
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
}

describe("a reader leaves every byte, mode and time as it was", () => {
  test.each([
    ["after a good end", async () => (await makeLedger()).close()],
    ["with modes that a writer would have changed", async () => (await makeLedger()).close().then(() => chmodSync(file, 0o644))],
    ["with an empty -wal", async () => (await makeLedger()).close().then(() => writeFileSync(`${file}-wal`, ""))],
    ["after kill -9", leaveUnfinished],
  ])("%s", async (_, prepare) => {
    await prepare();
    const before = look();
    expect(await readAll()).toBe(all);
    expect(look()).toEqual(before);
    closeForWriting();
    const closed = look();
    expect(await asSomebodyElse(readAll), "without the right to write anything").toBe(all);
    expect(look()).toEqual(closed);
  });

  test("while a writer has it open, and sees what the writer has just written", async () => {
    const writer = await makeLedger();
    const before = lookAtLasting();
    const reader = await openLedger({ stateDir, create: false });
    if (reader === undefined) throw new Error("there is a ledger");
    expect(await everything(reader)).toBe(all);
    expect(lookAtLasting()).toEqual(before);
    await writer.finishRun("under way", runFinish());
    expect((await reader.history({ limit: 1 }))[0]?.status).toBe("succeeded");
    await writer.close();
    expect((await reader.history({ limit: 1 }))[0]?.status, "and after the writer's end").toBe("succeeded");
    const late = await openLedger({ stateDir });
    await late.claimRun(runStart({ runId: "late" }));
    expect((await reader.history({ limit: 1 }))[0]?.runId).toBe("late");
    await late.close();
    await reader.close();
  });

  test("where there is nothing, or nothing yet", async () => {
    mkdirSync(stateDir);
    expect(await readAll()).toBeUndefined();
    writeFileSync(file, "");
    expect(await readAll()).toBeUndefined();
    const unborn = new DatabaseSync(file);
    unborn.exec("PRAGMA journal_mode=WAL");
    unborn.close();
    const before = look();
    expect(await readAll(), "its maker died before anything was in it").toBeUndefined();
    expect(look()).toEqual(before);
  });
});

test("a reader cannot write", async () => {
  await (await makeLedger()).close();
  const reader = new Reader(file, 1000);
  await expect(reader.read(() => reader.sql("DELETE FROM runs").run())).rejects.toMatchObject({ reason: "permission" });
  reader.close();
});

test("what is read beside a writer that goes on and on is of one instant, whatever the writer moves into the file", async () => {
  const writer = startProgram("ledger-writer", stateDir, "1");
  let open = 0;
  for (let line = await writer.next(); line !== undefined && open < 60; line = await writer.next()) {
    if (!line.startsWith("did finish life-1-run") || line.includes(".")) continue;
    const reader = await openLedger({ stateDir, create: false });
    const runs = (await reader?.history({ limit: 9999 })) ?? [];
    // Recorded one after the other: of a whole instant at most the newest is open, and none is missing.
    expect(runs.slice(1).every((run) => run.status === "succeeded")).toBe(true);
    expect(runs.map((run) => run.runId)).toEqual(runs.map((_, at) => `life-1-run-${runs.length - at}`));
    await reader?.close();
    open += 1;
  }
  writer.process.kill("SIGKILL");
  await writer.gone();
  expect(open).toBe(60);
});

test("a file that is changed under a reader is read again, from the beginning", async () => {
  await (await makeLedger()).close();
  const reader = new Reader(file, 5000);
  let readings = 0;
  const seen = await reader.read(() => {
    readings += 1;
    const before = reader.sql("SELECT count(*) AS n FROM runs").get()?.["n"];
    if (readings === 1) {
      // A writer that comes, writes into the file and goes, all between two looks of the reader.
      const quick = new DatabaseSync(file);
      quick.exec("DELETE FROM runs WHERE id = 'skipped'");
      quick.close();
    }
    return before;
  });
  expect([seen, readings]).toEqual([1, 2]);
  reader.close();
});

/** A ledger as an older version wrote it. */
function makeOlder(version = 1): void {
  mkdirSync(stateDir);
  const database = new DatabaseSync(file);
  const steps = migrations.slice(0, version).join(";");
  database.exec(`PRAGMA journal_mode=WAL; ${steps}; PRAGMA application_id=0x72756e72; PRAGMA user_version=${version};
    INSERT INTO jobs (id) VALUES ('job');
    INSERT INTO runs (id, job, job_name, trigger, status, started_at, owner_pid, owner_started_at, owner_boot_id, owner_host,
      model_asked, simulated, job_hash) VALUES ('old', 1, 'job', 'manual', 'running', 10, 1, '2', '3', '4', 'm/m', 0, 'h');
    INSERT INTO attempts (run, attempt, started_at, session_id, why) VALUES (1, 1, 11, 's', 'first attempt');
    INSERT INTO calls (run, attempt, call, started_at, dialect, model_asked, stream) VALUES (1, 1, 1, 12, 'd', 'm/m', 1);
    INSERT INTO tries (run, attempt, call, try, status, started_at, finished_at, provider, model, stream, waited_ms, why)
      VALUES (1, 1, 1, 1, 'answered', 13, 14, 'm', 'm', 1, 0, 'first try')`);
  database.close();
}

/** What a reader says that knows so many versions and none older than them. */
async function readAs(steps: number): Promise<unknown> {
  const reader = new Reader(file, 1000, steps, {});
  try {
    return await readMethods(reader).history({});
  } finally {
    reader.close();
  }
}

describe("an older schema", () => {
  test.each([1, 2, 3, 4])("version %i answers every question as it stands", async (version) => {
    makeOlder(version);
    const before = look();
    const reader = await openLedger({ stateDir, create: false });
    if (reader === undefined) throw new Error("there is a ledger");
    const since = { since: 0 };
    expect(await reader.run("old")).toMatchObject({
      run: { payloadKind: "agentTurn" },
      tries: [{ status: "answered" }],
      tools: [],
    });
    expect(await reader.lastRun("job", ["running"])).toMatchObject({ runId: "old" });
    expect(await reader.history({ statuses: ["running"] })).toHaveLength(1);
    expect([await reader.recordings("old"), await reader.breakers()]).toEqual([[], new Map()]);
    expect(await reader.rungCounts(since)).toMatchObject([{ tries: 1, unpriced: 1 }]);
    expect(await reader.costs(since)).toMatchObject([{ runs: 1, costMicroUsd: 0 }]);
    expect(await reader.healings(since)).toEqual([]);
    expect(await reader.openRuns()).toMatchObject([{ runId: "old", status: "running" }]);
    expect((await reader.recentRuns(5)).get("job")).toEqual({ runs: [{ status: "running" }] });
    expect([await reader.lastSlots(), await reader.armed(), await reader.pauses(0)]).toEqual([new Map(), new Map(), new Map()]);
    expect(await reader.endedPauses(1e12)).toEqual([]);
    expect([await reader.leader(), await reader.slotRecord("job", 1)]).toEqual([undefined, undefined]);
    expect([await reader.cancelRequests(), await reader.events({}), await reader.statusCounts(since)]).toEqual([[], [], []]);
    expect(await reader.prunable(1e12)).toBe(0);
    await reader.close();
    expect(look()).toEqual(before);
  });

  test("a process of version 2 that was there before goes on writing, reading and pruning", async () => {
    makeOlder(2);
    const older = new DatabaseSync(file);
    const ledger = await openLedger({ stateDir });
    await ledger.startTool(toolStart({ runId: "old" }));
    await ledger.startTry(tryStart({ runId: "old", try: 2 }));
    await ledger.finishTry(tryStart({ runId: "old", try: 2 }), tryFinish({ recording: { mode: "shape", text: "a\n" } }));
    await ledger.finishRun("old", runFinish());
    older.exec(`INSERT INTO runs (id, job, job_name, trigger, status, started_at, owner_pid, owner_started_at, owner_boot_id,
        owner_host, model_asked, simulated, job_hash, owner_pid_namespace, lease_until)
        VALUES ('theirs', 1, 'job', 'manual', 'running', 10, 1, '2', '3', '4', 'm/m', 0, 'h', '', 9);
      DELETE FROM outputs WHERE run = 1; DELETE FROM tries WHERE run = 1; DELETE FROM calls WHERE run = 1;
      DELETE FROM attempts WHERE run = 1; DELETE FROM runs WHERE key = 1`);
    older.close();
    expect(await ledger.history({})).toMatchObject([{ runId: "theirs", payloadKind: "agentTurn" }]);
    expect(await ledger.recordings("old")).toEqual([]);
    await ledger.close();
  });

  test("version 3, alive beside the newest: its runs are counted and claimed like any, and it may end what it does not know", async () => {
    makeOlder(3);
    const older = new DatabaseSync(file);
    const insert = older.prepare(`INSERT INTO runs (id, job, job_name, trigger, status, started_at, owner_pid, owner_started_at,
        owner_boot_id, owner_host, model_asked, simulated, job_hash, owner_pid_namespace, lease_until, slot_at)
        VALUES (?, 1, 'job', 'slot', 'running', 10, 1, '2', '3', '4', 'm/m', 0, 'h', '', 9, ?) ON CONFLICT DO NOTHING`);
    const end = older.prepare("UPDATE runs SET status = ?, finished_at = 90, reason = 'r' WHERE id = ?");
    const ledger = await openLedger({ stateDir });
    expect(await ledger.statusCounts({ since: 0 }), "one run, which is open").toEqual([]);
    expect(insert.run("second", null).changes, "its claims still exclude each other").toBe(0);
    end.run("failed", "old");
    await ledger.claimSlots([slotClaim({ runId: "queued" })]);
    expect(insert.run("theirs", 1000).changes, "the slot has its run").toBe(0);
    expect(insert.run("theirs", 2000).changes).toBe(1);
    expect(await ledger.beginRun("queued", beginning())).toMatchObject({ because: "open_run", blocker: { runId: "theirs" } });
    end.run("succeeded", "theirs");
    end.run("interrupted", "queued");
    expect(await ledger.openRuns()).toEqual([]);
    expect(await ledger.statusCounts({ since: 0 })).toEqual(
      ["failed", "interrupted", "succeeded"].map((status) => ({ jobId: "job", status, runs: 1 })),
    );
    await ledger.noteEvent({ at: 1, kind: "started", text: "" });
    await ledger.claimSlots([slotClaim({ runId: "pruned", slotAt: 3000 })]);
    await ledger.requestCancel({ runId: "pruned", at: 1, reason: "by hand" });
    older.exec("DELETE FROM runs WHERE id = 'pruned'");
    older.close();
    expect(await ledger.cancelRequests()).toEqual([]);
    await ledger.close();
  });

  test("is read as it stands, and changed by whoever may write", async () => {
    makeOlder();
    const before = look();
    const reader = await openLedger({ stateDir, create: false });
    expect(await reader?.run("old")).toMatchObject({ run: { runId: "old", owner: { pid: 1, pidNamespace: "", host: "4" } } });
    const [run] = (await reader?.history({ jobId: "job" })) ?? [];
    expect(run).toMatchObject({ runId: "old", status: "running" });
    expect(run).not.toHaveProperty("leaseUntil");
    expect([...((await reader?.lastRuns())?.keys() ?? [])]).toEqual(["job"]);
    await reader?.close();
    expect(look()).toEqual(before);
    const ledger = await openLedger({ stateDir });
    expect(await ledger.renewLease("old", 40)).toBe(true);
    expect((await ledger.history({}))[0]).toMatchObject({ runId: "old", leaseUntil: 40, owner: { pidNamespace: "" } });
    await ledger.close();
    expect(readdirSync(stateDir).toSorted()).toEqual(["ledger.sqlite", "ledger.sqlite.schema-1"]);
  });

  test("that cannot be read as it stands is refused with the command that updates it; a newer one too", async () => {
    makeOlder();
    await expect(readAs(2)).rejects.toMatchObject({
      name: "LedgerError",
      reason: "older_schema",
      message: expect.stringMatching(/schema is version 1 .*`runner run` of any job updates it/),
    });
    await expect(readAs(0)).rejects.toMatchObject({ reason: "newer_schema" });
  });
});

test("what is no ledger, or may not be read, is said as it is to a writer", async () => {
  await (await makeLedger()).close();
  chmodSync(file, 0o000);
  expect(await asSomebodyElse(readAll)).toMatchObject({ name: "LedgerError", reason: "permission" });
  chmodSync(stateDir, 0o000);
  expect(await asSomebodyElse(readAll)).toMatchObject({ name: "LedgerError", reason: "permission" });
  chmodSync(stateDir, 0o700);
  rmSync(file);
  writeFileSync(file, "no database, and somebody's only copy of something ".repeat(40));
  expect(await readAll()).toMatchObject({ name: "LedgerError", reason: "corrupt", location: file });
});
