/**
 * What shapes are built of, for jobs and for the configuration: leaves, objects, lists, tables and choices. Each is a valibot
 * schema, and what else is known of it (its words, its keys, its JSON Schema) stands in a register that `check.ts` and
 * `json-schema.ts` walk. Composition is valibot's; the leaves say their own words, because "expected string, received number"
 * helps nobody at night.
 */
import * as v from "valibot";
import { acceptLeaf, acceptList, acceptShape, acceptTable, refused, type Accept } from "./accept.ts";
import { describe } from "./words.ts";

export type Schema = v.GenericSchema<unknown, unknown>;

/** A part of a JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>> | boolean;

/** What a place wants: in words, as an example in JSON that can be copied, and as a JSON Schema where one can say it. */
export interface Hint {
  readonly expects: string;
  readonly example: string;
  readonly json?: JsonSchema;
}

/** What a leaf makes of the value found: the value to use, or what is wrong with it (nothing said: "expected …, found …"). */
export type Reading<T> =
  | { readonly value: T }
  | { readonly value?: never; readonly problem?: string; readonly suggestion?: string };

/** What is wrong with a key that may be chosen freely; nothing if it is good. */
export type KeyRule = (key: string) => { readonly problem: string; readonly suggestion?: string } | undefined;

export interface Known {
  readonly hint: Hint;
  /** Takes a good value without finding out what is wrong with a bad one; see accept.ts. */
  readonly accept: Accept;
  /** Not named among the keys that may be written: kept only for those who bring it from elsewhere. */
  readonly quiet?: boolean;
  readonly keys?: v.ObjectEntries;
  /** Keys that people put here and that belong elsewhere, with where. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Further keys that may be written here and are put elsewhere before the check: for the nearest spelling. */
  readonly also?: readonly string[];
  /** The shape of every item of a list or every value of a table. */
  readonly each?: Schema;
  readonly many?: "list" | "table";
  readonly most?: number;
  readonly keyRule?: KeyRule;
  readonly keyPattern?: string;
  /** Two shapes, of which the value itself shows which was meant. */
  readonly options?: readonly Schema[];
  readonly pick?: (found: unknown) => Schema;
}

const known = new WeakMap<object, Known>();
const docs = new WeakMap<object, string>();

/** How a shape takes a good value; one that is not of this register is left to valibot. */
function acceptOf(schema: v.GenericSchema): Accept {
  return factsOf(schema)?.accept ?? (() => refused);
}

function register<S extends v.GenericSchema>(schema: S, facts: Known): S {
  known.set(schema, facts);
  return schema;
}

/** Made when the first value meets it: there are 300 shapes, a job meets few of them, and making valibot's objects costs time and memory. */
function later<S extends v.GenericSchema>(make: () => S): v.LazySchema<S> {
  let schema: S | undefined;
  return v.lazy(() => (schema ??= make()));
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
  return register(reader(hint, read), { hint, accept: acceptLeaf(read) });
}

/** A leaf that is not named among the keys that may be written. */
export function quietLeaf<T>(hint: Hint, read: (found: unknown) => Reading<T>) {
  return register(reader(hint, read), { hint, accept: acceptLeaf(read), quiet: true });
}

/** A key that is accepted as it is and whose value says nothing to us. */
export function ignored() {
  return register(v.unknown(), {
    hint: { expects: "anything", example: "null", json: {} },
    accept: (found) => found,
    quiet: true,
  });
}

function reader<T>(hint: Hint, read: (found: unknown) => Reading<T>) {
  return later(() =>
    v.pipe(
      v.unknown(),
      v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
        const reading = read(dataset.value);
        if ("value" in reading) return reading.value;
        const message = reading.problem ?? `expected ${hint.expects}, found ${describe(dataset.value)}`;
        addIssue({ message, expected: reading.suggestion ?? "" });
        return NEVER;
      }),
    ),
  );
}

