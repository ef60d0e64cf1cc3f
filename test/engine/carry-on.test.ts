/** A run that the scheduler begins, that waits without a process, and that is carried on. */
import * as fc from "fast-check";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../src/errors.ts";
import type { CarriedOn } from "../../src/engine/engine.ts";
import type { RunOutcome } from "../../src/engine/outcome.ts";
import { Stopped } from "../../src/engine/stopped.ts";
import { answered, died, openStage, refusedFor, slotAt, type Act, type Stage, type StageOptions } from "./carry-stage.ts";

const stages: Stage[] = [];
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});
async function stageOf(options: StageOptions): Promise<Stage> {
  const stage = await openStage(options);
  stages.push(stage);
  return stage;
}

const waitOf = (carried: CarriedOn) => {
  if (carried.kind !== "waiting") throw new Error(`it does not wait: ${JSON.stringify(carried)}`);
  return carried.wait;
};
const outcomeOf = (carried: CarriedOn): RunOutcome => {
  if (carried.kind !== "ended") throw new Error(`it has not ended: ${JSON.stringify(carried)}`);
  return carried.outcome;
};

/** A turn that takes so long, and a second. */
function takes(ms: number): Act {
  return (_spec, _hooks, clock) => {
    clock.set(clock.now() + ms);
    return died("overloaded");
  };
}

async function stoppedBy(reason: Stopped): Promise<RunOutcome> {
  const stop = new AbortController();
  const stage = await stageOf({
    acts: [
      () => {
        stop.abort(reason);
        return died("aborted");
      },
    ],
  });
  await stage.claim("run-1");
  return outcomeOf(await stage.carryOn("run-1", { signal: stop.signal }));
}

/** What must be the same, whether a run waits with a process or without. */
const facts = ({ runId: _run, startedAt: _start, ...rest }: RunOutcome): Partial<RunOutcome> => rest;

/** Carries a run on as often as it waits, each time at its instant. */
async function toItsEnd(
  stage: Stage,
  runId: string,
): Promise<{ readonly outcome: RunOutcome; readonly waits: readonly number[] }> {
  const waits: number[] = [];
  for (;;) {
    const carried = await stage.carryOn(runId);
    if (carried.kind === "ended") return { outcome: carried.outcome, waits };
    const { until, since } = waitOf(carried);
    waits.push(until - since);
    stage.clock.set(until);
  }
}

/** The ledger cannot record so often what was done; the turn is at its end. */
function failing(stage: Stage, times: number): void {
  for (const name of ["finishAttempt", "finishRun"] as const) {
    const real: (...args: never[]) => Promise<unknown> = stage.ledger[name];
    let left = times;
    Object.assign(stage.ledger, {
      [name]: async (...args: never[]) => {
        if (left-- > 0) throw new LedgerError("full", "it is full", { location: "x" });
        return real(...args);
      },
    });
  }
}

describe("a run whose ledger cannot be written when its turn is over", () => {
  it("waits for the ledger and ends as it went: it is not taken for dead", async () => {
    const stage = await stageOf({ acts: [() => (failing(stage, 3), answered)] });
    await stage.claim("run-1");
    expect(outcomeOf(await stage.carryOn("run-1"))).toMatchObject({ status: "succeeded", output: "all is well" });
    expect((await stage.detail("run-1")).run).toMatchObject({ status: "succeeded" });
  });

  it("waits no longer than the daemon does", async () => {
    const stop = new AbortController();
    const stage = await stageOf({ acts: [() => (failing(stage, Infinity), answered)] });
    const { clock } = stage;
    const real = { ...clock };
    clock.sleep = (ms, signal) => {
      if (ms === 6_000) stop.abort(new Stopped({ kind: "daemon" }));
      return real.sleep(ms, signal);
    };
    await stage.claim("run-1");
    await expect(stage.carryOn("run-1", { signal: stop.signal })).rejects.toThrow("it is full");
  });
});

