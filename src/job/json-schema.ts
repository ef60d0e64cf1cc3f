/** Derives a JSON Schema (draft 2020-12) from the very shapes that values are checked by. */
import type * as v from "valibot";
import { factsOf, isOptional, wordsOf, type JsonSchema } from "./shape.ts";

export type SchemaObject = Readonly<Record<string, unknown>>;

/** The schema of a shape, with the words of its keys as descriptions. */
export function jsonSchemaOf(schema: v.GenericSchema): JsonSchema {
  const facts = factsOf(schema);
  const words = wordsOf(schema);
  const made = facts === undefined ? {} : described(facts, schema);
  return words === undefined || typeof made === "boolean" ? made : { description: words, ...made };
}

function described(facts: NonNullable<ReturnType<typeof factsOf>>, schema: v.GenericSchema): JsonSchema {
  if (facts.options !== undefined) return { anyOf: facts.options.map(jsonSchemaOf) };
  if (facts.keys !== undefined) return objectSchemaOf(schema);
  if (facts.each !== undefined && facts.many === "list") {
    return { type: "array", items: jsonSchemaOf(facts.each), ...(facts.most === undefined ? {} : { maxItems: facts.most }) };
  }
  if (facts.each !== undefined) {
    return {
      type: "object",
      additionalProperties: jsonSchemaOf(facts.each),
      ...(facts.most === undefined ? {} : { maxProperties: facts.most }),
      ...(facts.keyPattern === undefined ? {} : { propertyNames: { pattern: facts.keyPattern } }),
    };
  }
  return facts.hint.json ?? {};
}

/** The schema of an object with known keys. @throws Error for a shape that is none. */
export function objectSchemaOf(schema: v.GenericSchema): SchemaObject & { readonly properties: Record<string, JsonSchema> } {
  const keys = factsOf(schema)?.keys;
  if (keys === undefined) throw new Error("the shape is no object of known keys");
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  for (const [key, value] of Object.entries(keys)) {
    properties[key] = jsonSchemaOf(value);
    if (!isOptional(value)) required.push(key);
  }
  return { type: "object", properties, ...(required.length === 0 ? {} : { required }), additionalProperties: false };
}
