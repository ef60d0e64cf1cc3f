/** How much the ledger keeps, and for how long. */

/** Longest error, reason or `why` that is kept, in UTF-16 units; the rest is cut. */
export const keptText = 4000;

/** Most repairs kept of one try; a last entry `more_repairs` then says how many were left out. */
export const keptRepairs = 200;

/** Most warnings kept of a run, and the longest one, in UTF-16 units; a last line then says how many were left out. */
export const keptWarnings = 50;
export const keptWarningText = 500;

/** Most text kept of one try's recorded stream, in UTF-16 units; what is longer ends with its last whole line. */
export const keptRecording = 1_048_576;

/** Events of the scheduler that are kept, the newest, and the longest text of one, in UTF-16 units. */
export const keptEvents = 10_000;
/** Starts of the machine, or of a container, that are known as answered, beyond those: the ones that were noted last. */
export const keptBoots = 100;
export const keptEventText = 500;
/** Of what is noted again and again in the same words only the newest so many are kept. */
export const keptOfSame = { booted: 1, ticked: 2 } as const;

/**
 * Pauses that are over are kept for so long, and the newest so many: longer than any slot is made up for (`catchUp.maxAge` is at most 30 days),
 * so that the slots of a pause are none of those.
 */
export const keptPausesMs = 35 * 86_400_000;
export const keptPauses = 10_000;

/**
 * How long runs are kept, whichever keeps more: the newest so many of each job, and all that started in so many days. An open run
 * is always kept.
 */
export const keptRuns = 1000;
export const keptMs = 90 * 86_400_000;

/** How many days the numbers of a job's endings are kept, which outlive its runs. */
export const keptDays = 400;

/** How much is kept; see `keptRuns`. `runs` is 1 or more. */
export interface Keep {
  readonly runs: number;
  readonly ms: number;
}

/** What a step says for which no end was recorded before its run ended. */
export const endedWithoutRecord = "ended without a record";