describe("a claimed slot", () => {
  it("is begun, and its run goes to its end", async () => {
    const stage = await stageOf({ acts: [() => answered] });
    await stage.claim("run-1");
    const outcome = outcomeOf(await stage.carryOn("run-1"));
    expect(outcome).toMatchObject({ runId: "run-1", status: "succeeded", attempts: 1 });
    expect((await stage.detail("run-1")).run).toMatchObject({ status: "succeeded", trigger: "slot", slotAt });
    expect(stage.specs[0]?.idempotencyKey).toBe("slot:job:2026-11-25T08:00:00.000Z");
    expect(await stage.carryOn("run-1")).toEqual({ kind: "gone" });
  });

  it("does not begin while another run of the job is open, running or waiting", async () => {
    const stage = await stageOf({ acts: [() => died("overloaded")] });
    await stage.claim("run-1");
    waitOf(await stage.carryOn("run-1"));
    await stage.claim("run-2", { slotAt: slotAt + 86_400_000 });
    const carried = await stage.carryOn("run-2");
    expect(carried).toEqual({
      kind: "in_the_way",
      blocker: { runId: "run-1", reason: "run run-1 of this job waits for its next attempt (runner show run-1)" },
    });
    expect((await stage.detail("run-2")).run.status).toBe("queued");
  });

  it("begins once the run in its way is closed because its process has died", async () => {
    const swept: string[] = [];
    const stage = await stageOf({
      acts: [() => answered],
      parts: () => ({
        ownerState: () => "dead",
        sweep: (runId) => {
          swept.push(runId);
          return Promise.resolve(true);
        },
      }),
    });
    const old = await stage.claim("run-1");
    const begin = { owner: old.owner, leaseUntil: slotAt + 30_000, at: slotAt, modelAsked: "p/m", jobHash: "hash" };
    expect(await stage.ledger.beginRun("run-1", begin)).toEqual({ begun: true });
    await stage.claim("run-2", { slotAt: slotAt + 86_400_000 });
    expect(outcomeOf(await stage.carryOn("run-2")).status).toBe("succeeded");
    expect(swept).toEqual(["run-1"]);
    expect((await stage.detail("run-1")).run).toMatchObject({ status: "interrupted", fault: "turn_died" });
    expect(stage.events[0]).toMatchObject({ type: "run_rescued", runId: "run-1" });
  });

  it("whose job cannot be planned is recorded as blocked, and nothing is thrown", async () => {
    const stage = await stageOf({
      acts: [],
      job: { payload: { kind: "agentTurn", message: "hi", stream: false, maxTokens: 1 } },
      parts: () => ({ defaults: { model: undefined, fallbacks: [] } }),
    });
    await stage.claim("run-1");
    expect(outcomeOf(await stage.carryOn("run-1"))).toMatchObject({
      status: "blocked",
      exitCode: 78,
      reason: "the job job names no model, and the configuration names none either",
    });
  });
});

