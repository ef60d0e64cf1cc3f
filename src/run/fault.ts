/**
 * THE policy table: what each fault means for the next try of a call, for the next attempt of a run, and for the run's ending.
 * Recognition happens once, in the adapter that knows the API; what follows from it stands here and nowhere else. The rows follow the
 * providers' documents and the official SDKs; where those differ, the comment at the row says which was followed and why.
 */
import type { Fault } from "../errors.ts";
import type { RunEnding } from "./run.ts";

/** A wait that grows: `baseMs`, `baseMs * factor`, … up to `maxMs`. */
export interface Wait {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** Where to go when the same rung has had its tries. */
export type Onward =
  /** The next model of the ladder. This one may be asked again when the ladder starts over. */
  | "next_model"
  /** The next model. This one is out for the rest of the call: the same request would fail the same way. */
  | "other_model"
  /** The next model of another provider. Every rung of this provider is out for the rest of the call: the key or the account is the reason. */
  | "other_provider"
  /** Nowhere: the request itself is the reason, or the end was wanted. */
  | "stop";

export interface FaultPolicy {
  /** How many more tries the same rung gets before the call moves on. */
  readonly sameRung: number;
  /** Pause before the model (or provider, see `cools`) is asked again, unless the job's `retry` says otherwise. */
  readonly wait: Wait;
  /** What the pause and a Retry-After cover: the model that failed, or every model behind the same key or address. */
  readonly cools: "model" | "provider";
  /** Whether asking the same model with streaming off may help. */
  readonly streamOff: boolean;
  /** How long a streamed rung that failed so is remembered across runs; 0 for never. */
  readonly rememberMs: number;
  readonly onward: Onward;
  /** Whether the ladder may start over from its best rung when all rungs were used and tries and time remain. */
  readonly startOver: boolean;
  /** Whether a new attempt of the run makes sense; the side-effect rule stands above it. */
  readonly newAttempt: boolean;
  /** How the run ends if this fault is the reason. */
  readonly status: RunEnding;
  readonly exitCode: 1 | 69 | 75 | 77 | 78 | 80 | 124 | 130;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** `baseMs` doubling up to `maxMs`. */
const doubling = (baseMs: number, maxMs: number): Wait => ({ baseMs, factor: 2, maxMs });
const noWait: Wait = { baseMs: 0, factor: 1, maxMs: 0 };

/** What a passing fault of one model has in common: move on, come back, try the whole turn again later. */
const passing = {
  cools: "model",
  streamOff: false,
  rememberMs: 0,
  onward: "next_model",
  startOver: true,
  newAttempt: true,
  status: "failed",
  exitCode: 69,
} as const;

/** What a lasting fault has in common: asking again is of no use. */
const lasting = {
  sameRung: 0,
  wait: noWait,
  cools: "model",
  streamOff: false,
  rememberMs: 0,
  startOver: false,
  newAttempt: false,
  status: "failed",
  exitCode: 1,
} as const;

export const faultPolicies: Readonly<Record<Fault, FaultPolicy>> = {
  /** We wanted the end. The exit code of a SIGTERM is 143; see `exitCodeOf`. */
  aborted: { ...lasting, onward: "stop", status: "cancelled", exitCode: 130 },
  /**
   * The origin's fault (openclaw/openclaw#44482). A stream that comes out of order once does so again four times in five, and the same
   * answer without streaming is whole: so no second streamed try, streaming off at once, and it is remembered for a week.
   */
  stream_order: { ...passing, sameRung: 0, wait: doubling(2 * SECOND, MINUTE), streamOff: true, rememberMs: 7 * DAY },
  /** Cut or unreadable: often a passing network fault, so once more as it was, then without streaming. Remembered for a day only. */
  stream_broken: { ...passing, sameRung: 1, wait: doubling(2 * SECOND, MINUTE), streamOff: true, rememberMs: DAY },
  /** Silence says nothing about the stream's form, so it is not remembered; without streaming, silence is no fault until the try's limit. */
  stream_stall: { ...passing, sameRung: 1, wait: doubling(2 * SECOND, MINUTE), streamOff: true },
  /** Some providers lose the content of a stream only, so streaming off is asked before the next model. */
  empty: { ...passing, sameRung: 1, wait: doubling(5 * SECOND, MINUTE), streamOff: true, exitCode: 1 },
  /** An address that does not answer does not answer for any of its models. */
  network: { ...passing, sameRung: 3, wait: doubling(SECOND, MINUTE), cools: "provider" },
  /** Waiting does not fill an account. */
  billing: { ...lasting, cools: "provider", onward: "other_provider", status: "blocked", exitCode: 77 },
  /** One more try, and only when the reset time is known and within the limits; else another provider. */
  quota_window: {
    ...lasting,
    sameRung: 1,
    cools: "provider",
    onward: "other_provider",
    status: "deferred",
    exitCode: 75,
  },
  overloaded: { ...passing, sameRung: 3, wait: doubling(5 * SECOND, 2 * MINUTE) },
  /** Limits belong to the key, so its other models wait as well. */
  rate_limit: {
    ...passing,
    sameRung: 3,
    wait: doubling(10 * SECOND, 5 * MINUTE),
    cools: "provider",
    status: "deferred",
    exitCode: 75,
  },
  /** Keys here cannot be refreshed, so asking again is of no use. */
  auth: { ...lasting, cools: "provider", onward: "other_provider", status: "blocked", exitCode: 77 },
  /** Another model might answer what this one refused; that is a person's choice, not a fallback. */
  content_policy: { ...lasting, onward: "stop" },
  /** Another model may have the larger window. */
  context_overflow: { ...lasting, onward: "other_model" },
  /** The same limit cuts the same answer; another model may be terser. */
  output_truncated: { ...lasting, onward: "other_model" },
  model_gone: { ...lasting, onward: "other_model", exitCode: 78 },
  permission: { ...lasting, cools: "provider", onward: "other_provider", status: "blocked", exitCode: 77 },
  timeout: { ...passing, sameRung: 1, wait: doubling(5 * SECOND, MINUTE), status: "timed_out", exitCode: 124 },
  /** Neither later nor elsewhere; see `nextStep` for the one exception, a provider that refuses requests without streaming. */
  bad_request: { ...lasting, onward: "stop", exitCode: 78 },
  /** An error in mid-stream is of this class as well, and then the answer without streaming may be whole. */
  server: { ...passing, sameRung: 3, wait: doubling(2 * SECOND, MINUTE), streamOff: true },
  /** Not a fault of a call: the turn's process is gone. */
  turn_died: { ...lasting, onward: "stop", newAttempt: true, status: "interrupted" },
  /** A server that ended at once may have met a passing trouble: it is started once more, see `nextAttempt`. The model was not asked. */
  not_ready: { ...lasting, onward: "stop", newAttempt: true, status: "blocked", exitCode: 78 },
  /** What there is, is what there will be: a new attempt would spend what is not there. */
  budget: { ...lasting, onward: "stop", exitCode: 80 },
  /** It was asked, it worked, and it says that it failed. Another attempt only if the job says `retry.declared`; see `nextAttempt`. */
  declared: { ...lasting, onward: "stop" },
  /** A gate is cheap and comes first: the next slot asks it again. */
  gate: { ...lasting, onward: "stop" },
  /** The same handler would fail the same way on another stream of this model; another provider's streams may suit it. */
  event_handler: { ...lasting, onward: "other_model", exitCode: 78 },
  /**
   * Nothing was asked: every model is being left alone. The call ends at once with the time of the first that opens; the run waits for it
   * if that is within `limits.maxWait`, else it ends with the time.
   */
  breaker_open: { ...passing, sameRung: 0, wait: noWait, startOver: false, status: "deferred", exitCode: 75 },
  /** Our own mistake does not become right by repetition. */
  internal: { ...lasting, onward: "stop" },
  /** Small budget: once more, then each other model once. */
  unknown: { ...passing, sameRung: 1, wait: doubling(10 * SECOND, MINUTE), startOver: false, exitCode: 1 },
};

/** Whether a provider says "later", so that the job's `onRateLimit` decides. Of an overload only if it says when. */
export function saysLater(fault: Fault, retryAfterMs: number | undefined): boolean {
  return fault === "rate_limit" || fault === "quota_window" || (fault === "overloaded" && retryAfterMs !== undefined);
}
