import type { Problem } from "./check.ts";
import { isRecord } from "./shape.ts";
import type { Path } from "./words.ts";

/** Fields of OpenClaw's that would change what happens there, and do not here yet, with the values that ask for nothing. */
const fields: readonly { readonly path: Path; readonly unless: (value: unknown) => boolean }[] = [
  { path: ["agentId"], unless: (value) => value === null },
  { path: ["sessionKey"], unless: (value) => value === null },
  { path: ["wakeMode"], unless: (value) => value === "now" },
  { path: ["deleteAfterRun"], unless: (value) => value === false },
  { path: ["delivery"], unless: (value) => value === null || (isRecord(value) && value["mode"] === "none") },
  { path: ["notify"], unless: (value) => value !== true },
  { path: ["failureAlert"], unless: (value) => value === false || value === null },
  { path: ["pacing"], unless: (value) => value === null },
  { path: ["payload", "lightContext"], unless: (value) => value === false },
  { path: ["payload", "toolsAllow"], unless: (value) => Array.isArray(value) && value.length === 0 },
  { path: ["payload", "allowUnsafeExternalContent"], unless: (value) => value === false },
  { path: ["payload", "deliver"], unless: (value) => value === false },
  { path: ["payload", "channel"], unless: (value) => value === null },
  { path: ["payload", "to"], unless: (value) => value === null },
  { path: ["payload", "threadId"], unless: (value) => value === null },
  { path: ["payload", "bestEffortDeliver"], unless: () => true },
];

const keys = new Set(fields.flatMap(({ path }) => path.slice(-1)));

function isField(key: string | number): boolean {
  return keys.has(key);
}

/** Whether any of the fields may be there, which is seldom. */
function mayHoldOne(job: Record<string, unknown>): boolean {
  const { payload } = job;
  return Object.keys(job).some(isField) || (isRecord(payload) && Object.keys(payload).some(isField));
}

/** One warning for all such fields of a job, at the first of them: a store of fifty jobs must stay readable. */
export function notActedOn(job: Record<string, unknown>): Problem[] {
  if (!mayHoldOne(job)) return [];
  const found = fields.filter(({ path, unless }) => {
    const value = valueAt(job, path);
    return value !== undefined && !unless(value);
  });
  const [first] = found;
  if (first === undefined) return [];
  const names = found.map(({ path }) => path.join(".")).join(", ");
  return [{ path: first.path, of: "key", message: `accepted from OpenClaw and not acted on yet: ${names}` }];
}

function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const step of path) {
    if (!isRecord(here) || !Object.hasOwn(here, step)) return undefined;
    here = here[String(step)];
  }
  return here;
}
