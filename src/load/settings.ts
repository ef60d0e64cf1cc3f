/** The configuration as it counts: every value, and the place it comes from. For people who ask who won. */
import type { Path } from "../job/words.ts";
import { formatPath } from "../job/words.ts";
import { isRecord } from "../job/shape.ts";
import type { Place } from "./config-file.ts";
import type { ConfigValues } from "./config-shape.ts";
import { formatDuration } from "../job/duration.ts";
import { schedulerDefaults } from "./scheduler-limits.ts";

export interface Setting {
  /** `providers.kimi-coding.apiKey`. */
  readonly path: string;
  /** Never a secret: a key is its reference, and a header's plain value is not shown. */
  readonly value: unknown;
  /** The file and line that won; absent for what no file says. */
  readonly place?: Place;
  /** Why, where no file says it. */
  readonly source?: "default" | "--state-dir";
}

interface Layer {
  readonly values: ConfigValues;
  readonly place: (path: Path, of: "key" | "value") => Place;
}

interface Resolved {
  readonly jobsDir: string;
  readonly stateDir: string;
  readonly timezone: string;
}

/** @param layers The files' values, the one that wins first. */
export function settingsOf(
  merged: ConfigValues,
  layers: readonly Layer[],
  { jobsDir, stateDir, timezone }: Resolved,
  given: { readonly stateDir?: string | undefined },
): Setting[] {
  const found: Setting[] = [];
  for (const [path, value] of leavesOf(merged, [])) {
    const layer = layers.find(({ values }) => holds(values, path));
    const shown = path[0] === "jobsDir" ? jobsDir : path[0] === "stateDir" ? stateDir : shownValue(path, value);
    if (path[0] === "stateDir" && given.stateDir !== undefined) continue;
    found.push({ path: formatPath(path), value: shown, ...(layer === undefined ? {} : { place: layer.place(path, "value") }) });
  }
  const said = new Set(found.map(({ path }) => path));
  const scheduler = Object.entries(schedulerDefaults).map(([key, value]) => [`scheduler.${key}`, shownLimit(key, value)]);
  const rest = { timezone, jobsDir, stateDir, ...Object.fromEntries(scheduler) };
  for (const [path, value] of Object.entries(rest)) {
    const source = path === "stateDir" && given.stateDir !== undefined ? "--state-dir" : "default";
    if (!said.has(path)) found.push({ path, value, source });
  }
  return found;
}

/** Keys that say nothing of how runner works. */
const silent = new Set(["$schema"]);

function leavesOf(value: unknown, path: Path): [Path, unknown][] {
  if (!isRecord(value) || isReference(value)) return [[path, value]];
  return Object.entries(value)
    .filter(([key]) => path.length > 0 || !silent.has(key))
    .flatMap(([key, item]) => leavesOf(item, [...path, key]));
}

/** A key as it is after the check: `{ env: "NAME" }`. */
function isReference(value: Record<string, unknown>): value is { env: string } {
  return Object.keys(value).length === 1 && typeof value["env"] === "string";
}

/** Times as they are written. */
function shownLimit(key: string, value: number): unknown {
  return key.endsWith("Grace") ? formatDuration(value) : value;
}

function shownValue(path: Path, value: unknown): unknown {
  if (path[0] === "scheduler" && typeof value === "number") return shownLimit(String(path.at(-1)), value);
  if (isRecord(value) && isReference(value)) return `\${${value.env}}`;
  // A header's plain value may be a key of no known form.
  const plainHeader = path[2] === "headers" && typeof value === "string" && !value.includes("${");
  return plainHeader ? "(a plain value, not shown)" : value;
}

function holds(values: unknown, path: Path): boolean {
  let here = values;
  for (const step of path) {
    if (!isRecord(here) || !Object.hasOwn(here, step)) return false;
    here = here[String(step)];
  }
  return true;
}
