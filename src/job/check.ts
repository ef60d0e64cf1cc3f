/**
 * How outside values are checked, for jobs and for the configuration alike: checking one value against its shape finds all its
 * problems at once, each with its place, what was found, and what to write instead.
 */
import * as v from "valibot";
import { factsOf, isOf, isRecord, type Hint, type Known, type Schema } from "./shape.ts";
import { describe, nearest, type Path } from "./words.ts";

/**
 * Where a path stands in its file, counted from 1. For a path that is not there, the nearest parent that is. `textLine` is a line
 * within a text of several lines, from 0. Without a line: the file has none to show, because it is a program.
 */
export type Locate = (path: Path, of: "key" | "value", textLine?: number) => { readonly line?: number; readonly column?: number };

/** One thing wrong with a value; its file and line are added by whoever knows them. */
export interface Problem {
  readonly path: Path;
  /** Whether the key itself is the trouble or what stands behind it. */
  readonly of: "key" | "value";
  readonly message: string;
  readonly suggestion?: string;
  /** The line within a text of several lines, from 0. */
  readonly textLine?: number;
}

/** Most problems reported of one document: a wrong file is not worth more, and the rest is usually the same mistake. */
export const maxProblems = 50;

export interface CheckOptions {
  /** Unknown keys are no problems: they are given back beside the value. */
  readonly lenient?: boolean;
}

export type Checked<S extends Schema> =
  | { readonly value: v.InferOutput<S>; readonly unknown: readonly Problem[] }
  | { readonly problems: Problem[] };

/** Checks a value against a shape: the value to use, or every problem of it. */
export function check<S extends Schema>(schema: S, value: unknown, options?: CheckOptions): Checked<S> {
  const taken = factsOf(schema)?.accept(value);
  return taken !== undefined && isOf(schema, taken) ? { value: taken, unknown: [] } : checkEach(schema, value, options);
}

/** `check` without the quick way for good values: it comes to the same. */
export function checkEach<S extends Schema>(schema: S, value: unknown, { lenient = false }: CheckOptions = {}): Checked<S> {
  const unknown: Problem[] = [];
  findUnknownKeys(schema, value, [], unknown);
  const problems = lenient ? [] : unknown;
  const result = v.safeParse(schema, value);
  const found = (result.issues ?? []).map((issue) => toProblem(schema, value, issue));
  if (result.success && problems.length === 0) return { value: result.output, unknown };
  return { problems: withoutEchoes([...problems, ...found]).slice(0, maxProblems) };
}

/** A key that was misspelt is missing too; one of the two is enough to say. */
function withoutEchoes(problems: readonly Problem[]): Problem[] {
  const meant = new Set(
    problems.flatMap(({ path, of, suggestion }) => {
      const word = of === "key" ? /^(?:did you mean|write|write it as) "(\w+)"/.exec(suggestion ?? "")?.[1] : undefined;
      return word === undefined ? [] : [JSON.stringify([...path.slice(0, -1), word])];
    }),
  );
  return problems.filter(({ path, message }) => message !== missing || !meant.has(JSON.stringify(path)));
}

/** The message of every problem that is only the absence of a key. */
export const missing = "is missing";

/** What is known of a shape for this very value: of a choice, the one that the value means. */
function factsFor(schema: v.GenericSchema, value: unknown): Known | undefined {
  const facts = factsOf(schema);
  return facts?.pick === undefined ? facts : factsFor(facts.pick(value), value);
}

function factsAt(schema: v.GenericSchema, value: unknown, path: Path): Known | undefined {
  const here = factsFor(schema, value);
  const [key, ...rest] = path;
  if (key === undefined || here === undefined) return here;
  const next = here.each ?? (here.keys !== undefined && Object.hasOwn(here.keys, key) ? here.keys[key] : undefined);
  return next === undefined ? undefined : factsAt(next, child(value, key), rest);
}

function child(value: unknown, key: string | number): unknown {
  if (Array.isArray(value)) return value[Number(key)];
  return isRecord(value) && Object.hasOwn(value, key) ? value[String(key)] : undefined;
}

function toProblem(schema: v.GenericSchema, value: unknown, issue: v.BaseIssue<unknown>): Problem {
  const steps = issue.path ?? [];
  const path = steps.map((step) => (typeof step.key === "number" ? step.key : String(step.key)));
  const hint = factsAt(schema, value, path)?.hint;
  const last = steps.at(-1);
  const absent = last !== undefined && isRecord(last.input) && !Object.hasOwn(last.input, String(last.key));
  if (absent) return { path, of: "value", message: missing, ...write(path, hint) };
  if (issue.kind === "transformation") {
    const said = issue.expected === null || issue.expected === "" ? write(path, hint) : { suggestion: issue.expected };
    return { path, of: "value", message: issue.message, ...said };
  }
  if (issue.kind === "validation" || hint === undefined) return { path, of: "value", message: issue.message };
  return { path, of: "value", message: `expected ${hint.expects}, found ${describe(issue.input)}`, ...write(path, hint) };
}

function write(path: Path, hint: Hint | undefined): { suggestion?: string } {
  if (hint === undefined) return {};
  const key = path.at(-1);
  return { suggestion: typeof key === "string" ? `write "${key}": ${hint.example}` : `write ${hint.example}` };
}

function findUnknownKeys(schema: v.GenericSchema, value: unknown, path: Path, found: Problem[]): void {
  const here = factsFor(schema, value);
  if (here === undefined || found.length >= maxProblems) return;
  if (here.each !== undefined && typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const step = Array.isArray(value) ? Number(key) : key;
      const wrong = typeof step === "string" ? here.keyRule?.(step) : undefined;
      if (forbiddenKeys.has(String(step))) found.push(unknownKey(step, path, {}));
      else if (wrong !== undefined) found.push(wrongKey(wrong, [...path, step]));
      else findUnknownKeys(here.each, item, [...path, step], found);
    }
  }
  if (here.keys === undefined || !isRecord(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const next = Object.hasOwn(here.keys, key) ? here.keys[key] : undefined;
    if (next === undefined) found.push(unknownKey(key, path, here));
    else findUnknownKeys(next, item, [...path, key], found);
  }
}

/** Names that mean something to JavaScript itself; valibot leaves them out of records without a word. */
const forbiddenKeys = new Set(["__proto__", "prototype", "constructor"]);

function wrongKey({ problem, suggestion }: { problem: string; suggestion?: string }, path: Path): Problem {
  return { path, of: "key", message: problem, ...(suggestion === undefined ? {} : { suggestion }) };
}

function unknownKey(key: string | number, path: Path, here: Pick<Known, "keys" | "elsewhere" | "also">): Problem {
  const name = String(key);
  const place = here.elsewhere !== undefined && Object.hasOwn(here.elsewhere, name) ? here.elsewhere[name] : undefined;
  const near = nearest(name, [...Object.keys(here.keys ?? {}), ...(here.also ?? [])]);
  const own = Object.entries(here.keys ?? {}).flatMap(([one, schema]) => (factsOf(schema)?.quiet === true ? [] : [one]));
  const keys = [...own, ...(here.also ?? [])];
  const suggestion =
    place ??
    (near === undefined ? (keys.length === 0 ? undefined : `known here: ${keys.join(", ")}`) : `did you mean "${near}"?`);
  return { path: [...path, key], of: "key", message: "unknown key", ...(suggestion === undefined ? {} : { suggestion }) };
}