/** An object with these keys and no others. */
export function shape<E extends v.ObjectEntries>(
  hint: Hint,
  entries: E,
  elsewhere: Readonly<Record<string, string>> = {},
  also: readonly string[] = [],
) {
  const schema = later(() =>
    v.pipe(
      v.unknown(),
      v.custom<v.InferInput<v.ObjectSchema<E, undefined>>>((value) => isRecord(value)),
      v.object(entries),
    ),
  );
  const accept = acceptShape(
    Object.entries(entries).map(([key, entry]) => ({ key, accept: acceptOf(entry), optional: isOptional(entry) })),
  );
  return register(schema, { hint, accept, keys: entries, elsewhere, also });
}

/** A list of at most `max` items. */
export function list<S extends Schema>(hint: Hint, item: S, max: number) {
  const schema = later(() =>
    v.pipe(
      v.unknown(),
      v.custom<unknown[]>((value) => Array.isArray(value)),
      v.array(item),
      v.maxLength(max, ({ input }) => `has ${input.length} items, at most ${max} are allowed`),
    ),
  );
  return register(schema, { hint, accept: acceptList(acceptOf(item), max), each: item, many: "list", most: max });
}

/** An object whose keys are free names, at most `max` of them, if a rule is given each by that rule; every value has the same shape. */
export function table<S extends Schema>(hint: Hint, value: S, names: { rule?: KeyRule; pattern?: string; max?: number } = {}) {
  const most = names.max ?? 1_000;
  const schema = later(() =>
    v.pipe(
      v.unknown(),
      v.custom<Record<string, unknown>>((found) => isRecord(found)),
      v.record(v.string(), value),
      v.maxEntries(most, ({ input }) => `has ${Object.keys(input).length} entries, at most ${most} are allowed`),
    ),
  );
  const rules = {
    ...(names.rule === undefined ? {} : { keyRule: names.rule }),
    ...(names.pattern === undefined ? {} : { keyPattern: names.pattern }),
  };
  const accept = acceptTable(acceptOf(value), most, (key) => names.rule?.(key) === undefined);
  return register(schema, { hint, accept, each: value, many: "table", most, ...rules });
}

/** One of two shapes: `test` sees by the value which of them was meant, so that a mistake is told in that one's words. */
export function either<A extends Schema, B extends Schema>(hint: Hint, test: (found: unknown) => boolean, yes: A, no: B) {
  const pick = (found: unknown): A | B => (test(found) ? yes : no);
  const accept: Accept = (found) => acceptOf(pick(found))(found);
  return register(v.lazy<A | B>(pick), { hint, accept, options: [yes, no], pick });
}

/** The same place and words, with the value made into another. */
export function mapped<S extends Schema, T>(schema: S, make: (value: v.InferOutput<S>) => T) {
  const made: v.GenericSchema<unknown, T> = later(() =>
    v.pipe(
      v.unknown(),
      schema,
      v.transform((value) => make(value)),
    ),
  );
  const facts = factsOf(schema);
  if (facts === undefined) return made;
  const accept: Accept = (found) => {
    const taken = facts.accept(found);
    return isOf(schema, taken) ? make(taken) : refused;
  };
  return register(made, { ...facts, accept });
}

/** Whether the shape took the value this was made of. */
export function isOf<S extends Schema>(_schema: S, taken: unknown): taken is v.InferOutput<S> {
  return taken !== refused;
}

/** A key that may be left out, and in one line what it is for: editors show it. */
export function optional<S extends Schema>(words: string, schema: S) {
  const wrapped = v.exactOptional(schema);
  docs.set(wrapped, words);
  return wrapped;
}

/** A key that must be there, and in one line what it is for. */
export function required<S extends Schema>(words: string, schema: S) {
  const same = later(() => schema);
  const facts = known.get(unwrap(schema));
  if (facts !== undefined) register(same, facts);
  docs.set(same, words);
  return same;
}

export function factsOf(schema: v.GenericSchema): Known | undefined {
  return known.get(unwrap(schema));
}

export function wordsOf(schema: v.GenericSchema): string | undefined {
  return docs.get(schema);
}

export function isOptional(schema: v.GenericSchema): boolean {
  return isWrapper(schema);
}

function isWrapper(schema: v.GenericSchema): schema is v.GenericSchema & { wrapped: v.GenericSchema } {
  return "wrapped" in schema;
}

function unwrap(schema: v.GenericSchema): v.GenericSchema {
  return isWrapper(schema) ? unwrap(schema.wrapped) : schema;
}
