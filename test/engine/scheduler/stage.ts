/**
 * A machine for the scheduler's tests: its clocks, its ledger (a real one), and processes that can be started and killed. Runs are carried
 * by a carrier that does what the test says, against the real ledger.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { CarriedOn, CarryOnRequest, RunCarrier } from "../../../src/engine/engine.ts";
import { leaseMs } from "../../../src/engine/lease.ts";
import type { RunOutcome } from "../../../src/engine/outcome.ts";
import type { OwnerState } from "../../../src/engine/owner.ts";
import type { SchedulerEvent } from "../../../src/engine/scheduler-events.ts";
import type { Scheduler, SchedulerEnd, SchedulerParts, SchedulerSettings } from "../../../src/engine/scheduler-parts.ts";
import { createScheduler } from "../../../src/engine/scheduler.ts";
import { Stopped } from "../../../src/engine/stopped.ts";
import { standardRetry } from "../../../src/run/backoff.ts";
import type { Job, Schedule } from "../../../src/job/job.ts";
import { openLedger } from "../../../src/ledger/index.ts";
import type { Ledger, Owner, RunRow, Wait } from "../../../src/ledger/ledger.ts";
import type { RunEnding } from "../../../src/run/run.ts";
import { limits } from "../../gateway/stage.ts";
import { FakeClock } from "./fake-clock.ts";

export const settings: SchedulerSettings = {
  maxRuns: 8,
  groups: new Map(),
  providers: new Map(),
  startsPerSecond: 1_000,
  catchUpsPerSecond: 1_000,
  shutdownGraceMs: 20_000,
  killGraceMs: 5_000,
};

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** A job that runs at these times; the rest is whatever. */
export function job(id: string, schedule: string | Schedule, more: Partial<Job> = {}): Job {
  return {
    id,
    name: id,
    enabled: true,
    schedule: typeof schedule === "string" ? { kind: "cron", expr: schedule, tz: "UTC" } : schedule,
    payload: { kind: "agentTurn", message: "m", stream: "auto", maxTokens: 100 },
    retry: standardRetry,
    limits: { ...limits, attemptMs: hour, runMs: hour, outputBytes: 1_000, deferMs: day },
    idempotent: false,
    source: { file: `${id}.json`, line: 1 },
    ...more,
  };
}

/** How a run goes: by itself after so long, or only when it is told. */
export type Play = (
  run: RunRow,
  job: Job,
) => { readonly afterMs?: number; readonly status?: RunEnding; readonly wait?: Omit<Wait, "since"> };

interface Carried {
  readonly run: RunRow;
  readonly job: Job;
  readonly request: CarryOnRequest;
  readonly end: (status: RunEnding) => Promise<void>;
  readonly park: (untilMs: number, kind?: Wait["kind"]) => Promise<void>;
  /** It was asked to end and has not, yet. */
  readonly stubborn: { value: boolean };
}

export class Machine {
  readonly clock: FakeClock;
  readonly folder = mkdtempSync(path.join(tmpdir(), "runner-scheduler-"));
  readonly processes: Process[] = [];
  /** Process ids that live. */
  readonly alive = new Set<number>();
  /** Process ids that cannot be seen: they are in another container. */
  readonly elsewhere = new Set<number>();
  /** Every process tree that was ended, by run id. */
  readonly swept: string[] = [];
  /** Every begin of a run, as job and slot: what must not happen twice. */
  readonly begun: {
    readonly jobId: string;
    readonly runId: string;
    readonly slotAt: number | undefined;
    readonly trigger: string;
    readonly at: number;
  }[] = [];
  boot = "boot-1";
  /** The start of the container that its processes are in. */
  container: string | undefined;
  /** What the configuration says: part of the fingerprint of a schedule that names none. */
  zone = "UTC";
  #pid = 100;

  constructor(at: string | number) {
    this.clock = new FakeClock(at);
  }

  owner(): Owner {
    this.#pid += 1;
    const pid = this.#pid;
    this.alive.add(pid);
    return { pid, startedAt: `s${pid}`, bootId: this.boot, pidNamespace: "1", host: "box" };
  }

  stateOf(owner: Owner): OwnerState {
    if (this.elsewhere.has(owner.pid)) return "elsewhere";
    return this.alive.has(owner.pid) ? "alive" : "dead";
  }

  async start(jobs: readonly Job[], facts: Partial<Facts> = {}): Promise<Process> {
    const process = await Process.start(this, jobs, facts);
    this.processes.push(process);
    return process;
  }

  /** Another process's view of the ledger. */
  ledger(): Promise<Ledger> {
    return openLedger({ stateDir: this.folder });
  }

