/**
 * The JSON Schema of a job file: the checked shapes, and around them what may be written in their place (flat keys, shorthands, lists,
 * OpenClaw's stores). For editors; `runner validate` says more, and decides.
 */
import { flatPayloadKeys, flatScheduleKeys } from "./flat-keys.ts";
import { jsonSchemaOf, objectSchemaOf, type SchemaObject } from "./json-schema.ts";
import { duration } from "./leaves.ts";
import { agentTurn, commandPayload } from "./payload-shape.ts";
import { longestStaggerMs, schedules } from "./schedule-shape.ts";
import { jobShape } from "./job-shape.ts";
import type { JsonSchema } from "./shape.ts";

const draft = "https://json-schema.org/draft/2020-12/schema";
const digits = { type: "string", pattern: "^[0-9]{1,15}$" };
const interval = jsonSchemaOf(duration("30m", 1_000, 10 * 365 * 86_400_000));
const stagger = jsonSchemaOf(duration("5m", 0, longestStaggerMs));

/** The schema of a job file: one job, a list of them, or a store of OpenClaw's. */
export function jobFileSchema(): SchemaObject {
  return {
    $schema: draft,
    title: "A job file of runner",
    anyOf: [
      { $ref: "#/$defs/job" },
      { type: "array", items: { $ref: "#/$defs/job" }, maxItems: 10_000 },
      { $ref: "#/$defs/jobs" },
      { $ref: "#/$defs/store" },
    ],
    $defs: {
      job: jobSchema(),
      jobs: {
        description: "Several jobs.",
        type: "object",
        properties: { $schema: { type: "string" }, jobs: { type: "array", items: { $ref: "#/$defs/job" }, maxItems: 10_000 } },
        required: ["jobs"],
        additionalProperties: false,
      },
      store: {
        description: "A store of OpenClaw's; what is unknown in it is passed over.",
        type: "object",
        properties: { version: { const: 1 }, jobs: { type: "array", items: { type: "object" }, maxItems: 10_000 } },
        required: ["version", "jobs"],
      },
      ...definitions(),
    },
  };
}

/** The schema of a `_defaults` file: as a job, with nothing that must be there, and `null` to take a default away. */
export function defaultsFileSchema(): SchemaObject {
  const { anyOf: _none, ...job } = jobSchema();
  const payload = { ...objectSchemaOf(agentTurn).properties, ...objectSchemaOf(commandPayload).properties };
  const { id: _id, name: _name, ...properties } = job.properties;
  return {
    $schema: draft,
    title: "Defaults of a folder of runner's jobs",
    ...job,
    properties: {
      ...properties,
      payload: { type: "object", properties: payload, additionalProperties: false },
      schedule: {
        anyOf: [
          { description: "What counts for schedules of any kind.", ...withoutKind(scheduleKinds().boot) },
          { $ref: "#/$defs/schedule" },
        ],
      },
    },
    $defs: definitions(),
  };
}

function definitions(): Record<string, JsonSchema> {
  return { schedule: scheduleSchema(), payload: payloadSchema() };
}

/** One of these says what is to be done. */
const payloadKey = ["message", "argv", "command"].map((key) => ({ required: [key] }));

/** Beside a command at the top, what only a turn has is wrong, and so is the other spelling of the command. */
function onlyOf(key: "command" | "argv"): SchemaObject {
  const command = objectSchemaOf(commandPayload).properties;
  const turn = Object.keys(objectSchemaOf(agentTurn).properties).filter(
    (other) => flatPayloadKeys.includes(other) && !(other in command),
  );
  return { properties: Object.fromEntries([...turn, key === "argv" ? "command" : "argv"].map((other) => [other, false])) };
}

