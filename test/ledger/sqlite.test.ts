import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { keptMs, type LedgerReader } from "../../src/ledger/ledger.ts";
import { Connection } from "../../src/ledger/sqlite/connection.ts";
import { countQueries } from "../../src/ledger/sqlite/counts.ts";
import { migrate } from "../../src/ledger/sqlite/migrations.ts";
import { sqliteLedger } from "../../src/ledger/sqlite/open.ts";
import { queries } from "../../src/ledger/sqlite/queries.ts";
import { rollUpQueries } from "../../src/ledger/sqlite/status-counts.ts";
import { migrations } from "../../src/ledger/sqlite/schema.ts";
import { rangeQueries } from "../../src/ledger/sqlite/slot-ranges.ts";
import { withdrawalQueries } from "../../src/ledger/sqlite/withdrawals.ts";
import { isEnding, runStatuses } from "../../src/run/run.ts";
import { ledgerContract } from "./contract.ts";
import { fillHistory, startOfRun } from "./history.ts";
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

ledgerContract("SQLite", async () => {
  const place = await mkdtemp(join(tmpdir(), "runner-ledger-"));
  return { open: () => openLedger({ stateDir: join(place, "state") }), dispose: () => rm(place, { recursive: true }) };
});

let folder: string;
let stateDir: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runner-ledger-"));
  stateDir = join(folder, "deep", "state");
  file = join(stateDir, "ledger.sqlite");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** A ledger with one run, closed. */
async function makeLedger(): Promise<void> {
  const ledger = await openLedger({ stateDir });
  await ledger.claimRun(runStart({ runId: "kept" }));
  await ledger.close();
}

/** The refusal that opening must end in. */
function refusal(reason: string, words: string): object {
  return { name: "LedgerError", reason, location: file, message: expect.stringContaining(words) };
}
const opening = (): Promise<unknown> => openLedger({ stateDir }).catch((error: unknown) => error);

/** Opens, reads everything and claims; the error that came of it, if any. */
async function writing(place: string): Promise<unknown> {
  try {
    const ledger = await openLedger({ stateDir: place });
    try {
      await ledger.history({});
      await ledger.lastRuns();
      await ledger.run("kept");
      return await ledger.claimRun(runStart({ runId: "another", jobId: "another" }));
    } finally {
      await ledger.close();
    }
  } catch (error) {
    return error;
  }
}

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
    await makeLedger();
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
    await makeLedger();
    const ledger = await openLedger({ stateDir, create: false });
    expect((await ledger?.history({}))?.map((run) => run.runId)).toEqual(["kept"]);
    await ledger?.close();
  });

  test("a state folder that cannot be one is refused with the place and what to do", async () => {
    writeFileSync(join(folder, "deep"), "a file");
    expect(await opening()).toMatchObject(refusal("misplaced", "--state-dir"));
  });

  test("a folder or a file that this user may not write is a matter of permission", async () => {
    await makeLedger();
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
    expect(await opening()).toMatchObject(refusal("corrupt", "it was left untouched"));
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(readdirSync(stateDir)).toEqual(["ledger.sqlite"]);
  });

  test("a ledger that was cut in the middle is reported as corrupt, not emptied", async () => {
    await makeLedger();
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    const failure = await writing(stateDir);
    expect(failure).toMatchObject({ name: "LedgerError", reason: "corrupt" });
  });

  test("another program's database is refused", async () => {
    mkdirSync(stateDir, { recursive: true });
    new DatabaseSync(file).exec("CREATE TABLE theirs (a); PRAGMA user_version=1");
    expect(await opening()).toMatchObject(refusal("corrupt", "database of another program"));
    new DatabaseSync(file).exec("PRAGMA user_version=0");
    expect(await opening()).toMatchObject(refusal("corrupt", "database of another program"));
  });

  test("a newer schema is refused and says what to do", async () => {
    await makeLedger();
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version=999");
    database.close();
    const before = readFileSync(file);
    expect(await opening()).toMatchObject(
      refusal("newer_schema", `its schema is version 999 and this runner knows up to ${migrations.length} (update runner`),
    );
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a link to a ledger elsewhere is followed", async () => {
    await makeLedger();
    symlinkSync(stateDir, join(folder, "link"));
    const ledger = await openLedger({ stateDir: join(folder, "link") });
    expect(await ledger.history({})).toHaveLength(1);
    await ledger.close();
  });
});

