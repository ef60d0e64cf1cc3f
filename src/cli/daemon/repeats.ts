/**
 * Says the same trouble of a job once, and then at the 10th, the 100th, the 1,000th time, so that a minutely job without a key does not fill
 * a log with its 1,440 lines a day. The ledger has every one of them. Pure.
 */
import type { LogEntry } from "./log-entry.ts";

export interface Repeats {
  /** The entries to write for this one: none, it, or it with what was held back. */
  take(entry: LogEntry): readonly LogEntry[];
}

/** Of a job that is gone a trouble is kept until this many jobs are known; then all is forgotten, and told once more. */
const mostJobs = 100_000;

interface Trouble {
  readonly trouble: string;
  times: number;
}

/** Of a job: how its runs end, and what becomes of its slots that get no run. The one says nothing of the other. */
interface Troubles {
  ends?: Trouble;
  slots?: Trouble;
}

export function createRepeats(): Repeats {
  const jobs = new Map<string, Troubles>();
  /** Starts of runs whose job is in trouble: told only if the run ends otherwise. */
  const begun = new Map<string, LogEntry>();
  const heldBack = (job: string): LogEntry[] => {
    const held = begun.get(job);
    begun.delete(job);
    return held === undefined ? [] : [held];
  };
  const troublesOf = (job: string): Troubles => {
    const known = jobs.get(job);
    if (known !== undefined) return known;
    if (jobs.size >= mostJobs) jobs.clear();
    const none: Troubles = {};
    jobs.set(job, none);
    return none;
  };
  return {
    take(entry) {
      const { job, event, runId, trouble } = entry;
      if (job === undefined) return [entry];
      if (event === "run_started") {
        if (jobs.get(job)?.ends === undefined || runId === undefined) return [entry];
        begun.set(job, entry);
        return [];
      }
      if (trouble === undefined) {
        if (event !== "run_finished") return [...heldBack(job), entry];
        // It is well again, and so what comes after it is news.
        const { times = 1 } = jobs.get(job)?.ends ?? {};
        jobs.delete(job);
        return [...heldBack(job), times === 1 ? entry : after(entry, times)];
      }
      const track = event === "run_finished" ? "ends" : "slots";
      const known = troublesOf(job)[track];
      if (known?.trouble !== trouble) {
        troublesOf(job)[track] = { trouble, times: 1 };
        return track === "ends" ? [...heldBack(job), entry] : [entry];
      }
      known.times++;
      if (track === "ends") begun.delete(job);
      return isRound(known.times) ? [{ ...entry, text: `${entry.text} (for the ${known.times}th time in a row)` }] : [];
    },
  };
}

function after(entry: LogEntry, times: number): LogEntry {
  return { ...entry, text: `${entry.text} (after ${times} times the same trouble)` };
}

function isRound(times: number): boolean {
  return /^10+$/.test(String(times));
}
