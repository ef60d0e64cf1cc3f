/** One row of OpenClaw's store → a job file's values, so that the same model is asked the same thing at the same times. Pure. */
import type { Issue } from "../../errors.ts";
import type { Job } from "../../job/job.ts";
import { normaliseJob } from "../../job/normalise.ts";
import { parseJob } from "../../job/parse.ts";
import { isRecord } from "../../job/shape.ts";
import { uniqueName } from "../crontab/name.ts";
import type { ImportDraft } from "../imported-file.ts";
import type { ModelChoice } from "./config.ts";
import { leftOf } from "./left.ts";
import type { Stored, StoredJob } from "./stored.ts";

export interface RowContext {
  /** The store, for messages. */
  readonly file: string;
  /** The machine's zone: that of cron schedules that name none. */
  readonly zone: string;
  readonly choiceOf: (agentId: string | undefined) => ModelChoice;
  readonly modelOf: (written: string) => string;
  /** Names and ids that other jobs have; those that are given are added. */
  readonly taken: Set<string>;
  /** Names of files that are given; those are added. */
  readonly files: Set<string>;
}

export interface ImportedRow extends ImportDraft {
  readonly stored: StoredJob;
}

/** Warnings of the reader of jobs about what `leftOf` names in full. */
const namedByLeft = /^(?:accepted from OpenClaw and not acted on yet|unknown key, passed over)/;

/** @returns the issues of a row that cannot be taken over. */
export function rowToJob(stored: StoredJob, context: RowContext): ImportedRow | { readonly issues: readonly Issue[] } {
  const { file, taken } = context;
  const place = { file, ...(stored.line === undefined ? {} : { line: stored.line }) };
  const refuse = (path: string, message: string, suggestion: string) => ({
    issues: [{ ...place, path: `${stored.origin}${path}`, message, suggestion }],
  });
  if (!isRecord(stored.value)) return refuse("", "is not a job: expected an object", "the other jobs are read");
  const row = withModels(stored.value, context);
  // Who is told is not taken over, so that an address of Slack's, which is a key itself, is no hindrance.
  const { delivery: _delivery, failureAlert: _alert, ...checked } = row;
  const said = normaliseJob(row, true).value;
  const fields: Stored = isRecord(said) ? said : {};
  const own = fields["id"];
  const called = typeof fields["name"] === "string" ? fields["name"] : own;
  const named = typeof called === "string" && called.trim() !== "" ? `${JSON.stringify(called.trim().slice(0, 60))}: ` : "";
  const id = typeof own === "string" && own.trim() !== "" ? own.trim() : `openclaw-${stored.origin.replaceAll(/\D+/g, "")}`;
  const parsed = parseJob({ ...checked, id }, () => place, { file, openclaw: true, id, name: inferredName(fields) ?? id });
  if (!("job" in parsed))
    return {
      issues: parsed.issues.map((issue) => ({
        ...issue,
        ...place,
        message: `${named}${issue.message}`,
        path: [stored.origin, issue.path].filter((part) => part !== "").join("."),
      })),
    };
  if (taken.has(id))
    return refuse(
      ".id",
      `the id ${JSON.stringify(id)} is taken by another job`,
      "is the store itself in the folder of jobs? Take it out, or one of the two jobs",
    );
  const { job } = parsed;
  // Its own id is no other job's name.
  const name = uniqueName(job.name, taken);
  taken.add(id);
  const left = leftOf(fields);
  const notes = parsed.warnings.map(({ message }) => message).filter((message) => !namedByLeft.test(message));
  if (left.names.length > 0) notes.push(`not acted on yet: ${left.names.join(", ")}; what they say is a comment in the file`);
  if (job.payload.kind === "agentTurn" && fields["delivery"] === undefined && !left.names.includes("payload.deliver"))
    notes.push("names no delivery: OpenClaw announced its answer to the last channel, here it is in the ledger");
  if (name !== job.name) notes.push(`another job is called ${JSON.stringify(job.name)}, so this one is ${JSON.stringify(name)}`);
  return {
    stored,
    name,
    fileName: uniqueName(fileNameOf(name), context.files),
    value: {
      id,
      name,
      description: job.description,
      enabled: job.enabled ? undefined : false,
      schedule: scheduleFile(job, fields, context, notes),
      payload: payloadFile(job, fields, context, notes),
      workDir: job.workDir,
    },
    comment: [`From OpenClaw, ${stored.origin}.`, ...left.comment],
    notes,
    // Keys are references there as well, or are not taken over.
    variables: [],
  };
}