/** The numbers of endings since a day, as lines. */
async function countsSince(ledger: LedgerReader | undefined, day: number): Promise<string[]> {
  const counts = (await ledger?.statusCounts({ since: day * 86_400_000 })) ?? [];
  return counts.map((row) => `${row.jobId} ${row.status} ${row.runs}`).toSorted();
}

describe("migrations", () => {
  const newest = migrations.length;
  const added = "ALTER TABLE runs ADD COLUMN note TEXT";

  test("a next one is applied once, after a whole copy of the ledger was put beside it", async () => {
    await makeLedger();
    const connections = [new Connection(file, 5000), new Connection(file, 5000), new Connection(file, 5000)];
    await Promise.all(connections.map((connection) => migrate(connection, [...migrations, added])));
    for (const connection of connections) {
      const [run] = connection.database.prepare("SELECT id, note FROM runs").all();
      expect({ ...run }).toEqual({ id: "kept", note: null });
      connection.close();
    }
    expect(readdirSync(stateDir).toSorted()).toEqual(["ledger.sqlite", `ledger.sqlite.schema-${newest}`]);
    expect(mode(`${file}.schema-${newest}`)).toBe("600");
    const copy = new DatabaseSync(`${file}.schema-${newest}`);
    expect({ ...copy.prepare("PRAGMA user_version").get() }).toEqual({ user_version: newest });
    expect({ ...copy.prepare("SELECT id FROM runs").get() }).toEqual({ id: "kept" });
    copy.close();
    expect(await opening()).toMatchObject(refusal("newer_schema", `version ${newest + 1}`));
  });

  test("a process that comes late does not put a copy of the new schema in the place of the old one's", async () => {
    await makeLedger();
    const late = new Connection(file, 5000);
    // It has read the version when this line is done; then the other process is quicker.
    const migrated = migrate(late, [...migrations, added]);
    const quick = new DatabaseSync(file);
    quick.exec(`BEGIN IMMEDIATE; ${added}; PRAGMA user_version=${newest + 1}; COMMIT`);
    quick.close();
    writeFileSync(`${file}.schema-${newest}`, "the quick one's copy");
    await migrated;
    late.close();
    expect(readFileSync(`${file}.schema-${newest}`, "utf8")).toBe("the quick one's copy");
    expect(readdirSync(stateDir).toSorted()).toEqual(["ledger.sqlite", `ledger.sqlite.schema-${newest}`]);
  });

  test("version 4 counts what has ended before it, by job, day and ending, and nothing that was simulated", async () => {
    mkdirSync(stateDir, { recursive: true });
    const database = new DatabaseSync(file);
    database.exec(`${migrations.slice(0, 3).join(";")}; PRAGMA application_id=0x72756e72; PRAGMA user_version=3; PRAGMA journal_mode=WAL;
      INSERT INTO jobs (id) VALUES ('a'), ('b')`);
    const insert = database.prepare(`INSERT INTO runs (id, job, job_name, trigger, status, started_at, finished_at, owner_pid,
      owner_started_at, owner_boot_id, owner_host, model_asked, simulated, job_hash) VALUES (?, ?, 'n', 'slot', ?, 1, ?, 1, '', '', '', 'm', ?, '')`);
    const expected: string[] = [];
    for (const [at, status] of runStatuses.filter(isEnding).entries())
      for (const job of [1, 2]) {
        for (let number = 0; number <= at; number++)
          insert.run(`${status} ${job} ${number}`, job, status, (20_000 + job) * 86_400_000 + number, 0);
        insert.run(`${status} ${job} simulated`, job, status, 20_003 * 86_400_000, 1);
        expected.push(`${job === 1 ? "a" : "b"} ${status} ${at + 1}`);
      }
    insert.run("open", 1, "running", null, 0);
    database.close();
    const reader = await openLedger({ stateDir, create: false });
    expect(await countsSince(reader, 20_001), "of a file of version 3, as it stands").toEqual(expected.toSorted());
    await reader?.close();
    const ledger = await openLedger({ stateDir });
    expect(await countsSince(ledger, 20_001)).toEqual(expected.toSorted());
    expect(await countsSince(ledger, 20_002)).toEqual(expected.filter((line) => line.startsWith("b")).toSorted());
    expect(await countsSince(ledger, 20_003)).toEqual([]);
    await ledger.close();
  });

  test("one that fails changes nothing", async () => {
    await makeLedger();
    const connection = new Connection(file, 5000);
    await expect(migrate(connection, [...migrations, `${added}; CREATE TABLE runs (a)`])).rejects.toThrow(/already exists/);
    connection.close();
    const ledger = await openLedger({ stateDir });
    expect((await ledger.history({}))[0]?.runId).toBe("kept");
    await ledger.close();
  });
});

