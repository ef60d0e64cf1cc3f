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

interface State {
  trouble: string;
  times: number;
}

export function createRepeats(): Repeats {
  const troubles = new Map<string, State>();
  /** Starts of runs whose job is in trouble: told only if the run ends otherwise. */
  const begun = new Map<string, LogEntry>();
  return {
    take(entry) {
      const { job, event, runId } = entry;
      if (job === undefined) return [entry];
      if (event === "run_started") {
        if (!troubles.has(job) || runId === undefined) return [entry];
        begun.set(job, entry);
        return [];
      }
      if (entry.trouble === undefined && event !== "run_finished") return [...release(begun, job), entry];
      const known = troubles.get(job);
      if (entry.trouble === undefined) {
        const held = release(begun, job);
        troubles.delete(job);
        return known === undefined || known.times === 1 ? [...held, entry] : [...held, after(entry, known.times)];
      }
      if (known?.trouble !== entry.trouble) {
        if (troubles.size >= mostJobs) troubles.clear();
        troubles.set(job, { trouble: entry.trouble, times: 1 });
        return [...release(begun, job), entry];
      }
      known.times++;
      begun.delete(job);
      return isRound(known.times) ? [{ ...entry, text: `${entry.text} (for the ${known.times}th time in a row)` }] : [];
    },
  };
}

function release(begun: Map<string, LogEntry>, job: string): LogEntry[] {
  const held = begun.get(job);
  begun.delete(job);
  return held === undefined ? [] : [held];
}

function after(entry: LogEntry, times: number): LogEntry {
  return { ...entry, text: `${entry.text} (after ${times} times the same trouble)` };
}

function isRound(times: number): boolean {
  return /^10+$/.test(String(times));
}