/** Aliases of models as what they stand for, wherever a row may name one. */
function withModels(row: Stored, { modelOf }: RowContext): Record<string, unknown> {
  const resolved = (value: unknown): unknown =>
    typeof value === "string" ? modelOf(value) : Array.isArray(value) ? value.map(resolved) : value;
  const mended = (value: Stored): Record<string, unknown> => {
    const made = { ...value };
    for (const key of ["model", "fallbacks"]) if (Object.hasOwn(made, key)) made[key] = resolved(made[key]);
    return made;
  };
  const { payload } = row;
  return { ...mended(row), ...(isRecord(payload) ? { payload: mended(payload) } : {}) };
}

/** Of a job without a name: the beginning of what it says, as OpenClaw does it. */
function inferredName({ payload }: Stored): string | undefined {
  const text = isRecord(payload) ? (payload["message"] ?? payload["text"]) : undefined;
  if (typeof text !== "string") return undefined;
  const words = text
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 40)
    .trim();
  return words === "" ? undefined : words;
}

function fileNameOf(name: string): string {
  const clean = name
    .toLowerCase()
    .normalize("NFKD")
    .replaceAll(/[^a-z0-9.-]+/g, "-")
    .replaceAll(/^[.-]+|[.-]+$/g, "")
    .slice(0, 60);
  return clean === "" || clean === "readme" ? "job" : clean;
}

function scheduleFile({ schedule }: Job, fields: Stored, { zone }: RowContext, notes: string[]): unknown {
  if (schedule.kind === "manual") {
    notes.push("has no schedule: it runs by hand only");
    return undefined;
  }
  if (schedule.kind === "cron" && schedule.tz === undefined) {
    notes.push(`names no zone: OpenClaw takes that of its machine, which is ${zone} here`);
    return { ...schedule, tz: zone };
  }
  const created = fields["createdAtMs"];
  // OpenClaw counts from the job's making where no anchor is said.
  if (schedule.kind === "every" && schedule.anchorMs === undefined && typeof created === "number" && created >= 0)
    return { ...schedule, anchorMs: Math.trunc(created) };
  return schedule;
}

function payloadFile({ payload }: Job, fields: Stored, context: RowContext, notes: string[]): Record<string, unknown> {
  const written = isRecord(fields["payload"]) ? fields["payload"] : {};
  const { timeoutSeconds, noOutputTimeoutSeconds, outputMaxBytes } = written;
  if (payload.kind === "command") {
    const { argv, env, input } = payload;
    return { kind: "command", argv, env, input, timeoutSeconds, noOutputTimeoutSeconds, outputMaxBytes };
  }
  const agent = typeof fields["agentId"] === "string" ? fields["agentId"] : undefined;
  const choice = context.choiceOf(agent);
  const model = payload.model ?? (choice.model === undefined ? undefined : context.modelOf(choice.model));
  if (payload.model === undefined && model !== undefined)
    notes.push(
      `named no model: it asks ${model}, which OpenClaw's configuration says for ${agent === undefined ? "all agents" : `the agent ${agent}`}`,
    );
  if (model === undefined)
    notes.push("names no model, and OpenClaw's configuration says none: it asks the one of runner's configuration");
  const fallbacks = payload.fallbacks ?? choice.fallbacks?.map((one) => context.modelOf(one));
  return { kind: "agentTurn", message: payload.message, model, fallbacks, thinking: payload.thinking, timeoutSeconds };
}