  /** Every run of a job, oldest slot first, as `08:00 succeeded` or `08:10-08:50×5 missed`. */
  async story(jobId?: string): Promise<string[]> {
    const ledger = await this.ledger();
    const rows = await ledger.history({ ...(jobId === undefined ? {} : { jobId }), limit: 1_000 });
    await ledger.close();
    return rows.toSorted((a, b) => beginOf(a) - beginOf(b) || (a.trigger === "retry" ? 1 : -1)).map(inShort);
  }

  async rows(jobId?: string): Promise<readonly RunRow[]> {
    const ledger = await this.ledger();
    const rows = await ledger.history({ ...(jobId === undefined ? {} : { jobId }), limit: 5_000 });
    await ledger.close();
    return rows.toReversed();
  }

  async close(): Promise<void> {
    for (const process of this.processes) await process.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function beginOf(row: RunRow): number {
  return row.slotFrom ?? row.slotAt ?? row.scheduledFor ?? row.startedAt;
}

function clockText(at: number): string {
  return new Date(at).toISOString().slice(11, at % minute === 0 ? 16 : 19);
}

function inShort(row: RunRow): string {
  const { slotAt, slotFrom, slots = 1, status, trigger } = row;
  const when = slotAt === undefined ? trigger : clockText(slotAt);
  return `${slotFrom === undefined || slots === 1 ? when : `${clockText(slotFrom)}-${when}×${slots}`} ${status}`;
}

interface Facts {
  readonly settled: (jobs: number) => void;
  readonly settings: Partial<SchedulerSettings>;
  readonly play: Play;
  readonly complete: boolean;
  readonly once: boolean;
  readonly random: () => number;
  readonly providersOf: SchedulerParts["providersOf"];
  readonly sweep: (runId: string) => Promise<boolean>;
  /** Stands before the ledger: throws, where it is to fail. */
  readonly fail: (method: string, args: readonly unknown[], process: Process) => void;
  readonly owner: Owner;
  readonly projectDir: string;
  /** It dies at its so many-th call of the ledger: just before it if that is even, else just after it. */
  readonly diesAt: number;
}

export class Process {
  readonly machine: Machine;
  readonly owner: Owner;
  readonly events: SchedulerEvent[] = [];
  readonly carried: Carried[] = [];
  readonly stop = new AbortController();
  readonly now = new AbortController();
  scheduler!: Scheduler;
  ledger!: Ledger;
  ended: Promise<SchedulerEnd> | undefined;
  #dead = false;
  #calls = 0;
  #diesAt = -1;
  readonly #play: Play;

  private constructor(machine: Machine, play: Play, owner: Owner) {
    this.machine = machine;
    this.#play = play;
    this.owner = owner;
  }

  static async start(machine: Machine, jobs: readonly Job[], facts: Partial<Facts>): Promise<Process> {
    const process = new Process(machine, facts.play ?? (() => ({ afterMs: 1_000 })), facts.owner ?? machine.owner());
    process.ledger = await machine.ledger();
    const ledger = process.#mortal(process.ledger, facts);
    const parts: SchedulerParts = {
      ledger,
      carrier: process.#carrier(ledger),
      clock: {
        now: () => machine.clock.now(),
        monotonic: () => machine.clock.monotonic(),
        sinceBoot: () => machine.clock.sinceBoot(),
        sleep: (ms, signal) => (process.#dead ? new Promise(() => {}) : machine.clock.sleep(ms, signal)),
      },
      random: facts.random ?? (() => 0),
      owner: process.owner,
      containerBoot: machine.container,
      ownerState: (owner) => machine.stateOf(owner),
      sweep:
        facts.sweep ??
        (async (runId) => {
          machine.swept.push(runId);
          return true;
        }),
      settings: { ...settings, ...facts.settings },
      zone: "UTC",
      projectDir: facts.projectDir ?? "/project",
      version: "1",
      hash: (one) => hashOf({ ...one, source: undefined }),
      scheduleHash: ({ schedule }) => hashOf([schedule, "tz" in schedule ? schedule.tz : machine.zone]),
      providersOf: facts.providersOf ?? (() => []),
      modelOf: () => "kimi/k2",
      simulated: false,
      ...(facts.settled === undefined ? {} : { settled: facts.settled }),
      listen: (event) => process.events.push(event),
    };
    process.scheduler = createScheduler(parts);
    await process.scheduler.replaceJobs(jobs, facts.complete ?? true);
    const { stop, now } = process;
    process.ended = process.scheduler.run({ stop: stop.signal, now: now.signal, once: facts.once ?? false });
    // Whoever expects it to fail looks at it later.
    process.ended.catch(() => {});
    await machine.clock.settle();
    return process;
  }

  /** As `kill -9`: nothing of it happens any more, at whatever it was. */
  async kill(): Promise<void> {
    this.#die();
    await this.ledger.close();
  }

  /** It dies at its so many-th call of the ledger from now on, as `diesAt`. */
  dieAfter(calls: number): void {
    this.#diesAt = this.#calls + calls;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  #die(): void {
    this.#dead = true;
    this.machine.alive.delete(this.owner.pid);
  }

  types(): string[] {
    return this.events.map(({ type }) => type).filter((type) => type !== "run");
  }

  /** Runs that it has under way. */
  running(): Carried[] {
    return this.carried.filter(({ run }) => this.#open.has(run.runId));
  }

  readonly #open = new Set<string>();

  /** The ledger of a process that may die: then nothing comes back from it any more. */
  #mortal(ledger: Ledger, { fail = () => {}, diesAt = -1 }: Partial<Facts>): Ledger {
    this.#diesAt = diesAt;
    return new Proxy(ledger, {
      get: (target, name, receiver) => {
        const method: unknown = Reflect.get(target, name, receiver);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]) => {
          if (this.#dead) return new Promise(() => {});
          fail(String(name), args, this);
          const dies = this.#calls++ === this.#diesAt;
          if (dies && this.#diesAt % 2 === 0) this.#die();
          if (this.#dead) return new Promise(() => {});
          const result: unknown = await Reflect.apply(method, target, args);
          if (dies) this.#die();
          return this.#dead ? new Promise(() => {}) : result;
        };
      },
    });
  }

  /** Runs are carried on the ledger that dies and fails with the process. */
  #carrier(ledger: Ledger): RunCarrier {
    return {
      carryOn: async (one, run, request): Promise<CarriedOn> => {
        if (this.#dead) return new Promise(() => {});
        const { clock, begun } = this.machine;
        const at = clock.now();
        const start = { owner: this.owner, leaseUntil: at + leaseMs, at, modelAsked: "kimi/k2", jobHash: hashOf(one) };
        const result = await ledger.beginRun(run.runId, start);
        if (!result.begun && result.because === "gone") return { kind: "gone" };
        if (!result.begun) return { kind: "in_the_way", blocker: { runId: result.blocker.runId, reason: "another run is open" } };
        const { jobId, runId, slotAt, trigger } = run;
        if (run.status === "queued") begun.push({ jobId, runId, slotAt, trigger, at });
        this.#open.add(runId);
        try {
          return await this.#carry(ledger, one, run, request);
        } finally {
          this.#open.delete(runId);
        }
      },
    };
  }

  #carry(ledger: Ledger, one: Job, run: RunRow, request: CarryOnRequest): Promise<CarriedOn> {
    const { clock } = this.machine;
    return new Promise((resolve, reject) => {
      const over = new AbortController();
      const stubborn = { value: false };
      const end = async (status: RunEnding, reason = "told"): Promise<void> => {
        if (this.#dead || over.signal.aborted) return;
        over.abort(new Error("over"));
        const finish = { status, finishedAt: clock.now(), reason, exitCode: 0, usage: {} };
        await ledger
          .finishRun(run.runId, finish)
          .then(() => resolve({ kind: "ended", outcome: outcomeOf(run, finish) }))
          .catch(reject);
      };
      const park = async (untilMs: number, kind: Wait["kind"] = "attempt"): Promise<void> => {
        if (this.#dead || over.signal.aborted) return;
        over.abort(new Error("over"));
        const wait: Wait = { until: untilMs, why: "told to wait", kind, since: clock.now(), ranMs: 0, uncounted: 0 };
        await ledger
          .parkRun(run.runId, wait)
          .then(() => resolve({ kind: "waiting", wait }))
          .catch(reject);
      };
      this.carried.push({ run, job: one, request, end, park, stubborn });
      const stop = (): void => {
        if (stubborn.value) return;
        const { reason } = request.signal;
        const daemon = reason instanceof Stopped && reason.reason.kind === "daemon";
        void end(daemon ? "interrupted" : "cancelled", reason instanceof Error ? reason.message : "");
      };
      request.signal.addEventListener("abort", stop, { once: true });
      const { afterMs, status = "succeeded", wait } = this.#play(run, one);
      if (wait !== undefined) void park(wait.until, wait.kind);
      else if (afterMs !== undefined)
        clock
          .sleep(afterMs, over.signal)
          .then(() => end(status))
          .catch(() => {});
    });
  }
}

function outcomeOf(
  run: RunRow,
  finish: { readonly status: RunEnding; readonly finishedAt: number; readonly reason: string },
): RunOutcome {
  const { runId, jobId, jobName, modelAsked, simulated, startedAt } = run;
  const counted = { attempts: 1, calls: 0, tries: 0, repairs: 0, faults: {}, usage: {}, exitCode: 0 };
  return { runId, jobId, jobName, modelAsked, simulated, startedAt, ...counted, ...finish };
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
