/** Which rungs a call may try next, in the order of preference, and which its history has closed. Pure. */
import { faultPolicies } from "./fault.ts";
import { currentLap, isSameAccount, told, type QuotaOf, type TryRecord } from "./history.ts";
import { isSameModel, isSameRung, modelName, type Rung } from "./ladder.ts";

/** How often `x-should-retry: true` gets a rung another try that the table would not give; the default of both official SDKs. */
const retriesOnDemand = 2;

export interface Candidate {
  readonly rung: Rung;
  readonly why: string;
}

/** Every rung that may be tried now, in the order of preference. */
export function candidates(
  history: readonly TryRecord[],
  last: TryRecord,
  ladder: readonly Rung[],
  quotaOf?: QuotaOf,
): readonly Candidate[] {
  const repeats = mayRepeat(history, last) && (last.shouldRetry === true || !isGivenUpStreamed(last.rung, history, ladder));
  const again: readonly Candidate[] = repeats ? [{ rung: last.rung, why: `same rung again after ${told(last)}` }] : [];
  if (faultPolicies[last.fault].onward === "stop" && !refusesStreamOff(last, history, ladder)) return again;
  const open = ladder.filter((rung) => !isClosed(rung, history, ladder, quotaOf));
  const lap = currentLap(history);
  const ahead: Candidate[] = [];
  const fromTheTop: Candidate[] = [];
  for (const rung of open) {
    const ever = history.findLast((record) => isSameModel(record.rung, rung) && !refusesStreamOff(record, history, ladder));
    const inLap = lap.findLast((record) => isSameModel(record.rung, rung));
    const passes = ever === undefined || faultPolicies[ever.fault].startOver;
    if (ever !== undefined && passes)
      fromTheTop.push({ rung, why: `every rung was used; from the top again after ${told(last)}` });
    if (lap.some((record) => isSameRung(record.rung, rung))) continue;
    if (inLap === undefined) {
      if (passes) ahead.push({ rung, why: `next model after ${told(last)} on ${modelName(last.rung)}` });
    } else if (!rung.stream && faultPolicies[inLap.fault].streamOff)
      ahead.push({ rung, why: `streaming off after ${told(inLap)}` });
    else if (rung.stream && inLap.fault === "bad_request")
      ahead.push({ rung, why: "streamed, because streaming off was refused" });
  }
  return [...again, ...ahead, ...fromTheTop];
}

/** Whether the rung that just failed may be tried once more right away (after its wait). */
function mayRepeat(history: readonly TryRecord[], last: TryRecord): boolean {
  if (last.shouldRetry === false) return false;
  if (last.shouldRetry === true) {
    const demanded = history.filter((record) => record.shouldRetry === true && isSameRung(record.rung, last.rung));
    if (demanded.length <= retriesOnDemand) return true;
  }
  if (last.fault === "quota_window" && last.retryAfterMs === undefined) return false;
  const lap = currentLap(history);
  const onModel = lap.filter((record) => isSameModel(record.rung, last.rung));
  // The same protocol error twice on one model is the model's way of answering, not an accident.
  if (
    last.reason !== undefined &&
    faultPolicies[last.fault].streamOff &&
    onModel.filter((record) => record.reason === last.reason).length > 1
  ) {
    return false;
  }
  const tries = (last.fault === "quota_window" ? history : lap).filter((record) => isSameRung(record.rung, last.rung)).length;
  return tries <= faultPolicies[last.fault].sameRung;
}

/**
 * Some providers serve a model streamed only and answer a request without streaming with a 400. That says nothing against the request,
 * as long as the streamed rung was not refused as well.
 */
function refusesStreamOff(record: TryRecord, history: readonly TryRecord[], ladder: readonly Rung[]): boolean {
  const streamed = (rung: Rung): boolean => rung.stream && isSameModel(rung, record.rung);
  return (
    record.fault === "bad_request" &&
    !record.rung.stream &&
    ladder.some(streamed) &&
    !history.some((other) => streamed(other.rung) && other.fault === "bad_request")
  );
}

/** Whether the history rules the rung out for the rest of the call. */
function isClosed(rung: Rung, history: readonly TryRecord[], ladder: readonly Rung[], quotaOf: QuotaOf | undefined): boolean {
  const last = history.at(-1);
  return (
    history.some((record) => closes(record, record === last && mayRepeat(history, record), rung, history, ladder, quotaOf)) ||
    isGivenUpStreamed(rung, history, ladder)
  );
}

function closes(
  record: TryRecord,
  repeats: boolean,
  rung: Rung,
  history: readonly TryRecord[],
  ladder: readonly Rung[],
  quotaOf: QuotaOf | undefined,
): boolean {
  if (record.shouldRetry === false && isSameModel(record.rung, rung)) return true;
  if (refusesStreamOff(record, history, ladder)) return isSameRung(record.rung, rung);
  // A repetition that the provider asked for, or a plan's window that is about to open, closes nothing yet.
  const later =
    history.at(-1) !== record && history.slice(history.indexOf(record) + 1).some((next) => isSameRung(next.rung, record.rung));
  if (repeats || later) return false;
  const { onward } = faultPolicies[record.fault];
  if (onward === "other_provider") return isSameAccount(record.fault, record.rung, rung, quotaOf);
  return onward !== "next_model" && isSameModel(record.rung, rung);
}

/** A stream that came out of order once, or failed twice, is left for good if the same model can be asked without streaming. */
export function isGivenUpStreamed(rung: Rung, history: readonly TryRecord[], ladder: readonly Rung[]): boolean {
  if (!rung.stream) return false;
  const off: Rung = { provider: rung.provider, model: rung.model, stream: false };
  if (!ladder.some((other) => isSameRung(other, off))) return false;
  if (history.some((record) => isSameRung(record.rung, off) && record.fault === "bad_request")) return false;
  const broken = history.filter((record) => isSameRung(record.rung, rung) && faultPolicies[record.fault].streamOff);
  return broken.length > 1 || broken.some((record) => faultPolicies[record.fault].sameRung === 0);
}
