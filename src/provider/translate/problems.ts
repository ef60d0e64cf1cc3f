/** Reading a body whose shape nobody has checked: what is understood is taken, what is not is noted by its place and refused together. */
import { ProviderError } from "../../errors.ts";
import type { Dialect, JsonObject } from "../provider.ts";

/** Everything that cannot be carried, each by the name of its place, such as `messages[2].content[0] of type "document"`. */
export type Problems = string[];

/** Most problems that are told. */
const mostTold = 10;

/** @throws ProviderError `bad_request`, code `not_translatable`, if there is any problem. */
export function refuse(problems: Problems, what: string, to: Dialect): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, mostTold).join(", ");
  throw new ProviderError(
    `${what} cannot be carried into ${to}: ${shown}${problems.length > mostTold ? " and more" : ""}. Use fallback models of the same dialect.`,
    { fault: "bad_request", code: "not_translatable" },
  );
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const objectOr = (value: unknown): JsonObject => (isObject(value) ? value : {});

export const listOr = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const textOr = (value: unknown): string => (typeof value === "string" ? value : "");

/** `null` and an empty list or object say nothing. */
export function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Keys that mean something and are not known. */
export function unknownKeys(value: JsonObject, known: readonly string[]): string[] {
  return Object.keys(value).filter((key) => !known.includes(key) && !saysNothing(value[key]));
}

/** The fields that are there and not null. */
export function pick(body: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => body[key] !== undefined && body[key] !== null).map((key) => [key, body[key]]));
}

/** What a value is, for a sentence; never the value itself. */
export function kindOf(value: unknown): string {
  return isObject(value) ? JSON.stringify(value["type"]) : Array.isArray(value) ? "list" : typeof value;
}
