import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { type LedgerReader } from "../../src/ledger/ledger.ts";
import { Connection } from "../../src/ledger/sqlite/connection.ts";
import { migrate } from "../../src/ledger/sqlite/migrations.ts";
import { migrations } from "../../src/ledger/sqlite/schema.ts";
import { isEnding, runStatuses } from "../../src/run/run.ts";
import { makeLedger, mode, newPlace, opening, refusal } from "./sqlite-place.ts";

let folder: string;
let stateDir: string;
let file: string;
beforeEach(async () => {
  ({ folder, stateDir, file } = await newPlace());
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The numbers of endings since a day, as lines. */
async function countsSince(ledger: LedgerReader | undefined, day: number): Promise<string[]> {
  const counts = (await ledger?.statusCounts({ since: day * 86_400_000 })) ?? [];
  return counts.map((row) => `${row.jobId} ${row.status} ${row.runs}`).toSorted();
}

describe("migrations", () => {
  const newest = migrations.length;
  const added = "ALTER TABLE runs ADD COLUMN note TEXT";

  test("a next one is applied once, after a whole copy of the ledger was put beside it", async () => {
    await makeLedger(stateDir);
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
    expect(await opening(stateDir)).toMatchObject(refusal(file, "newer_schema", `version ${newest + 1}`));
  });

  test("a process that comes late does not put a copy of the new schema in the place of the old one's", async () => {
    await makeLedger(stateDir);
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
    await makeLedger(stateDir);
    const connection = new Connection(file, 5000);
    await expect(migrate(connection, [...migrations, `${added}; CREATE TABLE runs (a)`])).rejects.toThrow(/already exists/);
    connection.close();
    const ledger = await openLedger({ stateDir });
    expect((await ledger.history({}))[0]?.runId).toBe("kept");
    await ledger.close();
  });
});
