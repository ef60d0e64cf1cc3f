import type { Entry } from "./roster.ts";
import type { State } from "./state.ts";

/** A job that cannot be computed or written is left out, and the others go on. */
export function tellUnusable({ parts }: State, { job }: Entry, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  parts.listen({ type: "job_unusable", at: parts.clock.now(), jobName: job.name, reason });
}
