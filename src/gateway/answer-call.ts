/**
 * One call, from the turn's question to a proven answer or an honest end. Reads top to bottom: plan the next step, wait, write down
 * that a try begins, ask, write down how it went, plan again. The loop and the abort are p-retry's, the decisions `nextStep`'s.
 *
 * Nothing is done that is not written down first: the observer is awaited before and after each step, and when it fails the call ends,
 * because an answer without a record would break the promise that every step can be seen.
 */
import { ProviderError } from "../errors.ts";
import type { Provider, ProvenAnswer } from "../provider/provider.ts";
import type { Rung } from "../run/ladder.ts";
import { callTime, leastTime, type CallTime } from "../run/call-time.ts";
import { modelName } from "../run/ladder.ts";
import type { QuotaOf } from "../run/history.ts";
import { nextStep, type GiveUp, type Step, type TryRecord } from "../run/next-step.ts";
import type { OpenModel } from "../run/step.ts";
import { askRung, passableRungs, type Passable } from "./ask-rung.ts";
import { CallBreakers } from "./call-breakers.ts";
import type { Grant, TryPlan } from "./gateway.ts";
import { refusalOf, type Refusal } from "./refusal.ts";
import type { Asked } from "./request.ts";

export interface CallContext {
  readonly grant: Grant;
  /** Number of the call within the attempt, from 1. */
  readonly call: number;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Milliseconds that only ever grow: a clock that somebody sets must not end a call. */
  readonly monotonic: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Ends the call: the attempt is over, the turn has hung up, or the gateway closes. */
  readonly signal: AbortSignal;
  /** The status the turn is really given; asked once, when the end is known and nothing more is sent meanwhile. */
  readonly settle: (status: number) => number;
  /** A call of the attempt was answered before: its turn may have acted, and is not ended because models are left alone. */
  readonly underWay: boolean;
  readonly quotaOf?: QuotaOf;
}

export type CallEnd =
  | { readonly kind: "answered"; readonly answer: ProvenAnswer; readonly rung: Rung; readonly tries: number }
  | {
      readonly kind: "given_up";
      readonly refusal: Refusal;
      readonly why: string;
      readonly last: ProviderError | undefined;
      readonly tries: number;
    };

/**
 * Answers a call by climbing the ladder.
 * @throws whatever the observer throws; the caller must then refuse the call as `internal`.
 */