test("a write has the lock before it begins: nothing of it is done, or done again, while another holds it", async () => {
  await makeLedger();
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
    await makeLedger();
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
  await makeLedger();
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

describe("many runs", () => {
  test("10,000 runs come in the order of recording, and no list looks at more of them than it gives", async () => {
    await makeLedger();
    fillHistory(file, 10_000, 7);
    const ledger = await openLedger({ stateDir });
    const all = await ledger.history({ limit: 20_000 });
    expect(all.map((run) => run.runId.slice(0, 12))).toEqual([
      ...Array.from({ length: 10_000 }, (_, index) => `run-${String(10_000 - index).padStart(8, "0")}`),
      "kept",
    ]);
    const ofJob = await ledger.history({ jobId: "job-3", limit: 3 });
    expect(ofJob.map((run) => Number(run.runId.slice(4, 12)))).toEqual([9999, 9992, 9985]);
    const last = await ledger.lastRuns();
    const ids = [...last.values()].map((run) => run.runId.slice(0, 12)).toSorted();
    expect(ids).toEqual([
      "kept",
      "run-00009994",
      "run-00009995",
      "run-00009996",
      "run-00009997",
      "run-00009998",
      "run-00009999",
      "run-00010000",
    ]);
    await ledger.close();
  });

  test("a round of pruning that was left unfinished is gone on with at the next run's end, within the hour", async () => {
    await makeLedger();
    fillHistory(file, 10_300, 10);
    const ledger = await openLedger({ stateDir });
    const now = startOfRun(10_300) + keptMs * 2;
    const end = async (number: number, finishedAt: number): Promise<number> => {
      await ledger.claimRun(runStart({ runId: `end ${number}`, jobId: "another", startedAt: now }));
      await ledger.finishRun(`end ${number}`, runFinish({ finishedAt }));
      return ledger.prunable(now);
    };
    const database = new DatabaseSync(file);
    database.exec(`INSERT INTO upkeep (name, done_at, next_job) SELECT 'prune', ${now}, key FROM jobs WHERE id = 'job-8'`);
    expect(await end(1, now), "the last two jobs").toBe(240);
    expect({ ...database.prepare("SELECT next_job FROM upkeep").get() }).toEqual({ next_job: null });
    expect(await end(2, now + 1), "the round is over").toBe(240);
    const left: number[] = [];
    for (let number = 3; left.length < 20 && left.at(-1) !== 0; number++) left.push(await end(number, now + 3_600_000));
    expect(left.at(-1)).toBe(0);
    database.close();
    await ledger.close();
  });

  const counting = { ...countQueries, ...rollUpQueries };
  test.each(Object.entries({ ...queries, ...rangeQueries, ...withdrawalQueries, ...counting }))(
    "the query for %s goes along an index",
    async (name, query) => {
      await makeLedger();
      const database = new DatabaseSync(file);
      const plan = database
        .prepare(`EXPLAIN QUERY PLAN ${query}`)
        .all()
        .map((row) => String(row["detail"]));
      database.close();
      // There are few jobs, and each of them is sought in the index of runs; `newest` and `k` are lists of a known length; `q` and `b` are all
      // that are queued or begun, from indexes that hold nothing else; and `c` are requests to end a run that is open.
      const whole = /^SCAN (j|newest|k VIRTUAL TABLE|q USING INDEX one_queued_run_a_job|b USING INDEX one_open_run_a_job|c)\b/;
      expect(plan.filter((line) => line.startsWith("SCAN") && !whole.test(line))).toEqual([]);
      // A job has many runs and few of them are sought, so the index of all its runs is gone along only for their order.
      const through = ["newestBoot", "countBeyond"].includes(name)
        ? plan.filter((line) => line.includes("USING INDEX runs_of_job ("))
        : [];
      expect(through).toEqual([]);
      // What is counted comes out in few groups, which may be sorted; a list of runs never is.
      const sorted = plan.filter((line) => line.includes("TEMP B-TREE") && !(name in counting));
      expect(sorted).toHaveLength(0);
    },
  );
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
  await makeLedger();
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
