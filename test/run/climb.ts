/** A ladder of two models, and a climb up it with one failure after another. */
import { standardRetry } from "../../src/run/backoff.ts";
import { buildLadder, rungName, type Rung } from "../../src/run/ladder.ts";
import { nextStep, type Step, type StepPolicy, type TryRecord } from "../../src/run/next-step.ts";

export const policy: StepPolicy = { retry: standardRetry, limits: { triesPerCall: 12, callMs: 1_200_000, maxWaitMs: 600_000 } };
export const ladderOf = (stream: boolean | "auto", ...names: string[]): readonly Rung[] => {
  const models = names.map((name) => ({ provider: name.split("/")[0] ?? "", model: name.split("/")[1] ?? "" }));
  return buildLadder({ models, stream, memories: [], now: 0 }).rungs;
};
export const twoModels = ladderOf("auto", "kimi/k2p5", "anthropic/sonnet");

export type Failure = Pick<TryRecord, "fault"> & Partial<Omit<TryRecord, "rung" | "startedAt" | "endedAt">>;

export const say = (step: Step): string =>
  step.kind === "try" ? `${rungName(step.rung)} +${step.waitMs}` : `gave up: ${step.fault}`;

/** Climbs the ladder with one failure after another, each try taking a second; says each step as `rung +wait`. */
export function climb(
  ladder: readonly Rung[],
  failures: readonly Failure[],
  given: StepPolicy = policy,
  random = 0,
): { said: string[]; steps: Step[] } {
  const history: TryRecord[] = [];
  const steps: Step[] = [];
  let now = 0;
  for (let at = 0; ; at++) {
    const step = nextStep(history, ladder, given, now, random);
    steps.push(step);
    const failure = failures[Math.min(at, failures.length - 1)];
    if (step.kind === "give_up" || at > 50 || failure === undefined) break;
    const startedAt = now + step.waitMs;
    now = startedAt + 1_000;
    history.push({ ...failure, rung: step.rung, startedAt, endedAt: now });
  }
  return { said: steps.map(say), steps };
}

export const limitedFor = (retryAfterMs: number): Failure => ({ fault: "rate_limit", retryAfterMs });
