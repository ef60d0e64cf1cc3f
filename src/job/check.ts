/**
 * How outside values are checked, for jobs and for the configuration alike: a shape is built from leaves, and checking one
 * value finds all its problems at once, each with its place, what was found, and what to write instead.
 *
 * Composition is valibot's; the leaves say their own words, because "expected string, received number" helps nobody at night.
 */
import { distance } from "fastest-levenshtein";
import * as v from "valibot";
import type { Issue } from "../errors.ts";
import { looksSecret } from "./secret.ts";

export type Path = readonly (string | number)[];

/** Where a path stands in its file, counted from 1. For a path that is not there, the nearest parent that is. */
export type Locate = (path: Path, of: "key" | "value") => { readonly line: number; readonly column: number };

/** One thing wrong with a value; its file and line are added by whoever knows them. */
export interface Problem {
  readonly path: Path;
  /** Whether the key itself is the trouble or what stands behind it. */
  readonly of: "key" | "value";
  readonly message: string;
  readonly suggestion?: string;
}

/** What a place wants: in words, and as an example in JSON that can be copied. */
export interface Hint {
  readonly expects: string;
  readonly example: string;
}

/** What a leaf makes of the value found: the value to use, or what is wrong with it (nothing said: "expected …, found …"). */
type Reading<T> = { readonly value: T } | { readonly value?: never; readonly problem?: string; readonly suggestion?: string };

interface Known {
  readonly hint: Hint;
  /** Not named among the keys that may be written: kept only for those who bring it from elsewhere. */
  readonly quiet?: boolean;
  readonly keys?: v.ObjectEntries;
  /** Keys that people put here and that belong elsewhere, with where. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  readonly each?: v.GenericSchema;
}

/** Most problems reported of one document: a wrong file is not worth more, and the rest is usually the same mistake. */
export const maxProblems = 50;

const known = new WeakMap<object, Known>();

function register<S extends v.GenericSchema>(schema: S, facts: Known): S {
  known.set(schema, facts);
  return schema;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number that counts things exactly. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** A single value, read by `read`. */
export function leaf<T>(hint: Hint, read: (found: unknown) => Reading<T>) {
  return register(reader(hint, read), { hint });
}

/** A leaf that is not named among the keys that may be written. */
export function quietLeaf(hint: Hint, read: (found: unknown) => Reading<never>) {
  return register(reader(hint, read), { hint, quiet: true });
}

/** A key that is accepted as it is and whose value says nothing to us. */
export function ignored() {
  return register(v.pipe(v.unknown()), { hint: { expects: "anything", example: "null" }, quiet: true });
}

function reader<T>(hint: Hint, read: (found: unknown) => Reading<T>) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const reading = read(dataset.value);
      if ("value" in reading) return reading.value;
      const message = reading.problem ?? `expected ${hint.expects}, found ${describe(dataset.value)}`;
      addIssue({ message, expected: reading.suggestion ?? "" });
      return NEVER;
    }),
  );
}

/** An object with these keys and no others. */
export function shape<E extends v.ObjectEntries>(hint: Hint, entries: E, elsewhere: Readonly<Record<string, string>> = {}) {
  const schema = v.pipe(
    v.unknown(),
    v.custom<v.InferInput<v.ObjectSchema<E, undefined>>>((value) => isRecord(value)),
    v.object(entries),
  );
  return register(schema, { hint, keys: entries, elsewhere });
}

/** A list of at most `max` items. */
export function list<S extends v.GenericSchema<unknown, unknown>>(hint: Hint, item: S, max: number) {
  const schema = v.pipe(
    v.unknown(),
    v.custom<unknown[]>((value) => Array.isArray(value)),
    v.array(item),
    v.maxLength(max, ({ input }) => `has ${input.length} items, at most ${max} are allowed`),
  );
  return register(schema, { hint, each: item });
}

/** An object whose keys are free names; every value has the same shape. */
export function table<S extends v.GenericSchema<unknown, unknown>>(hint: Hint, value: S) {
  const schema = v.pipe(
    v.unknown(),
    v.custom<Record<string, unknown>>((found) => isRecord(found)),
    v.record(v.string(), value),
  );
  return register(schema, { hint, each: value });
}

