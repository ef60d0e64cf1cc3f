/** The single values that jobs and configurations are made of, each with its own words for what is wrong. */
import { either, isWhole, leaf, list, mapped, quietLeaf, type Hint, type Schema } from "./shape.ts";
import { describe, nearest } from "./words.ts";
import { formatDuration, readDuration } from "./duration.ts";
import { nearestZone, zoneExists } from "./zone.ts";

/** A text with something in it, of at most `max` characters. */
export function text(example: string, max: number) {
  const json = { type: "string", pattern: "\\S", maxLength: max };
  return leaf({ expects: "a text", example: JSON.stringify(example), json }, (found) => {
    if (typeof found !== "string") return {};
    if (found.trim() === "") return { problem: "may not be blank" };
    if (found.length > max) return { problem: `has ${found.length} characters, at most ${max} are allowed` };
    return { value: found };
  });
}

/** One line of text, trimmed: names and ids. */
export function line(example: string, max: number) {
  const json = { type: "string", pattern: "\\S" };
  return leaf({ expects: "a text of one line", example: JSON.stringify(example), json }, (found) => {
    if (typeof found !== "string") return {};
    const value = found.trim();
    if (value === "") return { problem: "may not be blank" };
    if (value.length > max) return { problem: `has ${value.length} characters, at most ${max} are allowed` };
    // oxlint is told nothing here: control characters are what is looked for.
    if (/\p{Cc}/u.test(value)) return { problem: "may not hold line breaks or other control characters" };
    return { value };
  });
}

/** true or false; the words that YAML 1.1 took for them are explained. */
export function flag(example: boolean) {
  return leaf({ expects: "true or false", example: String(example), json: { type: "boolean" } }, (found) => {
    if (typeof found === "boolean") return { value: found };
    const meant = meantFlag(found);
    return meant === undefined ? {} : { suggestion: `write ${meant} without quotes` };
  });
}

/** The boolean that a text such as "off" or "yes" was meant as. */
export function meantFlag(found: unknown): boolean | undefined {
  if (typeof found !== "string") return undefined;
  if (/^(true|yes|on|y)$/i.test(found)) return true;
  return /^(false|no|off|n)$/i.test(found) ? false : undefined;
}

/** A whole number from `least` to `most`. */
export function whole(example: number, least: number, most: number) {
  const hint = {
    expects: `a whole number from ${least} to ${most}`,
    example: String(example),
    json: { type: "integer", minimum: least, maximum: most },
  };
  return leaf(hint, (found) => (isWhole(found) ? inRange(found, least, most) : asNumber(found)));
}

/** Any number from `least` to `most`. */
export function amount(example: number, least: number, most: number) {
  const hint = {
    expects: `a number from ${least} to ${most}`,
    example: String(example),
    json: { type: "number", minimum: least, maximum: most },
  };
  return leaf(hint, (found) =>
    typeof found === "number" && Number.isFinite(found) ? inRange(found, least, most) : asNumber(found),
  );
}

function inRange(value: number, least: number, most: number): { value: number } | { problem?: string } {
  if (value < least) return { problem: `${value} is less than ${least}, the least allowed` };
  return value > most ? { problem: `${value} is more than ${most}, the most allowed` } : { value };
}

function asNumber(found: unknown): { suggestion?: string } {
  return typeof found === "string" && /^-?\d+(\.\d+)?$/.test(found) && found.length < 20
    ? { suggestion: `write ${found} without quotes` }
    : {};
}

