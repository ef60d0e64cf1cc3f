/**
 * Whether a JSON Schema may be given to a model's structured mode. Anthropic's and OpenAI's refuse a request, and so the run, for a schema
 * outside the part they know; such a one is told in the prompt alone and checked afterwards, as every one is. Pure.
 */
import { isRecord } from "./result.ts";

type Schema = Readonly<Record<string, unknown>>;

/** What both know (platform.claude.com, "Structured outputs"; platform.openai.com, "Structured Outputs, supported schemas"). */
const known: ReadonlySet<string> = new Set(
  "$schema type properties required additionalProperties items enum const anyOf description title $defs $ref".split(" "),
);

/** OpenAI's limit on nesting. */
const mostLevels = 10;

/** The schema, if it is one of theirs: an object at its root, every object closed and all its properties required. */
export function structured(schema: Schema | undefined): Schema | undefined {
  return schema !== undefined && schema["type"] === "object" && isPlain(schema, mostLevels) ? schema : undefined;
}

function isPlain(schema: unknown, levels: number): boolean {
  if (!isRecord(schema) || levels === 0) return false;
  if (Object.keys(schema).some((key) => !known.has(key))) return false;
  const { properties, required, items, anyOf, $defs, $ref } = schema;
  if ($ref !== undefined && (typeof $ref !== "string" || !$ref.startsWith("#/$defs/"))) return false;
  if ((schema["type"] === "object" || properties !== undefined) && !isClosed(schema, properties, required)) return false;
  const inner = [
    ...(isRecord(properties) ? Object.values(properties) : []),
    ...(isRecord($defs) ? Object.values($defs) : []),
    ...(items === undefined ? [] : [items]),
    ...(Array.isArray(anyOf) ? anyOf : []),
  ];
  return inner.every((one) => isPlain(one, levels - 1));
}

function isClosed(schema: Schema, properties: unknown, required: unknown): boolean {
  if (schema["additionalProperties"] !== false || !isRecord(properties)) return false;
  const names: readonly unknown[] = Array.isArray(required) ? required : [];
  return Object.keys(properties).every((name) => names.includes(name));
}
