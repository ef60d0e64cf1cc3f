/**
 * What a job expects of an answer that is to be JSON. Loaded only for such a job: ajv costs more than the whole of a short run's start.
 */
import type { Ajv, ErrorObject, ValidateFunction } from "ajv";
import { withoutBlankEdges } from "../job/sentinel.ts";
import type { Unmet } from "./expect-text.ts";
import { TookTooLong, withinTime } from "./time-bound.ts";

/** Judging one answer, in ms: a schema may hold regular expressions. */
const schemaLimitMs = 1_000;

/** Levels of lists and objects in one another. Deeper is never meant, and would end what reads it later. */
const mostLevels = 200;

/** Problems that are told of one answer. */
const mostProblems = 8;

/** Above this, in characters, only the first problem is looked for: a long list may have as many as it has items. */
const mostForAllProblems = 65_536;

type Schema = Readonly<Record<string, unknown>> | boolean;

export type SchemaJudgement = { readonly value: unknown } | { readonly unmet: readonly Unmet[] };

/** Why a schema cannot be used at all, such as a `$ref` to nowhere; undefined if it can. */
export async function schemaProblem(schema: Schema): Promise<string | undefined> {
  try {
    await compile(schema, false);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `given`: the value where the model's own structured mode has read it already. */
export async function judgeSchema(text: string, schema: Schema, given?: unknown): Promise<SchemaJudgement> {
  const read = given === undefined ? readJson(text) : { value: given };
  if ("problem" in read) return { unmet: [{ line: `jsonSchema: ${read.problem}`, retryable: true }] };
  const { value } = read;
  if (isDeeperThan(value, mostLevels))
    return { unmet: [{ line: `jsonSchema: the answer is nested deeper than ${mostLevels} levels`, retryable: true }] };
  let validate: ValidateFunction;
  try {
    validate = await compile(schema, text.length <= mostForAllProblems);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { unmet: [{ line: `jsonSchema: the schema itself cannot be used: ${why}`, retryable: false }] };
  }
  try {
    if (withinTime(() => validate(value), schemaLimitMs)) return { value };
  } catch (error) {
    const why = error instanceof TookTooLong ? error.message : "cannot be carried out";
    return { unmet: [{ line: `jsonSchema: judging the answer by the schema ${why}`, retryable: false }] };
  }
  return { unmet: problemsIn(validate.errors ?? [], value).map((line) => ({ line: `jsonSchema: ${line}`, retryable: true })) };
}

async function compile(schema: Schema, allErrors: boolean): Promise<ValidateFunction> {
  const [ajv, formats] = await Promise.all([ajvFor(schema, allErrors), import("ajv-formats")]);
  formats.default.default(ajv);
  const validate = ajv.compile(schema);
  // ajv's own word: such a function gives a promise, which is neither yes nor no.
  if ("$async" in validate && validate.$async === true) throw new Error("$async is no keyword of JSON Schema");
  return validate;
}

/** The draft that the schema names; 2020-12 if it names none. */
async function ajvFor(schema: Schema, allErrors: boolean): Promise<Ajv> {
  // An unknown keyword is a note to people in JSON Schema, not an error. The log would be the terminal.
  const options = { allErrors, strict: false, logger: false } as const;
  const named = typeof schema === "object" && typeof schema["$schema"] === "string" ? schema["$schema"] : "";
  if (named.includes("/draft-07/")) {
    const { Ajv: Draft7 } = await import("ajv");
    return new Draft7(options);
  }
  if (named.includes("/draft/2019-09/")) {
    const { Ajv2019 } = await import("ajv/dist/2019.js");
    return new Ajv2019(options);
  }
  const { Ajv2020 } = await import("ajv/dist/2020.js");
  return new Ajv2020(options);
}

/** The whole answer as JSON, or what stands in its one fence. */
export function readJson(text: string): { readonly value: unknown } | { readonly problem: string } {
  const said = withoutBlankEdges(text);
  const whole = parse(said);
  if (whole !== undefined) return whole;
  const fences = fencesIn(said);
  const labelled = fences.filter(({ label }) => /^json[5c]?$/i.test(label));
  const candidates = labelled.length > 0 ? labelled : fences.filter(({ label }) => label === "");
  if (candidates.length > 1)
    return { problem: `the answer has ${candidates.length} fenced blocks; which one is meant cannot be known` };
  const [only] = candidates;
  if (only === undefined) return { problem: `the answer is not JSON: it begins with ${JSON.stringify(said.slice(0, 40))}` };
  return (
    parse(only.body) ?? {
      problem: `the fenced block is not JSON: it begins with ${JSON.stringify(only.body.trim().slice(0, 40))}`,
    }
  );
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return undefined;
  }
}

/** Closed fenced blocks. No JSON has a line that begins with three backticks, so the first such line closes it. */
function fencesIn(text: string): { readonly label: string; readonly body: string }[] {
  const found: { label: string; body: string }[] = [];
  let open: { readonly mark: string; readonly label: string; readonly lines: string[] } | undefined;
  for (const line of text.split(/\r?\n/)) {
    const [, mark = "", label = ""] = /^\s{0,8}(`{3,}|~{3,})\s*([^\s`]*)/.exec(line) ?? [];
    if (open === undefined) {
      if (mark !== "") open = { mark, label, lines: [] };
    } else if (mark.startsWith(open.mark) && label === "") {
      found.push({ label: open.label, body: open.lines.join("\n") });
      open = undefined;
    } else open.lines.push(line);
  }
  return found;
}

/** Level by level, because what is meant is deep. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}

function problemsIn(errors: readonly ErrorObject[], value: unknown): string[] {
  // "must match a schema in anyOf" says less than what did not match, which stands before it.
  const telling = errors.filter(({ keyword }) => !["if", "allOf", "$ref"].includes(keyword));
  const lines = new Set((telling.length === 0 ? errors : telling).map((error) => inWords(error, value)));
  const shown = [...lines].slice(0, mostProblems);
  return lines.size > mostProblems ? [...shown, `and ${lines.size - mostProblems} more`] : shown;
}

function inWords({ instancePath, message, keyword, params }: ErrorObject, value: unknown): string {
  const where = instancePath === "" ? "the answer" : instancePath.slice(0, 200);
  const found = at(value, instancePath);
  const facts: Readonly<Record<string, unknown>> = params;
  const detail =
    keyword === "enum"
      ? `: ${short(facts["allowedValues"])}`
      : keyword === "additionalProperties"
        ? `: ${short(facts["additionalProperty"])}`
        : keyword === "const"
          ? `: ${short(facts["allowedValue"])}`
          : "";
  return `${where} ${message ?? keyword}${detail}, found ${short(found)}`;
}

/** The value at a JSON pointer (RFC 6901). */
function at(value: unknown, pointer: string): unknown {
  let found = value;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof found !== "object" || found === null) return undefined;
    found = Object.entries(found).find(([name]) => name === key)?.[1];
  }
  return found;
}

/** As JSON, cut; of a list or an object its beginning. */
function short(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
