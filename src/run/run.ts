/** The states of a run, DESIGN's closed table of endings and the one that is not an ending. */
export const runStatuses = [
  "running",
  "succeeded",
  "quiet",
  "failed",
  "timed_out",
  "skipped",
  "missed",
  "cancelled",
  "interrupted",
  "deferred",
  "blocked",
  "unknown",
] as const;

export type RunStatus = (typeof runStatuses)[number];
