import { createHash } from "node:crypto";
import type { Job } from "../job/job.ts";

/** Hash of what a job says, whatever the order of its keys and wherever its file lies: 64 hexadecimal characters of SHA-256. */
export function jobHash(job: Job): string {
  const { source: _source, ...said } = job;
  return createHash("sha256").update(stableJson(said)).digest("hex");
}

function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
