import type { Ledger } from "../ledger.ts";
import type { Connection, Durability } from "./connection.ts";
import { keepRecording, packed } from "./recordings.ts";
import { attemptFinish, attemptStart, callFinish, callStart, toolFinish, toolStart, tryFinish, tryStart } from "./step-values.ts";
import type { Values } from "./columns.ts";

type StepMethods = Pick<
  Ledger,
  "startAttempt" | "finishAttempt" | "startCall" | "finishCall" | "startTry" | "finishTry" | "startTool" | "finishTool"
>;

/** A table of steps: what identifies a row under its run, and what must be open for a row to start. */
interface StepTable {
  readonly table: "attempts" | "calls" | "tries" | "tool_runs";
  readonly word: "attempt" | "call" | "try" | "tool run";
  readonly key: readonly ("attempt" | "call" | "try" | "tool")[];
  /** Gives the run's integer key if the parent is open. */
  readonly parent: string;
  /** Whether a start that is recorded already may be recorded again, which changes nothing. A tool's may not: it would run twice. */
  readonly repeatable: boolean;
}

const attempts: StepTable = {
  table: "attempts",
  word: "attempt",
  key: ["attempt"],
  parent: "SELECT key FROM runs WHERE id = :run_id AND status = 'running' AND phase = 'active'",
  repeatable: true,
};
const calls: StepTable = {
  table: "calls",
  word: "call",
  key: ["attempt", "call"],
  parent: `SELECT p.run AS key FROM attempts p JOIN runs r ON r.key = p.run
    WHERE r.id = :run_id AND p.attempt = :attempt AND p.status = 'running'`,
  repeatable: true,
};
const tries: StepTable = {
  table: "tries",
  word: "try",
  key: ["attempt", "call", "try"],
  parent: `SELECT p.run AS key FROM calls p JOIN runs r ON r.key = p.run
    WHERE r.id = :run_id AND p.attempt = :attempt AND p.call = :call AND p.status = 'running'`,
  repeatable: true,
};
/** Under its attempt: the call that asked for it has ended when it begins. */
const tools: StepTable = {
  table: "tool_runs",
  word: "tool run",
  key: ["attempt", "tool"],
  parent: calls.parent,
  repeatable: false,
};

/**
 * Starts wait for the disk, because something follows that must never be forgotten. What follows the start of a call is that of its first
 * try, and nothing is asked before that one is on the disk, which carries the call's with it: so the call need not wait. The end of a call, a
 * try or a tool run need not either: without it the step reads as not ended, which claims nothing, and the next start carries it to the disk.
 */
export function stepMethods(connection: Connection): StepMethods {
  return {
    startAttempt: (begin) => start(connection, attempts, begin, () => attemptStart(begin)),
    finishAttempt: (key, finish) => end(connection, attempts, "power_loss", key, () => attemptFinish(finish)),
    startCall: (begin) => start(connection, calls, begin, () => callStart(begin), "process_death"),
    finishCall: (key, finish) => end(connection, calls, "process_death", key, () => callFinish(finish)),
    startTry: (begin) => start(connection, tries, begin, () => tryStart(begin)),
    async finishTry(key, finish) {
      const recording = finish.recording === undefined ? undefined : await packed(finish.recording);
      await end(
        connection,
        tries,
        "process_death",
        key,
        () => tryFinish(finish),
        () => {
          if (recording !== undefined) keepRecording(connection, keyValues(tries, key), recording);
        },
      );
    },
    startTool: (begin) => start(connection, tools, begin, () => toolStart(begin)),
    finishTool: (key, finish) => end(connection, tools, "process_death", key, () => toolFinish(finish)),
  };
}

/** What names a step. */
interface StepKey {
  readonly runId: string;
  readonly attempt: number;
  readonly call?: number;
  readonly try?: number;
  readonly tool?: number;
}

function keyNumbers(step: StepTable, key: StepKey): readonly number[] {
  return step.key.map((column) => key[column] ?? 0);
}

function keyValues(step: StepTable, key: StepKey): Values {
  const numbers = keyNumbers(step, key);
  return { run_id: key.runId, ...Object.fromEntries(step.key.map((column, at) => [column, numbers[at] ?? 0])) };
}

function named(step: StepTable, key: StepKey): string {
  return `${step.word} ${keyNumbers(step, key).join(".")} of run ${key.runId}`;
}

function keyCondition(step: StepTable): string {
  return ["run = (SELECT key FROM runs WHERE id = :run_id)", ...step.key.map((column) => `${column} = :${column}`)].join(" AND ");
}

function exists(connection: Connection, step: StepTable, key: Values): boolean {
  return connection.sql(`SELECT 1 FROM ${step.table} WHERE ${keyCondition(step)}`).get(key) !== undefined;
}

/** The key as statements name it, and what is to be written: made inside the promise, so that a bad value rejects it. */
function start(
  connection: Connection,
  step: StepTable,
  key: StepKey,
  columns: () => Values,
  durability: Durability = "power_loss",
): Promise<void> {
  return connection.write(durability, () => {
    const identity = keyValues(step, key);
    const values = columns();
    const names = [...step.key, ...Object.keys(values)];
    const insert = `INSERT INTO ${step.table} (run, ${names.join(", ")})
      SELECT parent.key, ${names.map((name) => `:${name}`).join(", ")} FROM (${step.parent}) parent WHERE true ON CONFLICT DO NOTHING`;
    if (connection.sql(insert).run({ ...identity, ...values }).changes === 1) return;
    const found = exists(connection, step, identity);
    if (found && step.repeatable) return;
    const why = found ? "it was started already" : "what it belongs to is not open";
    throw new Error(`broken invariant: ${named(step, key)} cannot start, because ${why}`);
  });
}

/**
 * The first ending stays; only what was closed without a record by the run's end is replaced by the real record.
 * @param also is written with it, if this is the ending that stays.
 */
function end(
  connection: Connection,
  step: StepTable,
  durability: Durability,
  key: StepKey,
  columns: () => Values,
  also?: () => void,
): Promise<void> {
  return connection.write(durability, () => {
    const identity = keyValues(step, key);
    const values = columns();
    const assignments = Object.keys(values).map((column) => `${column} = :${column}`);
    const update = `UPDATE ${step.table} SET ${assignments.join(", ")}, unrecorded = 0
      WHERE ${keyCondition(step)} AND (status = 'running' OR unrecorded = 1)`;
    if (connection.sql(update).run({ ...identity, ...values }).changes === 1) also?.();
    else if (!exists(connection, step, identity))
      throw new Error(`broken invariant: ${named(step, key)} ended and was never started`);
  });
}