function jobSchema(): SchemaObject & { readonly properties: Record<string, JsonSchema> } {
  const { properties: own } = objectSchemaOf(jobShape);
  return {
    description: "What to ask, when, and of which model; or which program to run, and when.",
    type: "object",
    properties: {
      ...own,
      ...flatPayload(),
      ...flatSchedule(),
      env: {
        description: "Variables that `{{env.X}}` may show; as an object, the environment of a command.",
        anyOf: [own["env"] ?? {}, objectSchemaOf(commandPayload).properties["env"] ?? {}],
      },
      schedule: { description: textOf(own["schedule"]), $ref: "#/$defs/schedule" },
      payload: { description: textOf(own["payload"]), $ref: "#/$defs/payload" },
      jobId: { ...older("id"), type: ["string", "number"] },
      session: { ...older("sessionTarget"), type: "string" },
    },
    anyOf: [{ required: ["payload"], properties: { payload: { anyOf: payloadKey } } }, ...payloadKey],
    dependentSchemas: { command: onlyOf("command"), argv: onlyOf("argv") },
    additionalProperties: false,
  };
}

function older(today: string): SchemaObject {
  return { description: `Older spelling of \`${today}\`.`, deprecated: true };
}

function textOf(schema: JsonSchema | undefined): string {
  return typeof schema === "object" && typeof schema["description"] === "string" ? schema["description"] : "";
}

/** Keys of a payload that may stand at the top. */
function flatPayload(): Record<string, JsonSchema> {
  const both = { ...objectSchemaOf(commandPayload).properties, ...objectSchemaOf(agentTurn).properties };
  return Object.fromEntries(flatPayloadKeys.map((key) => [key, both[key] ?? {}]));
}

/** Keys of a schedule that may stand at the top. */
function flatSchedule(): Record<string, JsonSchema> {
  const written = Object.values(scheduleKinds()).map(({ properties }) => properties);
  const all: Record<string, JsonSchema> = Object.assign({}, ...written);
  return Object.fromEntries(flatScheduleKeys.map((key) => [key, { description: shortFor(key), allOf: [all[key] ?? {}] }]));
}

function shortFor(key: string): string {
  return `Short for \`schedule: { ${key}: … }\`.`;
}

/** What any schedule may say beside its rule, alone. */
function withoutKind({ properties, required: _none, ...rest }: ReturnType<typeof scheduleKinds>[Kind]): SchemaObject {
  const { kind: _kind, ...common } = properties;
  return { ...rest, properties: common };
}

type Kind = keyof typeof schedules;

/** A schedule as an object, one a kind, with what may be written in place of each key. */
function scheduleKinds(): Record<Kind, SchemaObject & { readonly properties: Record<string, JsonSchema> }> {
  const kindOf = (kind: Kind, more: Record<string, JsonSchema>, needs: readonly string[]) => {
    const { properties, ...rest } = objectSchemaOf(schedules[kind]);
    const numbers = ["everyMs", "anchorMs", "staggerMs"].filter((key) => key in properties);
    const loose = Object.fromEntries(numbers.map((key) => [key, { anyOf: [properties[key] ?? {}, digits] }]));
    return {
      ...rest,
      properties: { ...properties, ...loose, ...more, ...("staggerMs" in properties ? { stagger } : {}), kind: { const: kind } },
      required: kind === "manual" || kind === "boot" ? ["kind"] : [],
      ...(needs.length === 0 ? {} : { anyOf: needs.map((key) => ({ required: [key] })) }),
    };
  };
  const { expr = {} } = objectSchemaOf(schedules.cron).properties;
  const { at = {} } = objectSchemaOf(schedules.at).properties;
  return {
    cron: kindOf("cron", { cron: expr }, ["expr", "cron"]),
    every: kindOf("every", { every: interval }, ["everyMs", "every"]),
    at: kindOf("at", { atMs: at }, ["at", "atMs"]),
    boot: kindOf("boot", {}, []),
    manual: kindOf("manual", {}, []),
  };
}

function scheduleSchema(): JsonSchema {
  return { anyOf: [{ type: "string", pattern: "\\S" }, ...Object.values(scheduleKinds())] };
}

function payloadSchema(): JsonSchema {
  const turn = objectSchemaOf(agentTurn);
  const command = objectSchemaOf(commandPayload);
  return {
    anyOf: [
      { ...turn, properties: { ...turn.properties, kind: { const: "agentTurn" } }, required: [] },
      {
        ...command,
        properties: { ...command.properties, kind: { const: "command" } },
        anyOf: [{ required: ["argv"] }, { required: ["command"] }],
      },
    ],
  };
}