describe("a run that waits", () => {
  it("has no process, says until when and why, and goes on where it was", async () => {
    const stage = await stageOf({ acts: [() => died("overloaded"), () => died("server"), () => answered] });
    await stage.claim("run-1");
    const first = waitOf(await stage.carryOn("run-1"));
    expect(first).toEqual({
      kind: "attempt",
      since: slotAt + 1_000,
      until: slotAt + 1_000 + 7_875,
      why: "attempt 2 of 4 after overloaded",
      ranMs: 1_000,
      uncounted: 0,
    });
    expect((await stage.detail("run-1")).run).toMatchObject({ status: "waiting", wait: first });
    stage.clock.set(first.until);
    const second = waitOf(await stage.carryOn("run-1"));
    expect(second).toMatchObject({ why: "attempt 3 of 4 after server", ranMs: 2_000, until: second.since + 15_750 });
    expect(stage.events.filter(({ type }) => type === "run_carried_on")).toMatchObject([
      { attempts: 1, waitedMs: 7_875, why: "attempt 2 of 4 after overloaded" },
    ]);
    stage.clock.set(second.until);
    expect(outcomeOf(await stage.carryOn("run-1"))).toMatchObject({ status: "succeeded", attempts: 3, startedAt: slotAt });
    expect(stage.specs.map(({ attempt, idempotencyKey }) => [attempt, idempotencyKey])).toEqual(
      [1, 2, 3].map((attempt) => [attempt, "slot:job:2026-11-25T08:00:00.000Z"]),
    );
    const { run, attempts } = await stage.detail("run-1");
    expect(run.status).toBe("succeeded");
    expect(attempts.map(({ attempt, why }) => [attempt, why])).toEqual([
      [1, "the first attempt"],
      [2, "attempt 2 of 4 after overloaded"],
      [3, "attempt 3 of 4 after server"],
    ]);
  });

  it("is told what was wrong with its answer at once, without a wait", async () => {
    const stage = await stageOf({
      acts: [() => answered, () => died("overloaded"), () => ({ ...answered, text: "yes, all is well" })],
      job: { expect: { contains: ["yes"] } },
    });
    await stage.claim("run-1");
    const wait = waitOf(await stage.carryOn("run-1"));
    expect(stage.specs[1]?.message).toContain('"yes" is not in the answer');
    stage.clock.set(wait.until);
    expect(outcomeOf(await stage.carryOn("run-1"))).toMatchObject({ status: "succeeded", attempts: 3 });
  });

  it("may be put off to a time that a provider named, and then its attempts do not count any more", async () => {
    const hours = 3_600_000;
    const stage = await stageOf({
      acts: [
        () => died("overloaded"),
        refusedFor(5 * hours),
        () => died("overloaded"),
        refusedFor(10, "rate_limit"),
        () => answered,
      ],
      job: { retry: { maxAttempts: 2, delayMs: 7_000, factor: 2, maxDelayMs: 60_000, jitter: 0, set: ["delay"] } },
    });
    await stage.claim("run-1");
    const next = async () => {
      const wait = waitOf(await stage.carryOn("run-1"));
      stage.clock.set(wait.until);
      return [wait.kind, wait.until - wait.since, wait.uncounted, wait.why];
    };
    expect(await next()).toEqual(["attempt", 7_000, 0, "attempt 2 of 2 after overloaded"]);
    expect(await next()).toEqual(["later", 5 * hours, 2, "quota_window: another attempt would not change it"]);
    expect(await next()).toEqual(["attempt", 7_000, 2, "attempt 2 of 2 after overloaded"]);
    // A provider that names a moment again and again is not asked all day long.
    expect(await next()).toEqual(["later", 480_000, 4, "rate_limit: all 2 attempts are used (retry.maxAttempts)"]);
    expect(outcomeOf(await stage.carryOn("run-1"))).toMatchObject({ status: "succeeded", attempts: 5 });
  });
});

