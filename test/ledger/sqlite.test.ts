/** The ledger in a file: where it may be, what it leaves alone, and what it survives. */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { Connection } from "../../src/ledger/sqlite/connection.ts";
import { migrate } from "../../src/ledger/sqlite/migrations.ts";
import { sqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { migrations } from "../../src/ledger/sqlite/schema.ts";
import {
  attemptStart,
  callStart,
  openRuns,
  runFinish,
  runStart,
  slotClaim,
  slotRange,
  tryFinish,
  tryStart,
  underWay,
} from "./records.ts";
import { makeLedger, mode, newPlace, opening, refusal, writing } from "./sqlite-place.ts";

let folder: string;
let stateDir: string;
let file: string;
beforeEach(async () => {
  ({ folder, stateDir, file } = await newPlace());
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Root may write anywhere; so that a test of permissions means something as root too, it becomes somebody else for a moment. */
function become(user: number): void {
  if (process.getuid?.() === 0) process.seteuid?.(user);
}

describe("modes and places", () => {
  test.each([0o000, 0o022, 0o077, 0o277])("folder 0700 and all files 0600 under the umask %o", async (mask) => {
    mkdirSync(join(folder, "deep"));
    const before = process.umask(mask);
    const ledger = await openLedger({ stateDir }).finally(() => process.umask(before));
    await ledger.claimRun(runStart({ runId: "run" }));
    expect(mode(stateDir)).toBe("700");
    expect(readdirSync(stateDir).toSorted()).toEqual(["ledger.sqlite", "ledger.sqlite-shm", "ledger.sqlite-wal"]);
    expect(readdirSync(stateDir).map((name) => mode(join(stateDir, name)))).toEqual(["600", "600", "600"]);
    await ledger.close();
  });

  test("a ledger that was copied with wider modes is made private again, and a folder of somebody's own keeps its mode", async () => {
    await makeLedger(stateDir);
    chmodSync(file, 0o644);
    chmodSync(stateDir, 0o755);
    const ledger = await openLedger({ stateDir });
    await ledger.history({});
    expect([mode(file), mode(`${file}-wal`), mode(`${file}-shm`), mode(stateDir)]).toEqual(["600", "600", "600", "755"]);
    await ledger.close();
  });

  test("a command that only reads makes nothing where there is nothing, and reads what there is", async () => {
    expect(await openLedger({ stateDir, create: false })).toBeUndefined();
    expect(existsSync(join(folder, "deep"))).toBe(false);
    mkdirSync(stateDir, { recursive: true });
    writeFileSync(file, "");
    expect(await openLedger({ stateDir, create: false })).toBeUndefined();
    await makeLedger(stateDir);
    const ledger = await openLedger({ stateDir, create: false });
    expect((await ledger?.history({}))?.map((run) => run.runId)).toEqual(["kept"]);
    await ledger?.close();
  });

  test("a state folder that cannot be one is refused with the place and what to do", async () => {
    writeFileSync(join(folder, "deep"), "a file");
    expect(await opening(stateDir)).toMatchObject(refusal(file, "misplaced", "--state-dir"));
  });

  test("a folder or a file that this user may not write is a matter of permission", async () => {
    await makeLedger(stateDir);
    for (const open of [folder, join(folder, "deep")]) chmodSync(open, 0o755);
    const claiming = async (): Promise<unknown> => {
      become(65_534);
      const failure = await writing(stateDir);
      become(0);
      return failure;
    };
    chmodSync(stateDir, 0o555);
    const closedFolder = await claiming();
    chmodSync(stateDir, 0o777);
    chmodSync(file, 0o400);
    const closedFile = await claiming();
    const expected = { name: "LedgerError", reason: "permission", message: expect.stringContaining("writable for this user") };
    expect([closedFolder, closedFile]).toMatchObject([expected, expected]);
    chmodSync(stateDir, 0o700);
  });
});

describe("files that are no ledger of this program", () => {
  test.each([
    ["text", Buffer.from("this is not a database, but it may be somebody's only copy of something\n".repeat(40))],
    ["zeros", Buffer.alloc(8192)],
    ["noise after a good header", Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8000, 0xa5)])],
  ])("%s is reported as corrupt and left as it is", async (_, content) => {
    mkdirSync(stateDir, { recursive: true });
    writeFileSync(file, content);
    expect(await opening(stateDir)).toMatchObject(refusal(file, "corrupt", "it was left untouched"));
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(readdirSync(stateDir)).toEqual(["ledger.sqlite"]);
  });

  test("a ledger that was cut in the middle is reported as corrupt, not emptied", async () => {
    await makeLedger(stateDir);
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    const failure = await writing(stateDir);
    expect(failure).toMatchObject({ name: "LedgerError", reason: "corrupt" });
  });

  test("another program's database is refused", async () => {
    mkdirSync(stateDir, { recursive: true });
    new DatabaseSync(file).exec("CREATE TABLE theirs (a); PRAGMA user_version=1");
    expect(await opening(stateDir)).toMatchObject(refusal(file, "corrupt", "database of another program"));
    new DatabaseSync(file).exec("PRAGMA user_version=0");
    expect(await opening(stateDir)).toMatchObject(refusal(file, "corrupt", "database of another program"));
  });

  test("a newer schema is refused and says what to do", async () => {
    await makeLedger(stateDir);
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version=999");
    database.close();
    const before = readFileSync(file);
    expect(await opening(stateDir)).toMatchObject(
      refusal(file, "newer_schema", `its schema is version 999 and this runner knows up to ${migrations.length} (update runner`),
    );
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a link to a ledger elsewhere is followed", async () => {
    await makeLedger(stateDir);
    symlinkSync(stateDir, join(folder, "link"));
    const ledger = await openLedger({ stateDir: join(folder, "link") });
    expect(await ledger.history({})).toHaveLength(1);
    await ledger.close();
  });
});

