/** What an error means to a person and to a script: its words, its place, its remedy, its exit code. */
import { ConfigError, JobError, LedgerError, UsageError, type Issue } from "../errors.ts";
import { exitCodes } from "../run/exit-code.ts";
import { jsonVersion, OutputError, writeAll, type Output } from "./output.ts";
import { mostTold, problemLines } from "./problems.ts";

/** Says what went wrong, in words or as a document, and returns the exit code that belongs to it. */
export function report(error: unknown, output: Output): number {
  const told = toldOf(error);
  if (output.json && !(error instanceof OutputError) && wroteDocument(told)) return told.exitCode;
  for (const line of wordsOf(told)) output.note(`${output.styleNote("red", "error:")} ${line}`);
  if (told.hint !== undefined) output.note(told.hint);
  return told.exitCode;
}

/** What is wrong, a line for each problem. */
export function wordsOf({ code, message, issues }: Told): readonly string[] {
  // Of one configuration all are told: it has at most 50, and `runner validate` ends here with them, too.
  return issues === undefined ? [message] : problemLines(issues, code === "jobs" ? mostTold : Number.POSITIVE_INFINITY);
}

/** Whether stdout took the document; where it does not, stderr is what is left. */
function wroteDocument(told: Told): boolean {
  try {
    writeAll(1, `${JSON.stringify({ version: jsonVersion, kind: "error", error: told }, undefined, 2)}\n`);
    return true;
  } catch (error) {
    if (error instanceof OutputError) return false;
    throw error;
  }
}

interface Told {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
  readonly issues?: readonly Issue[];
  readonly hint?: string;
}

export function toldOf(error: unknown): Told {
  if (error instanceof UsageError) {
    return {
      code: "usage",
      message: error.message,
      exitCode: exitCodes.usage,
      ...(error.suggestion === undefined ? {} : { hint: error.suggestion }),
    };
  }
  if (error instanceof ConfigError || error instanceof JobError) {
    const code = error instanceof ConfigError ? "configuration" : "jobs";
    return { code, message: error.message, exitCode: exitCodes.config, issues: error.issues };
  }
  if (error instanceof LedgerError) {
    const lasting = ["newer_schema", "older_schema", "permission", "misplaced", "corrupt"].includes(error.reason);
    return { code: `ledger_${error.reason}`, message: error.message, exitCode: lasting ? exitCodes.config : exitCodes.later };
  }
  if (error instanceof OutputError) return { code: "output", message: error.message, exitCode: exitCodes.failed };
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message: `internal error: ${message}`,
    exitCode: exitCodes.failed,
    hint: "This is a fault of runner's. Please report it with the command that showed it.",
  };
}