describe("the window in which a run may wait", () => {
  it("is closed by the job's next slot: it does not begin to wait for longer", async () => {
    const stage = await stageOf({ acts: [() => died("overloaded")] });
    await stage.claim("run-1");
    const outcome = outcomeOf(await stage.carryOn("run-1", { mayWaitUntil: () => slotAt + 5_000 }));
    expect(outcome).toMatchObject({ status: "failed", exitCode: 69, fault: "overloaded" });
    expect(outcome.reason).toContain(
      "a wait of 7 s is longer than what is left until it has to be carried on (the job's next slot)",
    );
  });

  it("is what a provider's time has to lie in: else the run ends deferred, as by hand, with that time", async () => {
    const stage = await stageOf({ acts: [refusedFor(7_200_000)] });
    await stage.claim("run-1");
    const outcome = outcomeOf(await stage.carryOn("run-1", { mayWaitUntil: () => slotAt + 3_601_000 }));
    expect(outcome).toMatchObject({ status: "deferred", exitCode: 75, deferredUntil: slotAt + 7_201_000 });
    expect(outcome.reason).toBe(
      "it failed: quota_window; quota_window: another attempt would not change it; it may wait 60 min and not 2 h (the job's next slot)",
    );
  });

  it("ends a run that was put off, and is carried on too late, as deferred", async () => {
    const stage = await stageOf({ acts: [refusedFor(7_200_000)] });
    await stage.claim("run-1");
    expect(waitOf(await stage.carryOn("run-1")).kind).toBe("later");
    stage.clock.set(slotAt + 90_000_000);
    expect(outcomeOf(await stage.carryOn("run-1"))).toMatchObject({ status: "deferred", exitCode: 75 });
    expect(stage.specs).toHaveLength(1);
  });

  it("lets nobody wait whose turn has acted: it would be asked again", async () => {
    const stage = await stageOf({
      acts: [async (...told) => ({ ...(await refusedFor(7_200_000)(...told)), toolRuns: 1 })],
    });
    await stage.claim("run-1");
    expect(outcomeOf(await stage.carryOn("run-1"))).toMatchObject({ status: "failed", exitCode: 1 });
  });

  it("ends a run that is carried on too late, with its last attempt's fault, and asks nothing", async () => {
    const stage = await stageOf({ acts: [() => died("overloaded")] });
    await stage.claim("run-1");
    waitOf(await stage.carryOn("run-1"));
    stage.clock.set(slotAt + 90_000_000);
    const outcome = outcomeOf(await stage.carryOn("run-1"));
    expect(outcome).toMatchObject({ status: "failed", exitCode: 69, fault: "overloaded", attempts: 1 });
    expect(outcome.reason).toBe(
      "attempt 2 of 4 after overloaded; it waited until 2026-11-25T08:00:08.875Z and was carried on at 2026-11-26T09:00:00.000Z, after 2026-11-26T08:00:00.000Z (limits.defer)",
    );
    expect(stage.specs).toHaveLength(1);
  });
});

describe("the limits of a run that waits", () => {
  it("count only the time in which it ran", async () => {
    const stage = await stageOf({ acts: [takes(20_000), takes(20_000)], job: { budget: { ms: 60_000 } } });
    await stage.claim("run-1");
    const first = waitOf(await stage.carryOn("run-1"));
    stage.clock.set(first.until + 3_600_000);
    const second = waitOf(await stage.carryOn("run-1"));
    expect(second.ranMs).toBe(42_000);
    stage.clock.set(second.until);
    // What an attempt may still take is what the budget has left, and ten seconds for handing over.
    await stage.carryOn("run-1").catch(() => {});
    expect(stage.specs[2]?.limits.attemptMs).toBe(60_000 - 42_000 + 10_000);
  });

  it("end it when it has run for limits.run, however it was cut up", async () => {
    const stage = await stageOf({ acts: [takes(1_500_000), takes(1_500_000), () => answered] });
    await stage.claim("run-1");
    stage.clock.set(waitOf(await stage.carryOn("run-1")).until);
    stage.clock.set(waitOf(await stage.carryOn("run-1")).until);
    await stage.carryOn("run-1");
    expect(stage.specs.map(({ limits }) => limits.attemptMs)).toEqual([1_800_000, 1_800_000, 3_600_000 - 2 * 1_501_000]);
  });
});

