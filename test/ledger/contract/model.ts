import { array, assert, asyncProperty, boolean, constantFrom, nat, option, record, type Arbitrary } from "fast-check";
import { expect, test } from "vitest";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import { runFinish, runStart } from "../records.ts";
import type { Bench } from "./bench.ts";

/** One thing done through one of two connections. A finish goes to the job's open run or, without one, to its last run. */
interface Step {
  readonly what: "claim" | "skip" | "finish";
  readonly job: "j1" | "j2";
  readonly slot: number | undefined;
  readonly other: boolean;
}
const step: Arbitrary<Step> = record({
  what: constantFrom("claim", "claim", "skip", "finish"),
  job: constantFrom("j1", "j2"),
  slot: option(nat(3), { nil: undefined }),
  other: boolean(),
});

/** The ledger's rules in their simplest form: what was done, answered as the real one must answer. */
class Model {
  readonly runs = new Map<string, string>();
  readonly #open = new Map<string, string>();
  readonly #last = new Map<string, string>();
  readonly #slots = new Map<string, string>();

  target(job: string): string | undefined {
    return this.#open.get(job) ?? this.#last.get(job);
  }
  claim(runId: string, job: string, slot: string | undefined): string {
    const blocker = (slot === undefined ? undefined : this.#slots.get(slot)) ?? this.#open.get(job);
    if (blocker !== undefined) return `lost to ${blocker}`;
    this.#record(runId, job, slot, "running");
    this.#open.set(job, runId);
    return "won";
  }
  skip(runId: string, job: string, slot: string | undefined): void {
    if (slot === undefined || !this.#slots.has(slot)) this.#record(runId, job, slot, "skipped");
  }
  finish(runId: string, job: string, status: string): boolean {
    if (this.runs.get(runId) !== "running") return false;
    this.runs.set(runId, status);
    return this.#open.delete(job);
  }
  #record(runId: string, job: string, slot: string | undefined, status: string): void {
    this.runs.set(runId, status);
    this.#last.set(job, runId);
    if (slot !== undefined) this.#slots.set(slot, runId);
  }
}

/** Does one step to both; returns what each said. */
async function both(
  ledger: Ledger,
  model: Model,
  { what, job, slot }: Step,
  round: number,
  number: number,
): Promise<[string, string]> {
  const jobId = `${job} of ${round}`;
  const runId = `${round}.${number}`;
  const start = runStart({ runId, jobId, ...(slot === undefined ? {} : { slotAt: slot, trigger: "slot" }) });
  const slotKey = slot === undefined ? undefined : `${jobId} ${slot}`;
  if (what === "claim") {
    const result = await ledger.claimRun(start);
    return [result.won ? "won" : `lost to ${result.blocker.runId}`, model.claim(runId, jobId, slotKey)];
  }
  if (what === "skip") {
    await ledger.recordRun(start, runFinish({ status: "skipped" }));
    model.skip(runId, jobId, slotKey);
    return ["", ""];
  }
  const target = model.target(jobId);
  if (target === undefined) return ["", ""];
  const status = number % 2 === 0 ? "succeeded" : "failed";
  return [String(await ledger.finishRun(target, runFinish({ status }))), String(model.finish(target, jobId, status))];
}

export function invariants(bench: Bench): void {
  test("whatever happens in whatever order: one open run a job, one run a slot, and endings that stay", async () => {
    const other = await bench.open();
    let round = 0;
    const property = asyncProperty(array(step, { maxLength: 25 }), async (plan) => {
      round += 1;
      const expected = new Model();
      const answers: [string, string][] = [];
      for (const [number, done] of plan.entries())
        answers.push(await both(done.other ? other : bench.ledger(), expected, done, round, number));
      expect(answers.map(([real]) => real)).toEqual(answers.map(([, said]) => said));
      const rows = [
        ...(await bench.ledger().history({ jobId: `j1 of ${round}`, limit: 99 })),
        ...(await other.history({ jobId: `j2 of ${round}`, limit: 99 })),
      ];
      expect(new Map(rows.map((run) => [run.runId, run.status]))).toEqual(expected.runs);
    });
    await assert(property, { numRuns: 60 });
    await other.close();
  });
}
