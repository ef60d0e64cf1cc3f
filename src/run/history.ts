/** What has happened in a call so far, as the next step needs it. Pure. */
import type { Fault } from "../errors.ts";
import { faultPolicies } from "./fault.ts";
import { isSameModel, isSameRung, type Rung } from "./ladder.ts";

/** The name of the quota (key or plan) that a provider's models share. Two providers of one quota are told "later" together. */
export type QuotaOf = (provider: string) => string;

const ownQuota: QuotaOf = (provider) => provider;

/** Whether a fault of one rung is the other's as well: the same model's, or, by the fault's row, of the same key, plan or address. */
export function isShared(fault: Fault, one: Rung, other: Rung, quotaOf: QuotaOf = ownQuota): boolean {
  return faultPolicies[fault].cools === "model" ? isSameModel(one, other) : isSameAccount(fault, one, other, quotaOf);
}

/** Of one address, for a fault of the network; else of one quota. */
export function isSameAccount(fault: Fault, one: Rung, other: Rung, quotaOf: QuotaOf = ownQuota): boolean {
  return one.provider === other.provider || (fault !== "network" && quotaOf(one.provider) === quotaOf(other.provider));
}

/** One failed try of a call. Times are milliseconds of one clock that only grows. */
export interface TryRecord {
  readonly rung: Rung;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly fault: Fault;
  /** The finer reason: a stream's, or the provider's own code. */
  readonly reason?: string | undefined;
  /** The least wait the provider asked for, counted from `endedAt`. */
  readonly retryAfterMs?: number | undefined;
  /** `x-should-retry`; overrides the table. */
  readonly shouldRetry?: boolean | undefined;
}

/** Most characters of a reason that are told. */
const longestReason = 100;

/** The fault of a try and, if it is known, the finer reason: a provider's word, so on one line and never long. */
export function told(record: TryRecord): string {
  const reason = (record.reason ?? "")
    .slice(0, longestReason)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069\s]+/gu, " ")
    .trim();
  return reason === "" ? record.fault : `${record.fault} (${reason})`;
}

/** The tries since the ladder was last started over: a rung that had been left is tried again. */
export function currentLap(history: readonly TryRecord[]): readonly TryRecord[] {
  let start = 0;
  for (let at = 1; at < history.length; at++) {
    const rung = history[at]?.rung;
    const before = history[at - 1]?.rung;
    if (rung === undefined || before === undefined || isSameRung(rung, before)) continue;
    if (history.slice(start, at).some((record) => isSameRung(record.rung, rung))) start = at;
  }
  return history.slice(start);
}
