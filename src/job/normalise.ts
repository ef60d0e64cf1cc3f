/**
 * Brings what people and OpenClaw write into the one form that is checked: shorthands are written out, flat keys go where they
 * belong, older spellings become today's. Every move is remembered, so that a problem is told at the place and by the name
 * that stands in the file.
 */
import type { Problem } from "./check.ts";
import { older, twice, type Draft } from "./draft.ts";
import { olderSpellings } from "./openclaw.ts";
import { flatPayloadKeys, presentOf } from "./flat-keys.ts";
import { normaliseSchedule } from "./normalise-schedule.ts";
import { isRecord } from "./shape.ts";
import type { Path } from "./words.ts";

export interface Normalised {
  readonly value: unknown;
  /** Where what now stands at a path was written. */
  readonly origin: (path: Path) => Path;
  /** At their written places. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Top-level keys of old OpenClaw jobs that belong in their payload. */
const oldPayloadKeys: readonly string[] = [
  "text",
  "lightContext",
  "toolsAllow",
  "deliver",
  "channel",
  "to",
  "threadId",
  "bestEffortDeliver",
  "provider",
];

export function normaliseJob(found: unknown, openclaw: boolean): Normalised {
  const moves = new Map<string, Path>();
  if (!isRecord(found)) return { value: found, origin: (path) => path, problems: [], warnings: [] };
  const draft: Draft = {
    job: { ...found },
    openclaw,
    problems: [],
    warnings: [],
    moved: (path, written) => void moves.set(JSON.stringify(path), written),
  };
  rename(draft, "jobId", "id");
  rename(draft, "session", "sessionTarget");
  flatPayload(draft);
  normaliseSchedule(draft);
  payloadKind(draft);
  const { sessionTarget } = draft.job;
  if (typeof sessionTarget === "string" && /^(?:isolated|current)$/i.test(sessionTarget.trim()))
    draft.job["sessionTarget"] = "isolated";
  if (openclaw) olderSpellings(draft);
  return { value: draft.job, origin: (path) => originOf(path, moves), problems: draft.problems, warnings: draft.warnings };
}

function originOf(path: Path, moves: ReadonlyMap<string, Path>): Path {
  for (let length = path.length; length > 0; length -= 1) {
    const written = moves.get(JSON.stringify(path.slice(0, length)));
    if (written !== undefined) return [...written, ...path.slice(length)];
  }
  return path;
}

/** An older name of a top-level key. */
function rename(draft: Draft, from: string, to: string): void {
  const { job } = draft;
  if (!Object.hasOwn(job, from)) return;
  if (Object.hasOwn(job, to)) {
    if (!draft.openclaw) draft.problems.push(twice([from], to));
  } else {
    job[to] = job[from];
    draft.moved([to], [from]);
    if (!draft.openclaw) draft.warnings.push(older([from], `"${to}"`));
  }
  delete job[from];
}

function flatPayload(draft: Draft): void {
  const { job, openclaw } = draft;
  const keys = [...presentOf(flatPayloadKeys, job), ...(openclaw ? presentOf(oldPayloadKeys, job) : [])];
  // A list of names is the job's own `env`, an object of values is a command's.
  if (isRecord(job["env"])) keys.push("env");
  const { payload = {} } = job;
  if (keys.length === 0 || !isRecord(payload)) return;
  const made = { ...payload };
  for (const key of keys) {
    if (Object.hasOwn(made, key)) draft.problems.push(twice([key], `payload.${key}`));
    else {
      made[key] = job[key];
      draft.moved(["payload", key], [key]);
    }
    delete job[key];
  }
  if (!Object.hasOwn(job, "payload")) draft.moved(["payload"], []);
  job["payload"] = made;
}

const kinds = ["agentTurn", "command", "systemEvent", "script", "heartbeat"];

/** A kind in other letters, and the kind that a payload without one shows by its keys. */
function payloadKind(draft: Draft): void {
  const { payload } = draft.job;
  if (!isRecord(payload)) return;
  const { kind } = payload;
  const same = typeof kind === "string" ? kinds.find((known) => known.toLowerCase() === kind.toLowerCase()) : undefined;
  if (same !== undefined && same !== kind) {
    draft.job["payload"] = { ...payload, kind: same };
    if (!draft.openclaw) draft.warnings.push(older(["payload", "kind"], `"kind": "${same}"`));
  } else if (!Object.hasOwn(payload, "kind")) {
    const has = (key: string): boolean => Object.hasOwn(payload, key);
    if (has("command") || has("argv")) draft.job["payload"] = { ...payload, kind: has("message") ? "agentTurn" : "command" };
    else if (has("text") && !has("message") && draft.openclaw) draft.job["payload"] = { ...payload, kind: "systemEvent" };
  }
}
