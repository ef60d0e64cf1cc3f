import { createHash } from "node:crypto";
import type { Job } from "../job/job.ts";

/** Hash of what a job says, whatever the order of its keys and wherever its file lies: 64 hexadecimal characters of SHA-256. */
export function jobHash(job: Job): string {
  const { source: _source, ...said } = job;
  return createHash("sha256").update(stableJson(said)).digest("hex");
}

/** Hash of when a job is due: its schedule, with the zone that counts where it names none. */
export function scheduleHash({ schedule }: Job, defaultZone: string): string {
  const usesZone = schedule.kind === "cron" || schedule.blackout !== undefined;
  const zone = schedule.tz ?? (usesZone ? defaultZone : undefined);
  return createHash("sha256")
    .update(stableJson([schedule, zone]))
    .digest("hex")
    .slice(0, 32);
}

function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
