/** Files that are programs: their default export is run by this very Node, which strips types and checks none. */
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { Issue } from "../errors.ts";
import { isRecord } from "../job/shape.ts";
import { looksSecret } from "../job/secret.ts";
import { maxFileBytes } from "./document.ts";

/** Most time that a program may take to give its value. */
const maxProgramMs = 10_000;
/** Deepest nesting of a value that a program gives. */
const maxDepth = 100;

export type ProgramResult = { readonly value: unknown } | { readonly issues: readonly Issue[] };

/**
 * The default export of a program; with `call`, a function is called and its answer awaited. Plain values only: what is undefined is left
 * out, and a date is its ISO text.
 */
export async function runProgram(path: string, file: string, { call }: { call: boolean }): Promise<ProgramResult> {
  const refuse = (message: string, more: Partial<Issue> = {}): ProgramResult => ({
    issues: [{ file, path: "", message, ...more }],
  });
  let found: unknown;
  const address = addressOf(path);
  try {
    const module: unknown = await withinTime(import(address));
    if (!isRecord(module) || !("default" in module)) {
      return refuse("has no default export", {
        suggestion: call ? "write: export default { message: … }" : "write: export default { … }",
      });
    }
    found = module["default"];
    // CommonJS that was compiled from ESM keeps its default export one deeper.
    if (isRecord(found) && found["__esModule"] === true && "default" in found) found = found["default"];
    if (call && typeof found === "function") found = Reflect.apply(found, undefined, []);
    found = await withinTime(Promise.resolve(found));
  } catch (error) {
    if (error === tooLong)
      return refuse(`gave no value within ${maxProgramMs / 1_000} seconds`, {
        suggestion: "is something awaited that does not come?",
      });
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    const at = error instanceof SyntaxError ? await lineOfSyntax(path) : lineOf(stack, path, address);
    const message = words(error);
    // A program that is installed for the whole machine is not found from a project's files.
    const suggestion = message.includes("package 'turn-runner'")
      ? {
          suggestion:
            "run `npm install turn-runner` in the project, or export the plain object: defineJob and defineConfig only help the editor",
        }
      : {};
    return refuse(`cannot be run: ${message}`, { ...at, ...suggestion });
  }
  return plainValue(found) ?? refuse(`gives a value nested deeper than ${maxDepth} levels, or one that holds itself`);
}

/** What each program looked like when this process ran it first. */
const firstStamps = new Map<string, string>();

/**
 * Where to import it from. Node runs a module once in a process, so a program that a daemon reads anew after a change needs another address.
 * What it imports itself is not read anew (docs/daemon.md).
 */
function addressOf(path: string): string {
  const plain = pathToFileURL(path).href;
  const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (facts === undefined) return plain;
  const stamp = `${facts.ino}-${facts.size}-${facts.mtimeNs}`;
  const first = firstStamps.get(path);
  if (first === undefined) firstStamps.set(path, stamp);
  if (first === undefined || first === stamp) return plain;
  // CommonJS is known by its path, whatever the address.
  delete createRequire(path).cache[path];
  return `${plain}?${stamp}`;
}

const tooLong = new Error("too long");

async function withinTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooLong), maxProgramMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** The value as a file would hold it; undefined if it is nested too deeply. */
function plainValue(found: unknown): { readonly value: unknown } | undefined {
  let deep = false;
  const copy = (value: unknown, depth: number): unknown => {
    if (depth > maxDepth) deep = true;
    if (deep) return undefined;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid date" : value.toISOString();
    if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
    if (!isRecord(value)) return value;
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(entries.map(([key, item]) => [key, copy(item, depth + 1)]));
  };
  const value = copy(found, 0);
  return deep ? undefined : { value };
}

/** Where a program failed, as a stack or a check says. */
function lineOf(report: string, path: string, address = pathToFileURL(path).href): { line?: number; column?: number } {
  for (const name of [address, path]) {
    const at = report.indexOf(`${name}:`);
    const [, line, column] = at < 0 ? [] : (/^:(\d+)(?::(\d+))?/.exec(report.slice(at + name.length)) ?? []);
    if (line !== undefined) return { line: Number(line), ...(column === undefined ? {} : { column: Number(column) }) };
  }
  return {};
}

/** A syntax error met by `import()` does not say its line, so Node is asked again, without running anything and without the environment. */
async function lineOfSyntax(path: string): Promise<{ line?: number; column?: number }> {
  const { spawnSync } = await import("node:child_process");
  const checked = spawnSync(process.execPath, ["--check", path], {
    encoding: "utf8",
    env: {},
    timeout: 5_000,
    maxBuffer: maxFileBytes,
  });
  return lineOf(checked.stderr, path);
}

/** An error's own words on one line, bounded, and none at all if a key may be among them. */
export function words(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const first = message.split("\n").find((line) => line.trim() !== "") ?? "";
  return looksSecret(message) ? "its message looks as if it held a key (not shown)" : first.slice(0, 300);
}
