/** The lock by which a process says that it lives: real processes, real files. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger, Owner } from "../../src/ledger/ledger.ts";
import { lockFile } from "../../src/ledger/sqlite/owner-locks.ts";
import { owner } from "./records.ts";

let folder: string;
let ledger: Ledger;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "runner-locks-"));
  ledger = await openLedger({ stateDir: folder });
});
afterEach(async () => {
  await ledger.close();
  rmSync(folder, { recursive: true });
});

const files = (): string[] => (existsSync(path.join(folder, "owners")) ? readdirSync(path.join(folder, "owners")) : []);

/** A process that holds the lock of an owner until it is killed, or ends in order when its stdin does. */
async function holder(of: Owner): Promise<{ kill: () => Promise<void>; end: () => Promise<void> }> {
  const source = `
    import { openLedger } from ${JSON.stringify(path.resolve("src/ledger/index.ts"))};
    const ledger = await openLedger({ stateDir: ${JSON.stringify(folder)} });
    await ledger.holdOwner(${JSON.stringify(of)});
    process.stdout.write("held");
    process.stdin.resume().on("end", () => ledger.close());`;
  const child = spawn(
    process.execPath,
    ["--input-type=module-typescript", "--disable-warning=ExperimentalWarning", "-e", source],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  await once(child.stdout, "data");
  const over = async (how: () => void): Promise<void> => {
    const gone = once(child, "exit");
    how();
    await gone;
  };
  return { kill: () => over(() => child.kill("SIGKILL")), end: () => over(() => child.stdin.end()) };
}

it("is held while the process lives, dropped by kill -9, and gone after an end in order", async () => {
  expect(ledger.ownerLock(owner), "nobody has said anything").toBe("unknown");
  const first = await holder(owner);
  expect(ledger.ownerLock(owner)).toBe("held");
  const reader = await openLedger({ stateDir: folder, create: false });
  expect(reader?.ownerLock(owner)).toBe("held");
  expect(ledger.ownerLock({ ...owner, startedAt: "1" }), "the pid of another").toBe("unknown");
  await first.kill();
  expect([ledger.ownerLock(owner), reader?.ownerLock(owner)]).toEqual(["free", "free"]);
  const second = await holder({ ...owner, pid: 2 });
  await second.end();
  expect(ledger.ownerLock({ ...owner, pid: 2 })).toBe("unknown");
  expect(files()).toHaveLength(1);
  expect(statSync(path.join(folder, "owners", files()[0] ?? "")).mode & 0o777).toBe(0o600);
  await reader?.close();
});

it("is one of a process, however many connections want it, and however often", async () => {
  const other = await openLedger({ stateDir: folder });
  await ledger.holdOwner(owner);
  await ledger.holdOwner(owner);
  await other.holdOwner(owner);
  await ledger.close();
  expect(files(), "the other one still wants it").toHaveLength(1);
  expect(other.ownerLock(owner)).toBe("held");
  await other.close();
  expect(files()).toEqual([]);
});

it("is not taken for an owner of whom there may be two, nor where no file can be made, and then nothing fails", async () => {
  await ledger.holdOwner({ ...owner, startedAt: "" });
  await ledger.holdOwner({ ...owner, bootId: "" });
  expect(files()).toEqual([]);
  writeFileSync(path.join(folder, "owners"), "in the way");
  await ledger.holdOwner(owner);
  expect(ledger.ownerLock(owner)).toBe("unknown");
});

it("leaves no file that looks like a dead one's where the lock could not be taken", async () => {
  const file = lockFile(path.join(folder, "ledger.sqlite"), owner) ?? "";
  mkdirSync(path.dirname(file));
  const other = new DatabaseSync(file);
  other.exec("BEGIN; SELECT 1 FROM sqlite_schema");
  await ledger.holdOwner(owner);
  other.close();
  expect(ledger.ownerLock(owner)).toBe("unknown");
});

it("leaves no heap of files: those of the dead go when no lease of theirs can hold, a living one's stays", async () => {
  const living = await holder({ ...owner, pid: 1 });
  const dead = await holder({ ...owner, pid: 2 });
  await dead.kill();
  const old = (Date.now() - 3_600_000) / 1_000;
  for (const name of files()) utimesSync(path.join(folder, "owners", name), old, old);
  const young = await holder({ ...owner, pid: 3 });
  await young.kill();
  await ledger.holdOwner({ ...owner, pid: 4 });
  expect(files()).toHaveLength(3);
  expect([1, 2, 3, 4].map((pid) => ledger.ownerLock({ ...owner, pid }))).toEqual(["held", "unknown", "free", "held"]);
  await living.kill();
  for (let number = 0; number < 1_000; number++) writeFileSync(path.join(folder, "owners", `${number}.lock`), "");
  await ledger.holdOwner({ ...owner, pid: 5 });
  expect(ledger.ownerLock({ ...owner, pid: 5 }), "there are too many").toBe("unknown");
});