test("a write has the lock before it begins: nothing of it is done, or done again, while another holds it", async () => {
  await makeLedger(stateDir);
  const holder = new DatabaseSync(file);
  holder.exec("BEGIN IMMEDIATE");
  const connection = new Connection(file, 60);
  let begun = 0;
  const write = (): number => (begun += 1);
  await expect(connection.write("power_loss", write)).rejects.toMatchObject({ reason: "locked" });
  expect(begun).toBe(0);
  holder.exec("COMMIT");
  expect(await connection.write("power_loss", write)).toBe(1);
  connection.close();
  holder.close();
});

describe("a full disk", () => {
  test("is reported as full; nothing is half written, and writing goes on when there is room again", async () => {
    await makeLedger(stateDir);
    const connection = new Connection(file, 5000);
    await migrate(connection);
    const ledger = sqliteLedger(connection);
    await ledger.finishRun("kept", runFinish());
    await underWay(ledger, "run");
    const pages = Number(connection.database.prepare("PRAGMA page_count").get()?.["page_count"]);
    connection.database.exec(`PRAGMA max_page_count=${pages}`);
    const end = runFinish({ output: "o".repeat(100_000) });
    await expect(ledger.finishRun("run", end)).rejects.toMatchObject({
      name: "LedgerError",
      reason: "full",
      location: file,
      message: expect.stringContaining("free some space"),
    });
    expect(await openRuns(ledger)).toEqual(["run"]);
    const found = await ledger.run("run");
    expect(found).toMatchObject({
      run: { status: "running" },
      attempts: [{ status: "running" }],
      tries: [{ status: "running" }],
    });

    connection.database.exec(`PRAGMA max_page_count=${pages + 1000}`);
    expect(await ledger.finishRun("run", end)).toBe(true);
    expect(connection.database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    await ledger.close();
  });
});

test("slots that do not fit on the disk are not claimed, none of them, until there is room again", async () => {
  await makeLedger(stateDir);
  const connection = new Connection(file, 5000);
  const ledger = sqliteLedger(connection);
  const claims = Array.from({ length: 500 }, (_, at) => slotClaim({ runId: `slot ${at}`, jobId: `job ${at}` }));
  await ledger.claimSlots(claims.slice(0, 1));
  const pages = Number(connection.database.prepare("PRAGMA page_count").get()?.["page_count"]);
  connection.database.exec(`PRAGMA max_page_count=${pages}`);
  const full = { name: "LedgerError", reason: "full", location: file };
  await expect(ledger.claimSlots(claims)).rejects.toMatchObject(full);
  const many = claims.map(({ jobId }, at) => slotRange({ runId: `range ${at}`, jobId, from: 5000, to: 5000, slots: 1 }));
  await expect(ledger.recordSlots(many)).rejects.toMatchObject(full);
  await expect(
    ledger.armJobs(
      claims.map(({ jobId }) => ({ jobId, jobName: jobId, scheduleHash: "h".repeat(64) })),
      1,
      true,
    ),
  ).rejects.toMatchObject(full);
  expect((await ledger.openRuns()).map((run) => run.runId)).toEqual(["kept", "slot 0"]);
  expect([await ledger.armed(), (await ledger.statusCounts({ since: 0 })).length]).toEqual([new Map(), 0]);
  connection.database.exec(`PRAGMA max_page_count=${pages + 1000}`);
  expect((await ledger.claimSlots(claims)).every((result) => result.won)).toBe(true);
  expect(connection.database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  await ledger.close();
});

test("no statement holds a value: texts full of SQL are only texts", async () => {
  const ledger = await openLedger({ stateDir });
  const nasty = "'); DROP TABLE runs; -- \" :run_id ? $1";
  await ledger.claimRun(runStart({ runId: nasty, jobId: nasty, jobName: nasty, modelAsked: nasty }));
  await ledger.startAttempt(attemptStart({ runId: nasty, why: nasty, sessionId: nasty }));
  await ledger.startCall(callStart({ runId: nasty, dialect: nasty }));
  await ledger.startTry(tryStart({ runId: nasty, provider: nasty, model: nasty, why: nasty }));
  await ledger.finishTry(
    tryStart({ runId: nasty }),
    tryFinish({ error: nasty, reason: nasty, requestId: nasty, stopReason: nasty }),
  );
  await ledger.rememberRung({ provider: nasty, model: nasty, fault: "stream_order", notedAt: 1, expiresAt: 2 });
  await ledger.finishRun(nasty, runFinish({ reason: nasty, output: nasty }));
  expect(await ledger.run(nasty)).toMatchObject({
    run: { runId: nasty, jobId: nasty, output: nasty },
    attempts: [{ why: nasty }],
    tries: [{ error: nasty, requestId: nasty }],
  });
  expect(await ledger.history({ jobId: nasty })).toHaveLength(1);
  await ledger.close();
});

test("a file that was removed or replaced while it was open is not written any more, and what took its place is left alone", async () => {
  await makeLedger(stateDir);
  const ledger = await openLedger({ stateDir });
  for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name, { force: true });
  const gone = {
    name: "LedgerError",
    reason: "removed",
    location: file,
    message: expect.stringContaining("removed or replaced"),
  };
  await expect(ledger.claimSlots([slotClaim({ runId: "lost", jobId: "a" })])).rejects.toMatchObject(gone);
  const another = await openLedger({ stateDir });
  expect(await another.claimSlots([slotClaim({ runId: "new", jobId: "a" })])).toEqual([{ won: true }]);
  await expect(ledger.claimSlots([slotClaim({ runId: "lost", jobId: "a" })])).rejects.toMatchObject(gone);
  await ledger.close();
  const third = await openLedger({ stateDir });
  expect((await third.openRuns()).map(({ runId }) => runId)).toEqual(["new"]);
  await third.close();
  await another.close();
});
