import { chmodSync, closeSync, openSync, renameSync, rmSync } from "node:fs";
import type { Connection } from "./connection.ts";
import { classify, ledgerError } from "./failures.ts";
import { migrations } from "./schema.ts";

/** Marks a file as a ledger of ours: "runr". */
const applicationId = 0x72_75_6e_72;

function version(connection: Pick<Connection, "sql">): number {
  return Number(connection.sql("PRAGMA user_version").get()?.["user_version"]);
}

/**
 * The version of the file's schema, 0 for a file in which nothing is yet.
 * @throws LedgerError `newer_schema` if it is ahead of `known`, `corrupt` if it is no ledger
 */
export function ledgerVersion(connection: Pick<Connection, "sql" | "file">, known: number): number {
  const at = version(connection);
  if (at > known) throw newerSchema(connection.file, at, known);
  const application = connection.sql("PRAGMA application_id").get()?.["application_id"];
  const tables = at === 0 ? Number(connection.sql("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"]) : 0;
  if (tables > 0 || (at > 0 && application !== applicationId))
    throw ledgerError("corrupt", connection.file, "it is a database of another program");
  return at;
}

/**
 * Brings the file to the newest schema. Each step is one transaction with its version number in it, so that a `kill -9`
 * leaves the old schema or the new one; of several processes one migrates and the others find it done.
 * @throws LedgerError `newer_schema` if the file is ahead of this program, `corrupt` if it is no ledger
 */
export async function migrate(connection: Connection, steps: readonly string[] = migrations): Promise<void> {
  const found = await connection.read(() => ledgerVersion(connection, steps.length));
  if (found === steps.length) return;
  if (found === 0) await connection.alone(() => connection.database.exec("PRAGMA journal_mode=WAL"));
  else await backUp(connection, found);
  for (const [from, step] of steps.entries()) {
    await connection.write("power_loss", () => {
      if (version(connection) !== from) return;
      connection.database.exec(`${step}; PRAGMA application_id=${applicationId}; PRAGMA user_version=${from + 1}`);
    });
  }
}

function newerSchema(file: string, found: number, known: number): Error {
  return ledgerError("newer_schema", file, `its schema is version ${found} and this runner knows up to ${known}`);
}

/**
 * A copy of the ledger as it was, beside it, before a migration changes it. Written under a name of its own and then moved,
 * so that the copy's name always means a whole copy.
 */
async function backUp(connection: Connection, from: number): Promise<void> {
  const whole = `${connection.file}.schema-${from}`;
  const partial = `${whole}.${process.pid}-${process.hrtime.bigint()}`;
  try {
    closeSync(openSync(partial, "w", 0o600));
    chmodSync(partial, 0o600);
    await connection.alone(() => connection.sql("VACUUM INTO ?").run(partial));
    // If another process has migrated meanwhile, this copy may be of the new schema, and the other one has made its own before.
    const late = (await connection.read(() => version(connection))) !== from;
    if (late) rmSync(partial);
    else renameSync(partial, whole);
  } catch (error) {
    rmSync(partial, { force: true });
    throw classify(error, connection.file);
  }
}
