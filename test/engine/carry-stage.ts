/** A run under the scheduler without one: a real ledger, a turn that does what its script says, and a clock that jumps to the end of each wait. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Clock } from "../../src/engine/clock.ts";
import { createEngine, type CarriedOn, type CarryOnRequest, type Engine, type RunCarrier } from "../../src/engine/engine.ts";
import type { RunEvent } from "../../src/engine/events.ts";
import { thisOwner } from "../../src/engine/owner.ts";
import type { EngineParts } from "../../src/engine/parts.ts";
import { createBudget } from "../../src/gateway/budget.ts";
import type { Gateway, Grant } from "../../src/gateway/gateway.ts";
import type { Job } from "../../src/job/job.ts";
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger, RunDetail, RunRow, SlotClaim } from "../../src/ledger/ledger.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import type { Turn, TurnHooks, TurnResult, TurnSpec } from "../../src/turn/turn.ts";
import { limits } from "../gateway/stage.ts";
import { engineParts } from "./parts.ts";

export const slotAt = Date.UTC(2026, 10, 25, 8);
const meter = () => ({ tokens: 0 });

interface HandClock extends Clock {
  set(at: number): void;
}

/** Sleeps end at once and move the time; those of the heartbeat and of the look for requests never do. */
function handClock(): HandClock {
  let now = slotAt;
  return {
    now: () => now,
    monotonic: () => now - slotAt + 5_000,
    set(at) {
      now = at;
    },
    sleep(ms, signal) {
      if (ms === 10_000 || ms === 1_000)
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }));
      now += ms;
      return Promise.resolve();
    },
  };
}

export const answered: TurnResult = { status: "answered", text: "all is well", stopReason: "end_turn", model: "m", toolRuns: 0 };
export const died = (fault: Extract<TurnResult, { status: "failed" }>["fault"], toolRuns = 0): TurnResult => ({
  status: "failed",
  fault,
  error: `it failed: ${fault}`,
  toolRuns,
});

/** As a turn whose one call the gateway gave up, because a provider named a time. */
export function refusedFor(ms: number, fault: "rate_limit" | "quota_window" | "overloaded" = "quota_window"): Act {
  return async (_spec, _hooks, clock, grant) => {
    await grant.observer.callStarted({ call: 1, dialect: "anthropic-messages", modelAsked: "p/m", stream: false });
    const failure = { fault, why: "the provider named a time", last: undefined, retryAfterMs: ms };
    await grant.observer.callFinished({ call: 1, httpStatus: 429, failure });
    return died(fault);
  };
}

export type Act = (spec: TurnSpec, hooks: TurnHooks, clock: HandClock, grant: Grant) => Promise<TurnResult> | TurnResult;

function claimOf({ id, name }: Job, runId: string, startedAt: number): SlotClaim {
  const run = { runId, jobId: id, jobName: name, trigger: "slot", slotAt, startedAt, payloadKind: "agentTurn" } as const;
  return { ...run, owner: thisOwner(), simulated: false, modelAsked: "p/m", jobHash: "hash" };
}

export interface Stage {
  readonly ledger: Ledger;
  readonly engine: Engine & RunCarrier;
  readonly clock: HandClock;
  readonly events: RunEvent[];
  readonly specs: TurnSpec[];
  readonly job: Job;
  /** Claims the slot; its row. */
  claim(runId: string, own?: Partial<SlotClaim>): Promise<RunRow>;
  detail(runId: string): Promise<RunDetail>;
  carryOn(runId: string, request?: Partial<CarryOnRequest>): Promise<CarriedOn>;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly acts: readonly Act[];
  readonly job?: Partial<Job>;
  readonly parts?: (clock: HandClock) => Partial<EngineParts>;
}

export async function openStage({ acts, job: given, parts: more }: StageOptions): Promise<Stage> {
  const stateDir = await mkdtemp(path.join(tmpdir(), "runner-carry-"));
  const ledger = await openLedger({ stateDir });
  const clock = handClock();
  const events: RunEvent[] = [];
  const specs: TurnSpec[] = [];
  const script = [...acts];
  const grants: Grant[] = [];
  const gateway: Gateway = {
    url: "http://127.0.0.1:1",
    open(grant) {
      grants.push(grant);
      return { token: "token", toolRuns: () => 0, close: () => {} };
    },
    connect: () => {},
    close: () => Promise.resolve(),
  };
  const turn: Turn = {
    kind: "agentTurn",
    request: () => ({}),
    environment: () => ({}),
    async run(spec, hooks) {
      specs.push(spec);
      const act = script.shift();
      if (act === undefined) throw new Error("the script has come to its end");
      clock.set(clock.now() + 1_000);
      if (typeof spec.gateway === "function") await spec.gateway();
      const grant = grants.at(-1);
      if (grant === undefined) throw new Error("the door was not opened");
      const result = await act(spec, hooks, clock, grant);
      return { result, cleanup: { killed: 0, confirmed: true } };
    },
  };
  const parts = engineParts({
    ledger,
    gateway: () => Promise.resolve(gateway),
    turns: new Map([["agentTurn", turn]]),
    clock,
    random: () => 0.5,
    meter,
    openBudget: (budget, ranMs) => createBudget(budget, { meter, ranMs, monotonic: () => clock.monotonic() }),
    ...more?.(clock),
  });
  const engine = createEngine(parts);
  const job: Job = {
    id: "job",
    name: "job",
    enabled: true,
    schedule: { kind: "every", everyMs: 86_400_000 },
    payload: { kind: "agentTurn", message: "hi", model: "p/m", fallbacks: [], stream: false, maxTokens: 100 },
    retry: { ...standardRetry, maxAttempts: 4, delayMs: 7_000, jitter: 0.25, set: ["delay"] },
    limits: {
      ...limits,
      attemptMs: 1_800_000,
      runMs: 3_600_000,
      maxWaitMs: 600_000,
      deferMs: 86_400_000,
      outputBytes: 1_000_000,
    },
    idempotent: false,
    source: { file: "job.json", line: 1 },
    ...given,
  };
  const detail = async (runId: string): Promise<RunDetail> => {
    const found = await ledger.run(runId);
    if (found === undefined || "ambiguous" in found) throw new Error(`run ${runId} is not there`);
    return found;
  };
  return {
    ledger,
    engine,
    clock,
    events,
    specs,
    job,
    detail,
    async claim(runId, own = {}) {
      const [claimed] = await ledger.claimSlots([{ ...claimOf(job, runId, clock.now()), ...own }]);
      if (claimed?.won !== true) throw new Error(`the slot is not free: ${JSON.stringify(claimed)}`);
      return (await detail(runId)).run;
    },
    async carryOn(runId, request) {
      const { run } = await detail(runId);
      const signal = new AbortController().signal;
      return engine.carryOn(job, run, {
        signal,
        listen: (event) => events.push(event),
        mayWaitUntil: () => slotAt + 86_400_000,
        ...request,
      });
    },
    async close() {
      await ledger.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