describe("what a run that is carried on knows", () => {
  it("has written the files that were written since it began", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "runner-fresh-"));
    const file = path.join(folder, "report.txt");
    const old = path.join(folder, "old.txt");
    await writeFile(old, "of yesterday");
    await utimes(old, slotAt / 1_000 - 60, slotAt / 1_000 - 60);
    const stage = await stageOf({
      acts: [
        async () => {
          await writeFile(file, "of today");
          await utimes(file, slotAt / 1_000 + 1, slotAt / 1_000 + 1);
          return died("overloaded");
        },
        () => answered,
        () => answered,
      ],
      job: { workDir: folder, expect: { files: [file, old].map((name) => ({ path: name, fresh: true })) } },
    });
    await stage.claim("run-1");
    stage.clock.set(waitOf(await stage.carryOn("run-1")).until);
    const outcome = outcomeOf(await stage.carryOn("run-1"));
    await rm(folder, { recursive: true });
    expect(outcome).toMatchObject({ status: "failed", exitCode: 65 });
    expect(outcome.reason).toContain("old.txt");
    expect(outcome.reason).not.toContain("report.txt");
  });

  it("tells the turn what the attempts before the wait have done, and warns of it at its end", async () => {
    const stage = await stageOf({
      acts: [
        async ({ runId, attempt }) => {
          await stage.ledger.startCall({
            runId,
            attempt,
            call: 1,
            startedAt: slotAt,
            dialect: "anthropic-messages",
            modelAsked: "p/m",
            stream: false,
          });
          await stage.ledger.startTool({
            runId,
            attempt,
            tool: 1,
            call: 1,
            startedAt: slotAt,
            name: "send",
            grant: "shell",
            input: "{}",
          });
          await stage.ledger.finishTool({ runId, attempt, tool: 1 }, { finishedAt: slotAt, status: "succeeded", outputBytes: 1 });
          return { ...died("overloaded", 1), warnings: ["send was slow"] };
        },
        () => answered,
      ],
      job: { idempotent: true },
    });
    await stage.claim("run-1");
    const wait = waitOf(await stage.carryOn("run-1"));
    expect(wait.warnings).toEqual(["send was slow"]);
    stage.clock.set(wait.until);
    const outcome = outcomeOf(await stage.carryOn("run-1"));
    expect(stage.specs[1]?.done).toEqual([{ attempt: 1, name: "send", input: "{}", status: "succeeded" }]);
    expect(outcome).toMatchObject({ calls: 1, warnings: ["send was slow"] });
  });
});

describe("how a run is stopped", () => {
  it.each([
    [{ kind: "daemon" }, "interrupted", "the daemon was stopped"],
    [{ kind: "request", words: "cancelled by maria" }, "cancelled", "cancelled by maria"],
    [{ kind: "replaced", slotAt: slotAt + 60_000 }, "cancelled", "replaced by slot 2026-11-25T08:01:00.000Z (overlap: replace)"],
    [{ kind: "signal", signal: "SIGTERM" }, "cancelled", "stopped by SIGTERM"],
  ] as const)("%o", async (reason, status, words) => {
    expect(await stoppedBy(new Stopped(reason))).toMatchObject({ status, reason: words, fault: "aborted" });
  });
});

describe("a run that waits and one whose process sleeps", () => {
  type Kind = "answers" | "lacks" | "overloaded" | "server" | "declared" | "turn_died" | "acts";
  const act = (kind: Kind): Act => {
    if (kind === "answers") return () => ({ ...answered, text: "yes" });
    if (kind === "lacks") return () => ({ ...answered, warnings: ["it was long"] });
    return () => (kind === "acts" ? died("overloaded", 1) : died(kind));
  };

  it("decide the same, wait as long, and tell the turn the same", { timeout: 60_000 }, async () => {
    const kinds = fc.constantFrom<Kind>("answers", "lacks", "overloaded", "server", "declared", "turn_died", "acts");
    await fc.assert(
      fc.asyncProperty(
        fc.array(kinds, { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        async (script, maxAttempts, idempotent) => {
          const options: StageOptions = {
            acts: script.map(act),
            job: {
              expect: { contains: ["yes"] },
              idempotent,
              retry: { maxAttempts, delayMs: 7_000, factor: 2, maxDelayMs: 60_000, jitter: 0.25, set: ["delay"], declared: true },
            },
          };
          const [slept, parked] = [await openStage(options), await openStage(options)];
          try {
            const signal = new AbortController().signal;
            const byHand = await slept.engine.run(slept.job, {
              trigger: "manual",
              slotAt,
              signal,
              listen: (event) => slept.events.push(event),
            });
            await parked.claim("run-1");
            const { outcome, waits } = await toItsEnd(parked, "run-1");
            expect(facts(outcome)).toEqual(facts(byHand));
            expect(parked.specs.map(({ attempt, message }) => [attempt, message])).toEqual(
              slept.specs.map(({ attempt, message }) => [attempt, message]),
            );
            expect(waits).toEqual(
              slept.events.flatMap((event) => (event.type === "attempt_waiting" && event.waitMs > 0 ? [event.waitMs] : [])),
            );
          } finally {
            await Promise.all([slept.close(), parked.close()]);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});
