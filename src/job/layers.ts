/**
 * Defaults of a folder under a job: `_defaults.yaml` applies to its folder and below, the nearest wins, key by key. A list is
 * replaced as a whole, `null` takes a default away.
 */
import type { Locate } from "./check.ts";
import { agentTurnKeys, commandKeys, isCommand } from "./payload-shape.ts";
import { isRecord } from "./shape.ts";
import type { Path } from "./words.ts";

/** What one file says of a job, normalised, and how to find a path of it in that file. */
export interface Layer {
  readonly value: Record<string, unknown>;
  readonly origin: (path: Path) => Path;
  readonly locate: Locate;
  readonly file: string;
  /** Absolute folder of the file. */
  readonly folder: string;
}

/** A job with the defaults of its folders under it; the nearest of them first. */
export function withDefaults(job: unknown, layers: readonly Pick<Layer, "value">[]): unknown {
  if (!isRecord(job) || layers.length === 0) return job;
  let below: Record<string, unknown> = {};
  for (const { value } of layers.toReversed()) below = merge(below, value, []);
  return merge(fitting(below, job), job, []);
}

function merge(below: Record<string, unknown>, over: Record<string, unknown>, path: Path): Record<string, unknown> {
  const made = { ...below };
  for (const [key, value] of Object.entries(over)) {
    const under = Object.hasOwn(below, key) ? below[key] : undefined;
    if (value === null && under !== undefined) delete made[key];
    else if (isRecord(value) && isRecord(under) && !isWhole([...path, key])) made[key] = merge(under, value, [...path, key]);
    else made[key] = value;
  }
  return made;
}

/** Values that mean something only as a whole. */
function isWhole(path: Path): boolean {
  return (path.length === 4 && path[1] === "tools" && path[2] === "mcp") || (path[0] === "expect" && path[1] === "jsonSchema");
}

/** Of the defaults, what fits this kind of job: a folder of agents' turns may hold a command too. */
function fitting(below: Record<string, unknown>, job: Record<string, unknown>): Record<string, unknown> {
  const made = { ...below };
  if (isRecord(below["payload"])) {
    const own = isRecord(job["payload"]) ? job["payload"] : {};
    const command = isCommand(
      Object.hasOwn(own, "kind") || Object.hasOwn(own, "message") ? own : { ...below["payload"], ...own },
    );
    const [keys, others] = command ? [commandKeys, agentTurnKeys] : [agentTurnKeys, commandKeys];
    // A key of neither kind stays, so that its mistake is told.
    made["payload"] = Object.fromEntries(
      Object.entries(below["payload"]).filter(([key]) => (key === "kind" ? false : keys.includes(key) || !others.includes(key))),
    );
    if (command) made["payload"] = { ...(isRecord(made["payload"]) ? made["payload"] : {}), kind: "command" };
  }
  if (isRecord(below["schedule"])) made["schedule"] = fittingSchedule(below["schedule"], job["schedule"]);
  if (made["schedule"] === undefined) delete made["schedule"];
  return made;
}

/** What counts for a schedule of any kind. */
const commonKeys = ["tz", "staggerMs", "startAt", "endAt", "blackout"];

/** A zone alone is no schedule; of another kind of schedule only what counts for any kind is left. */
function fittingSchedule(below: Record<string, unknown>, own: unknown): Record<string, unknown> | undefined {
  if (own === undefined) return Object.hasOwn(below, "kind") ? below : undefined;
  if (!isRecord(own)) return below;
  if (own["kind"] === below["kind"]) return below;
  const common = own["kind"] === "manual" ? ["tz"] : commonKeys;
  return Object.fromEntries(Object.entries(below).filter(([key]) => common.includes(key)));
}

/** Whether a value has something at this path. */
export function holds(value: unknown, path: Path): boolean {
  let here = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, step)) return false;
    here = Object.entries(here).find(([key]) => key === String(step))?.[1];
  }
  return true;
}
