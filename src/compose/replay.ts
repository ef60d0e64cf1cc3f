/** `runner replay`: the recorded streams of a run through today's proof. Nothing is sent and nothing is written. */
import type { LedgerReader, RecordingRow, RunDetail, TryRow } from "../ledger/ledger.ts";
import { recordedBody, replayRecording } from "../provider/recorded.ts";

/** How a try came out. */
export interface Verdict {
  readonly outcome: "clean" | "repaired" | "refused";
  /** Codes of the repairs, in order; of a refused stream its reason. */
  readonly why: readonly string[];
  /** In words, of a refused one. */
  readonly message?: string;
}

export interface ReplayedTry {
  readonly attempt: number;
  readonly call: number;
  readonly try: number;
  /** `provider/model`. */
  readonly model: string;
  readonly stream: boolean;
  readonly was: Verdict;
  /** Absent where nothing was recorded: no body came, or the job records nothing. */
  readonly now?: Verdict;
  /** The same outcome for the same reason. */
  readonly same: boolean;
}

/** Every try of the run, in order. */
export async function replayRun(ledger: LedgerReader, { run, tries }: RunDetail): Promise<ReplayedTry[]> {
  const recordings = await ledger.recordings(run.runId);
  return tries.map((one) => {
    const recording = recordings.find((row) => row.attempt === one.attempt && row.call === one.call && row.try === one.try);
    const was = verdictThen(one);
    const now = recording === undefined ? undefined : verdictNow(recording);
    const { attempt, call, stream } = one;
    const told = { attempt, call, try: one.try, model: `${one.provider}/${one.model}`, stream, was };
    if (now === undefined) return { ...told, same: true };
    return { ...told, now, same: now.outcome === was.outcome && String(now.why) === String(was.why) };
  });
}

function verdictThen({ status, repairs, fault, reason, error }: TryRow): Verdict {
  if (status !== "answered")
    return { outcome: "refused", why: [reason ?? fault ?? "unknown"], ...(error === undefined ? {} : { message: error }) };
  return { outcome: repairs.length > 0 ? "repaired" : "clean", why: repairs.map(({ code }) => code) };
}

function verdictNow(recording: RecordingRow): Verdict {
  try {
    const { dialect } = recordedBody(recording);
    const { outcome, repairs, error } = replayRecording(recording, dialect);
    if (error !== undefined) return { outcome, why: [error.reason], message: error.message };
    return { outcome, why: repairs.map(({ code }) => code) };
  } catch (error) {
    return { outcome: "refused", why: ["unreadable"], message: error instanceof Error ? error.message : String(error) };
  }
}
