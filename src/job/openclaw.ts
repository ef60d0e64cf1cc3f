/** What is OpenClaw's alone: how its stores are recognised, and the spellings that its own reader mends without a word. */
import type { Draft } from "./draft.ts";
import { isRecord } from "./shape.ts";

/** Fields that only OpenClaw writes into a job. */
function isOpenClawJob(job: unknown): boolean {
  if (!isRecord(job)) return false;
  const has = (key: string): boolean => Object.hasOwn(job, key);
  return has("createdAtMs") || has("updatedAtMs") || has("state") || (has("sessionTarget") && has("wakeMode"));
}

/** Of the oldest rows, which have none of those. In a file of one's own that holds one job they are more likely a slip. */
function isOldRow(job: unknown): boolean {
  return isRecord(job) && (Object.hasOwn(job, "deliver") || Object.hasOwn(job, "deleteAfterRun"));
}

/** Whether a document is a store of OpenClaw's: `{ version, jobs }`, or jobs with fields that only OpenClaw writes. */
export function isOpenClawStore(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((job) => isOpenClawJob(job) || isOldRow(job));
  if (!isRecord(value)) return false;
  if (Array.isArray(value["jobs"])) return Object.hasOwn(value, "version") || value["jobs"].some(isOpenClawJob);
  return isOpenClawJob(value);
}

/** `jobs-state.json`, which OpenClaw keeps beside a store: `{ version, jobs: { <id>: { state } } }`. */
export function isOpenClawState(value: unknown): boolean {
  return isRecord(value) && isRecord(value["jobs"]) && Object.hasOwn(value, "version");
}

/** OpenClaw's levels of thinking that have another name here. */
const efforts: Readonly<Record<string, string>> = {
  none: "off",
  minimal: "low",
  xhigh: "high",
  max: "high",
  ultra: "high",
};

/** The rest of what OpenClaw's reader mends: see its documented legacy spellings. */
export function olderSpellings(draft: Draft): void {
  const { job } = draft;
  if (typeof job["id"] === "number") job["id"] = String(job["id"]);
  if (typeof job["name"] === "string" && job["name"].trim() === "") delete job["name"];
  if (Object.hasOwn(job, "enabled") && typeof job["enabled"] !== "boolean") job["enabled"] = true;
  delete job["isolation"];
  mendNotify(draft);
  if (job["wakeMode"] !== "next-heartbeat") delete job["wakeMode"];
  const { payload } = job;
  if (isRecord(payload)) job["payload"] = mendPayload(payload, draft);
}

/** `notify: true` is the webhook of the oldest rows. Beside a delivery of another kind it is a second one, and stays to be told of. */
function mendNotify(draft: Draft): void {
  const { job } = draft;
  const { delivery } = job;
  const isSecond = isRecord(delivery) && delivery["mode"] !== "webhook" && delivery["mode"] !== undefined;
  if (job["notify"] === true && isSecond) return;
  if (job["notify"] === true && !Object.hasOwn(job, "delivery")) {
    job["delivery"] = { mode: "webhook" };
    draft.moved(["delivery"], ["notify"]);
  }
  delete job["notify"];
}

function mendPayload(payload: Record<string, unknown>, draft: Draft): Record<string, unknown> {
  const made = { ...payload };
  const { model, thinking, fallbacks } = made;
  if (model === null || (typeof model === "string" && ["", "default", "null"].includes(model.trim()))) delete made["model"];
  else made["model"] = today(model);
  if (model === undefined) delete made["model"];
  if (Array.isArray(fallbacks)) made["fallbacks"] = fallbacks.map(today);
  if (thinking === null || thinking === "default" || thinking === "adaptive" || thinking === "") delete made["thinking"];
  else if (typeof thinking === "string" && Object.hasOwn(efforts, thinking)) {
    made["thinking"] = efforts[thinking];
    const message = `${JSON.stringify(thinking)} is not told apart here, read as "${efforts[thinking]}"`;
    draft.warnings.push({ path: ["payload", "thinking"], of: "value", message });
  }
  for (const key of ["timeoutSeconds", "fallbacks"]) if (made[key] === null) delete made[key];
  return made;
}

function today(model: unknown): unknown {
  return typeof model === "string" ? model.replace(/^openai-codex\//, "openai/") : model;
}
