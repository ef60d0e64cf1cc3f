/** Records for the ledger's tests and benchmark: whole ones, of which a test names only what it is about. */
import type {
  AttemptStart,
  BeginRun,
  CallStart,
  Leader,
  Ledger,
  Owner,
  RunFinish,
  RunStart,
  SlotClaim,
  SlotRange,
  ToolFinish,
  ToolStart,
  TryFinish,
  TryStart,
} from "../../src/ledger/ledger.ts";

export const owner: Owner = {
  pid: 4711,
  startedAt: "1234567",
  bootId: "6f0c8bd2-boot",
  pidNamespace: "4026531836",
  host: "test-host",
};

export function runStart(facts: Partial<RunStart> & Pick<RunStart, "runId">): RunStart {
  return {
    jobId: "job",
    jobName: "fpl-daily-check",
    trigger: "manual",
    startedAt: 10,
    owner,
    leaseUntil: 40,
    modelAsked: "kimi-coding/k2p5",
    simulated: false,
    jobHash: "0123456789abcdef",
    payloadKind: "agentTurn",
    ...facts,
  };
}

/** A claim of slot 1000, by default. */
export function slotClaim(facts: Partial<SlotClaim> & Pick<SlotClaim, "runId">): SlotClaim {
  const { leaseUntil: _none, ...start } = runStart({ runId: facts.runId });
  return { ...start, trigger: "slot", slotAt: 1000, ...facts };
}

export function beginning(facts: Partial<BeginRun> = {}): BeginRun {
  return { owner, leaseUntil: 3000, at: 2000, modelAsked: "kimi-coding/k2p5", jobHash: "0123456789abcdef", ...facts };
}

/** Slots 1000, 2000 and 3000, by default. */
export function slotRange(facts: Partial<SlotRange> & Pick<SlotRange, "runId">): SlotRange {
  return {
    jobId: "job",
    jobName: "fpl-daily-check",
    status: "missed",
    from: 1000,
    to: 3000,
    slots: 3,
    reason: "nobody was there",
    recordedAt: 9000,
    owner,
    jobHash: "0123456789abcdef",
    ...facts,
  };
}

export function leadership(facts: Partial<Leader> = {}): Leader {
  return {
    owner,
    startedAt: 100,
    seenAt: 200,
    leaseUntil: 300,
    version: "0.4.0",
    report: { projectDir: "/project", zone: "UTC", jobs: 3, running: 1, queued: 0, state: "running", problems: [] },
    ...facts,
  };
}

export function runFinish(facts: Partial<RunFinish> = {}): RunFinish {
  return { status: "succeeded", finishedAt: 90, reason: "the turn ended well", exitCode: 0, usage: {}, ...facts };
}

export function attemptStart(facts: Partial<AttemptStart> & Pick<AttemptStart, "runId">): AttemptStart {
  return { attempt: 1, startedAt: 11, sessionId: "session-1", why: "first attempt", ...facts };
}

export function callStart(facts: Partial<CallStart> & Pick<CallStart, "runId">): CallStart {
  return {
    attempt: 1,
    call: 1,
    startedAt: 12,
    dialect: "anthropic-messages",
    modelAsked: "kimi-coding/k2p5",
    stream: true,
    ...facts,
  };
}

export function tryStart(facts: Partial<TryStart> & Pick<TryStart, "runId">): TryStart {
  return {
    attempt: 1,
    call: 1,
    try: 1,
    startedAt: 13,
    provider: "kimi-coding",
    model: "k2p5",
    stream: true,
    why: "first try",
    waitedMs: 0,
    ...facts,
  };
}

export function tryFinish(facts: Partial<TryFinish> = {}): TryFinish {
  return { finishedAt: 40, status: "answered", usage: {}, repairs: [], ...facts };
}

export function toolStart(facts: Partial<ToolStart> & Pick<ToolStart, "runId">): ToolStart {
  return { attempt: 1, tool: 1, call: 1, startedAt: 45, name: "send_mail", grant: "mcp:mail", input: '{"to":"a"}', ...facts };
}

export function toolFinish(facts: Partial<ToolFinish> = {}): ToolFinish {
  return { finishedAt: 48, status: "succeeded", outputBytes: 12, ...facts };
}

/** The ids of the runs that have no end. */
export async function openRuns(ledger: Pick<Ledger, "history">): Promise<readonly string[]> {
  return (await ledger.history({ limit: 10_000 })).filter((run) => run.status === "running").map((run) => run.runId);
}

/** A run that is under way: one attempt, one call, one try, all of them open. */
export async function underWay(ledger: Ledger, runId: string, jobId = "job"): Promise<void> {
  await ledger.claimRun(runStart({ runId, jobId }));
  await ledger.startAttempt(attemptStart({ runId }));
  await ledger.startCall(callStart({ runId }));
  await ledger.startTry(tryStart({ runId }));
}
