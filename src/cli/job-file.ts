/** A resolved job as a job file: everything that it says, in the words of docs/jobs.md, so that reading it gives the same job. Pure. */
import { formatDuration } from "../job/duration.ts";
import type { Blackout, Budget, CatchUp, Expectations, Gate, Job, JobLimits, RetryPolicy, Schedule } from "../job/job.ts";
import { asWritten } from "./written-job.ts";

type Written = Readonly<Record<string, unknown>>;

/**
 * Limits are written out, so that another version's defaults change nothing. Left out is what the job leaves to others, or what follows
 * from another value beside it. `undefined` stands for what is not said; JSON and YAML leave it out.
 */
export function jobFile(job: Job): Written {
  const { schedule, catchUp, overlap, group, gate, expect, quiet, limits, budget, retry, payload, onRateLimit, record } = job;
  const { payload: written, retry: _retry, ...rest } = asWritten(job);
  return {
    ...rest,
    schedule: scheduleFile(schedule),
    catchUp: catchUp === undefined ? undefined : catchUpFile(catchUp),
    overlap,
    group,
    payload: { ...asRecord(written), timeoutSeconds: limits.attemptMs / 1_000 },
    retry: retryFile(retry),
    limits: limitsFile(limits, budget, payload.kind),
    gate: gate === undefined ? undefined : timedCommand(gate),
    expect: expect === undefined ? undefined : expectFile(expect),
    quiet,
    onRateLimit,
    record,
  };
}

function asRecord(value: unknown): Written {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function scheduleFile({ startAt, endAt, blackout, ...rule }: Schedule): Written | undefined {
  if (rule.kind === "manual" && rule.tz === undefined) return undefined;
  return {
    ...rule,
    startAt: startAt === undefined ? undefined : new Date(startAt).toISOString(),
    endAt: endAt === undefined ? undefined : new Date(endAt).toISOString(),
    blackout: blackout?.map(blackoutText),
  };
}

const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

function blackoutText(blackout: Blackout): string {
  if (blackout.kind === "span") return `${blackout.from}..${blackout.to}`;
  const { fromMinute, toMinute, days } = blackout;
  const named = days?.map((day) => weekdays[day]).join(",") ?? "";
  return `${named} ${time(fromMinute)}-${toMinute === 0 ? "24:00" : time(toMinute)}`.trim();
}

function time(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}

function catchUpFile({ policy, maxAgeMs, max }: CatchUp): Written {
  return { policy, maxAge: maxAgeMs === undefined ? undefined : formatDuration(maxAgeMs), max };
}

/** A wait that the job did not set itself suits the fault, and must stay unset. */
function retryFile({ maxAttempts, delayMs, factor, maxDelayMs, jitter, set, declared = false }: RetryPolicy): Written {
  return {
    maxAttempts,
    delay: set.includes("delay") ? formatDuration(delayMs) : undefined,
    factor: set.includes("factor") ? factor : undefined,
    maxDelay: set.includes("maxDelay") ? formatDuration(maxDelayMs) : undefined,
    jitter,
    declared,
  };
}

function limitsFile(limits: JobLimits, budget: Budget = {}, kind: Job["payload"]["kind"]): Written {
  const { tokens, usd, calls, turns, ms } = budget;
  const asked = kind === "agentTurn";
  return {
    ...(asked
      ? {
          firstByte: formatDuration(limits.firstByteMs),
          idle: formatDuration(limits.idleMs),
          try: formatDuration(limits.tryMs),
          call: formatDuration(limits.callMs),
          maxWait: formatDuration(limits.maxWaitMs),
          triesPerCall: limits.triesPerCall,
          callsPerAttempt: limits.callsPerAttempt,
        }
      : {}),
    run: formatDuration(limits.runMs),
    defer: formatDuration(limits.deferMs),
    outputBytes: limits.outputBytes,
    tokens,
    usd,
    calls,
    turns,
    seconds: ms === undefined ? undefined : ms / 1_000,
  };
}

function timedCommand({ argv, timeoutMs }: Gate): Written {
  return { command: argv, timeout: formatDuration(timeoutMs) };
}

function expectFile({ command, files, ...rest }: Expectations): Written {
  return { ...rest, files, command: command === undefined ? undefined : timedCommand(command) };
}