/** Checks a value against a shape: the value to use, or every problem of it. */
export function check<S extends v.GenericSchema<unknown, unknown>>(
  schema: S,
  value: unknown,
): { readonly value: v.InferOutput<S> } | { readonly problems: Problem[] } {
  const problems: Problem[] = [];
  findUnknownKeys(schema, value, [], problems);
  const result = v.safeParse(schema, value);
  for (const issue of result.issues ?? []) problems.push(toProblem(schema, issue));
  if (result.success && problems.length === 0) return { value: result.output };
  return { problems: withoutEchoes(problems).slice(0, maxProblems) };
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

const missing = "is missing";

function isWrapper(schema: v.GenericSchema): schema is v.GenericSchema & { wrapped: v.GenericSchema } {
  return "wrapped" in schema;
}

function unwrap(schema: v.GenericSchema): v.GenericSchema {
  return isWrapper(schema) ? unwrap(schema.wrapped) : schema;
}

function knownAt(schema: v.GenericSchema, path: Path): Known | undefined {
  const here = known.get(unwrap(schema));
  const [key, ...rest] = path;
  if (key === undefined || here === undefined) return here;
  const next = here.each ?? (here.keys !== undefined && Object.hasOwn(here.keys, key) ? here.keys[key] : undefined);
  return next === undefined ? undefined : knownAt(next, rest);
}

function toProblem(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): Problem {
  const steps = issue.path ?? [];
  const path = steps.map((step) => (typeof step.key === "number" ? step.key : String(step.key)));
  const hint = knownAt(schema, path)?.hint;
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
  const here = known.get(unwrap(schema));
  if (here === undefined || found.length >= maxProblems) return;
  if (here.each !== undefined && typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const step = Array.isArray(value) ? Number(key) : key;
      if (forbiddenKeys.has(String(step))) found.push(unknownKey(step, path, {}));
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

function unknownKey(key: string | number, path: Path, here: Pick<Known, "keys" | "elsewhere">): Problem {
  const name = String(key);
  const place = here.elsewhere !== undefined && Object.hasOwn(here.elsewhere, name) ? here.elsewhere[name] : undefined;
  const near = nearest(name, Object.keys(here.keys ?? {}));
  const keys = Object.entries(here.keys ?? {}).flatMap(([own, schema]) =>
    known.get(unwrap(schema))?.quiet === true ? [] : [own],
  );
  const suggestion =
    place ??
    (near === undefined ? (keys.length === 0 ? undefined : `known here: ${keys.join(", ")}`) : `did you mean "${near}"?`);
  return { path: [...path, key], of: "key", message: "unknown key", ...(suggestion === undefined ? {} : { suggestion }) };
}

/** The nearest of the known words, if it is near enough to have been meant; letter case does not count. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (word.length > 100) return undefined;
  const lower = word.toLowerCase();
  // Two letters changed places count as two steps, so words of four letters and more are given two.
  const least = word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3));
  let best: { word: string; far: number } | undefined;
  for (const candidate of words) {
    const far = distance(lower, candidate.toLowerCase());
    if (far <= least && far < candidate.length && (best === undefined || far < best.far)) best = { word: candidate, far };
  }
  return best?.word;
}

/** A found value in words, short, and never a secret. */
export function describe(found: unknown): string {
  if (found === undefined) return "nothing";
  if (found === null) return "null";
  if (Array.isArray(found)) return found.length === 0 ? "an empty list" : `a list of ${found.length}`;
  if (typeof found === "object") return "an object";
  if (typeof found === "string") {
    if (looksSecret(found)) return "a text that looks like a key (not shown)";
    return found.length > 60 ? `${JSON.stringify(found.slice(0, 60))}…` : JSON.stringify(found);
  }
  if (typeof found === "number" || typeof found === "boolean" || typeof found === "bigint") return String(found);
  return `a ${typeof found}`;
}

/** The order in which a person meets problems in a file. */
export function byPlace(a: Pick<Issue, "line" | "column">, b: Pick<Issue, "line" | "column">): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** `jobs[2].schedule.expr`; keys that are not plain names are quoted. Never shows a secret, however long a key is. */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (looksSecret(step)) text += `["(looks like a key, not shown)"]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(step) && step.length <= 80) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step.length > 80 ? `${step.slice(0, 80)}…` : step)}]`;
  }
  return text;
}
