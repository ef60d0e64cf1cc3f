/**
 * What a run can be and how it gets there: one closed table of states and verbs, and the one function that moves a run from
 * state to state. Every backend of the ledger refuses a move that is not in the table, so that no caller can reopen an ending.
 */

/** The states of a run: those that are no ending, and the closed list of endings. */
export const runStatuses = [
  /** The slot is claimed and nothing was begun: it waits for a free place, or for the job's open run (`overlap: queue`). No process has it. */
  "queued",
  /** Claimed by a live process, or by one that has died and was not rescued yet. */
  "running",
  /** Between two attempts, or until a provider's limit is over: a row with a time, carried on by whoever is there then. No process has it. */
  "waiting",
  /** The turn ended with a terminal event, text, and every expectation met. */
  "succeeded",
  /** A success with nothing to report, where the job allows that. */
  "quiet",
  /** Every permitted attempt failed, or the answer did not meet an expectation. */
  "failed",
  /** The run's own time limit came first. */
  "timed_out",
  /** Not carried out on purpose: another run of the job was open, or the job said that there was nothing to do. */
  "skipped",
  /** The due instant passed while nobody was there to answer it, and catching up was not wanted. */
  "missed",
  /** A person or a signal stopped it. */
  "cancelled",
  /** Its process died, or its claim did, while it was under way. Repeated only under the side-effect rule. */
  "interrupted",
  /** Put off to a known later time, such as the reset of a used-up plan; a later run answers it. */
  "deferred",
  /** Something stands in its way that waiting does not remove: a missing key, a used-up budget, a paused job. */
  "blocked",
  /** Whether it did its work cannot be found out. Never repeated without a person's word. */
  "unknown",
] as const;

export type RunStatus = (typeof runStatuses)[number];

/** A state in which a run stays. */
export type RunEnding = Exclude<RunStatus, OpenStatus>;

/** Not ended yet. */
export const openStatuses = ["queued", "running", "waiting"] as const;
export type OpenStatus = (typeof openStatuses)[number];

/** Where a run comes from: a due instant or a person's wish, not yet recorded. No row of the ledger is ever in this state. */
export type RunOrigin = "due";

/**
 * The table. What has nothing under way (`due`, `queued`) cannot have succeeded, timed out or been interrupted; what is running cannot
 * have been missed. There is no row for the endings: nothing leads out of one, a repetition is a run of its own.
 */
const moves = {
  due: {
    queue: "queued",
    start: "running",
    skip: "skipped",
    miss: "missed",
    defer: "deferred",
    block: "blocked",
    cancel: "cancelled",
    fail: "failed",
  },
  queued: {
    start: "running",
    skip: "skipped",
    miss: "missed",
    defer: "deferred",
    block: "blocked",
    cancel: "cancelled",
    fail: "failed",
  },
  waiting: {
    carry_on: "running",
    skip: "skipped",
    fail: "failed",
    time_out: "timed_out",
    cancel: "cancelled",
    interrupt: "interrupted",
    defer: "deferred",
    block: "blocked",
    lose_track: "unknown",
  },
  running: {
    wait: "waiting",
    succeed: "succeeded",
    keep_quiet: "quiet",
    fail: "failed",
    time_out: "timed_out",
    skip: "skipped",
    cancel: "cancelled",
    interrupt: "interrupted",
    defer: "deferred",
    block: "blocked",
    lose_track: "unknown",
  },
} as const satisfies Record<RunOrigin | OpenStatus, Readonly<Record<string, RunStatus>>>;

type Verbs = { readonly [From in keyof typeof moves]: keyof (typeof moves)[From] };
export type RunVerb = Verbs[keyof Verbs];

function movesFrom(from: RunStatus | RunOrigin): Readonly<Record<string, RunStatus>> {
  return from === "due" || !isEnding(from) ? moves[from] : {};
}

/**
 * The one function that changes a run's state.
 * @throws Error if the verb is not one of the state's: a broken invariant of the caller, never a user's mistake.
 */
export function transition(from: RunStatus | RunOrigin, verb: RunVerb): RunStatus {
  const table = movesFrom(from);
  const to = Object.hasOwn(table, verb) ? table[verb] : undefined;
  if (to === undefined) throw new Error(`broken invariant: a run that is ${from} cannot ${verb.replaceAll("_", " ")}`);
  return to;
}

/** Whether some verb leads from one state to the other: the ledger's check of a record it is asked to write. */
export function isMove(from: RunStatus | RunOrigin, to: RunStatus): boolean {
  return Object.values(movesFrom(from)).includes(to);
}

/** Whether a run in this state is over for good. */
export function isEnding(status: RunStatus): status is RunEnding {
  return !openStatuses.some((open) => open === status);
}

/**
 * The id under which simulated runs of a job are kept: they neither stand in the way of real runs nor pass for the job's last one.
 */
export function simulatedJobId(jobId: string): string {
  return `simulated:${jobId}`;
}

/**
 * The id under which the runs of `verify` are kept, one for each lane, so that they run beside each other and beside real ones, and pass
 * for none of these.
 */
export function verifyJobId(jobId: string, lane: string): string {
  return `verify:${jobId}:${lane}`;
}

/** The job's own id, of whichever of these ids its runs are kept under. */
export function baseJobId(kept: string): string {
  return kept.replace(/^simulated:/, "").replace(/^verify:(.*):[^:]*$/, "$1");
}