/** A duration in milliseconds from `leastMs` to `mostMs`, written with its unit. */
export function duration(example: string, leastMs: number, mostMs: number) {
  const pattern = "^ *(0|([0-9]+(\\.[0-9]+)? *(ms|s|m|h|d) *)+)$";
  const json = { anyOf: [{ type: "string", pattern }, { const: 0 }] };
  return leaf({ expects: `a duration such as "${example}"`, example: `"${example}"`, json }, (found) => {
    const read = readDuration(found);
    if ("problem" in read) return read.problem === "" ? {} : read;
    if (read.ms < leastMs) return { problem: `${describe(found)} is less than ${formatDuration(leastMs)}, the least allowed` };
    if (read.ms > mostMs) return { problem: `${describe(found)} is more than ${formatDuration(mostMs)}, the most allowed` };
    return { value: read.ms };
  });
}

/** A list of at most `max` of something, or one alone. */
export function oneOrMore<S extends Schema>(hint: Hint, item: S, max: number) {
  const several = list(hint, item, max);
  const one = mapped(item, (value) => [value]);
  return either(hint, Array.isArray, several, one);
}

/** One of a few words. Of words that are known from elsewhere: why they are refused, or by which of these words the same is said here. */
export function oneOf<const W extends string>(
  words: readonly W[],
  unsupported: Readonly<Record<string, string>> = {},
  called: Readonly<Record<string, W>> = {},
) {
  const hint: Hint = {
    expects: words
      .map((word) => JSON.stringify(word))
      .join(", ")
      .replace(/, (?=[^,]*$)/, " or "),
    example: JSON.stringify(words[0]),
    json: { enum: words },
  };
  return leaf<W>(hint, (found) => {
    const value = words.find((word) => word === found);
    if (value !== undefined) return { value };
    if (typeof found !== "string") return {};
    if (Object.hasOwn(unsupported, found)) return { problem: unsupported[found] ?? "" };
    const same = Object.entries(called).find(([word]) => word === found.toLowerCase())?.[1];
    if (same !== undefined) return { problem: `${describe(found)} has another name here`, suggestion: `write "${same}"` };
    const near = nearest(found, words);
    return near === undefined ? {} : { suggestion: `did you mean "${near}"?` };
  });
}

const modelForm = /^[A-Za-z0-9][\w.-]*\/[^\s/][^\s]*$/;

/** A model as `provider/model`; the model's own name may hold further slashes, as on OpenRouter. */
const modelHint = { expects: `a model as "provider/model"`, example: `"kimi-coding/k2p5"` };
export const model = leaf({ ...modelHint, json: { type: "string", pattern: modelForm.source } }, (found) => {
  if (typeof found !== "string") return {};
  if (modelForm.test(found) && found.length <= 200) return { value: found };
  if (/\s/.test(found)) return { problem: `${describe(found)} holds blanks; expected a model as "provider/model"` };
  if (!found.includes("/") && found !== "") return { problem: `${describe(found)} names no provider; expected "provider/model"` };
  return {};
});

/** An IANA time zone. */
export const zone = leaf({ expects: "an IANA time zone", example: `"Europe/London"`, json: { type: "string" } }, (found) => {
  if (typeof found !== "string") return {};
  if (zoneExists(found)) return { value: found };
  const near = nearestZone(found);
  return {
    problem: `there is no time zone ${describe(found)}`,
    ...(near === undefined ? {} : { suggestion: `did you mean "${near}"?` }),
  };
});

/** What is wrong with a model whose provider is none of the known ones. */
export function unknownProvider(
  modelName: string,
  known: readonly string[],
): { message: string; suggestion: string } | undefined {
  const id = modelName.slice(0, modelName.indexOf("/"));
  if (known.includes(id)) return undefined;
  const near = nearest(id, known);
  const suggestion =
    near === undefined
      ? `known: ${known.join(", ")}; others are added under "providers" in the configuration`
      : `did you mean "${near}/${modelName.slice(id.length + 1)}"?`;
  return { message: `there is no provider ${describe(id)}`, suggestion };
}

/** Where editors find the JSON Schema; it says nothing to us. */
export const schemaAddress = quietLeaf({ expects: "an address", example: `"./schema.json"`, json: { type: "string" } }, (found) =>
  typeof found === "string" ? { value: found } : {},
);
