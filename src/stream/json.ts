/** A JSON object whose fields are not known yet. */
export type Json = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object, or one without fields. */
export function objectOr(value: unknown): Json {
  return isObject(value) ? value : {};
}

export function stringOr<T>(value: unknown, otherwise: T): string | T {
  return typeof value === "string" ? value : otherwise;
}

/** A block or choice index as the dialects allow it: a whole number from 0. */
export function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Nesting that may come: what is read must also be written again, and writing JSON is recursive. */
export const maxDepth = 500;

/** Whether a parsed value is nested deeper than `maxDepth`. */
export function tooDeep(value: unknown, levels = maxDepth): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => tooDeep(inner, levels - 1));
}

/** The value, or `undefined` if the text is not JSON. `undefined` is no JSON value, so the two cannot be confused. */
export function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
