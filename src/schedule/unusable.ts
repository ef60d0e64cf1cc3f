import { JobError } from "../errors.ts";

/** That a schedule's slots cannot be computed. */
export function unusable(path: string, message: string, cause?: unknown): JobError {
  return new JobError([{ file: "schedule", path, message }], cause === undefined ? {} : { cause });
}