export async function answerCall(asked: Asked, context: CallContext): Promise<CallEnd> {
  const { grant, call, settle } = context;
  const { dialect, modelAsked, stream } = asked;
  // Looked at and taken in one step: of two calls at once, only one gets the last.
  const spent = grant.budget?.exhausted("call");
  if (spent === undefined) grant.budget?.countCall();
  await grant.observer.callStarted({ call, dialect, modelAsked, stream });
  const end = spent === undefined ? await climb(asked, context) : givenUp(budgetSpent(spent), [], []);
  if (end.kind === "answered") {
    await grant.observer.callFinished({ call, httpStatus: settle(200), answer: end.answer, rung: end.rung });
  } else {
    const { fault, status, retryAfterMs } = end.refusal;
    const failure = { fault, why: end.why, last: end.last, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    await grant.observer.callFinished({ call, httpStatus: settle(status), failure });
  }
  return end;
}

function budgetSpent(what: string): GiveUp {
  return { kind: "give_up", fault: "budget", why: `the run's budget is used up: ${what}` };
}

async function climb(asked: Asked, context: CallContext): Promise<CallEnd> {
  // Loaded with the first call: a run whose turn never asks, and everything that is no run, does without it.
  const { default: pRetry, AbortError } = await import("p-retry");
  const { grant, signal } = context;
  const passable = passableRungs(asked, grant.ladder, context.providers);
  const time = timeOf(context);
  const history: TryRecord[] = [];
  const failures: ProviderError[] = [];
  const breakers = new CallBreakers(grant, context.monotonic);
  let stopped: GiveUp | undefined;

  const stop = (step: GiveUp): never => {
    stopped = step;
    throw new AbortError(step.why);
  };

  /** Plans, waits and writes down, until a try may begin. */
  const nextTry = async (): Promise<{ step: Extract<Step, { kind: "try" }>; planned: TryPlan }> => {
    for (;;) {
      const step = plan(history, passable, context, { time, open: breakers.open });
      if (step.kind === "give_up") return stop(step);
      const { rung, waitMs, why } = step;
      const planned = { call: context.call, try: history.length + 1, rung, waitedMs: waitMs, why };
      await pause(planned, context);
      // Another call of the turn may have spent the rest meanwhile.
      const spent = grant.budget?.exhausted("try");
      if (spent !== undefined) return stop(budgetSpent(spent));
      if (!(await breakers.admit(step))) continue;
      await grant.observer.tryStarted(planned).catch(async (error: unknown) => {
        await breakers.close(rung);
        throw error;
      });
      return { step, planned };
    }
  };

  const oneTry = async (): Promise<CallEnd> => {
    const { step, planned } = await nextTry();
    const startedAt = context.monotonic();
    // Whatever came between the plan and now, a machine that slept or a slow record, is gone from the call's time.
    const leftMs = Math.min(step.withinMs, time.callStartedAt + time.callMs - startedAt);
    const outcome = await askRung(asked, step.rung, { leftMs, limit: time.callLimit }, context);
    grant.budget?.spend(step.rung, outcome.usage);
    if (outcome instanceof ProviderError) {
      history.push(recordOf(step.rung, outcome, startedAt, context.monotonic()));
      failures.push(outcome);
      await breakers.failed(step.rung, outcome, leftMs);
      await grant.observer.tryFailed(planned, outcome);
      throw outcome;
    }
    await breakers.answered(step.rung);
    await grant.observer.tryAnswered(planned, outcome);
    return { kind: "answered", answer: outcome, rung: step.rung, tries: planned.try };
  };

  try {
    // One round more than tries: the last one only decides to give up. The waits are ours, so p-retry adds none.
    return await pRetry(oneTry, {
      retries: grant.limits.triesPerCall,
      minTimeout: 0,
      signal,
      // Only a failed try is tried again; a failing observer, whatever it throws, ends the call.
      shouldRetry: ({ error }) => error === failures.at(-1),
    });
  } catch (error) {
    if (stopped !== undefined) return givenUp(stopped, history, failures);
    if (signal.aborted) return givenUp({ kind: "give_up", fault: "aborted", why: abortReason(signal) }, history, failures);
    throw error;
  }
}

interface TimeOfCall extends CallTime {
  readonly callStartedAt: number;
}

function timeOf({ grant, monotonic }: CallContext): TimeOfCall {
  const { limits, deadline, budget } = grant;
  const attempt = deadline === undefined ? undefined : { leftMs: deadline.leftMs(), limit: deadline.limit };
  const time = leastTime(callTime(limits.callMs, attempt), budget?.leftMs() ?? Infinity);
  return { ...time, callStartedAt: monotonic() };
}

/** What `nextStep` says, with what had to be left out of the ladder told once, at the start and at the end. */
function plan(
  history: readonly TryRecord[],
  { rungs, notes }: Passable,
  { grant, monotonic, random, underWay, quotaOf }: CallContext,
  { time: { callMs, ...time }, open }: { readonly time: TimeOfCall; readonly open: readonly OpenModel[] },
): Step {
  if (rungs.length === 0) return { kind: "give_up", fault: "bad_request", why: notes.join("; ") };
  const spent = grant.budget?.exhausted("try");
  if (spent !== undefined) return budgetSpent(spent);
  const { retry, onRateLimit = "fallback" } = grant;
  const limits = { ...grant.limits, callMs };
  const step = nextStep(
    history,
    rungs,
    { retry, limits, ...time, onRateLimit, open, insist: underWay, ...(quotaOf === undefined ? {} : { quotaOf }) },
    monotonic(),
    random(),
  );
  return notes.length === 0 || (step.kind === "try" && history.length > 0)
    ? step
    : { ...step, why: [step.why, ...notes].join("; ") };
}

async function pause({ call, rung, waitedMs, why }: TryPlan, { grant, sleep, signal }: CallContext): Promise<void> {
  if (waitedMs === 0) return;
  grant.observer.waiting({ call, rung, waitMs: waitedMs, why });
  await sleep(waitedMs, signal);
}

function recordOf(rung: Rung, error: ProviderError, startedAt: number, endedAt: number): TryRecord {
  const { fault, retryAfterMs, shouldRetry } = error;
  return { rung, startedAt, endedAt, fault, reason: error.reason ?? error.code, retryAfterMs, shouldRetry };
}

function givenUp(
  { fault, why, retryAfterMs }: GiveUp,
  history: readonly TryRecord[],
  failures: readonly ProviderError[],
): CallEnd {
  const tries = failures.length;
  const last = failures.at(-1);
  const message = wordsOfEnd(fault, why, history, failures);
  return { kind: "given_up", refusal: refusalOf(fault, message, retryAfterMs), why, last, tries };
}

/** What a person needs first, the error the call ends with; then where and why nothing followed. */
function wordsOfEnd(
  fault: ProviderError["fault"],
  why: string,
  history: readonly TryRecord[],
  failures: readonly ProviderError[],
): string {
  const tries = `${failures.length} ${failures.length === 1 ? "try" : "tries"}`;
  const last = failures.at(-1);
  const at = history.findLastIndex((record) => record.fault === fault);
  const error = failures[at];
  const rung = history[at]?.rung;
  const others = last === undefined || last === error ? "" : `; last error: ${unended(last.message)}`;
  if (error === undefined || rung === undefined) return `${why} (${fault} after ${tries}${others})`;
  return `${unended(error.message)} (${fault} on ${modelName(rung)}; given up after ${tries}: ${why}${others})`;
}

const unended = (sentence: string): string => sentence.replace(/\.$/, "");

function abortReason({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : "the call was cancelled";
}
