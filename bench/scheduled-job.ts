/** A job for the scheduler's benchmarks: every part of it is its own, as if it were read from a file of its own. */
import type { Job, Schedule } from "../src/job/job.ts";
import { parseJob } from "../src/job/parse.ts";

const parsed = parseJob(
  { schedule: "0 0 * * *", payload: { kind: "agentTurn", message: "Look at it.", model: "simulated/model" } },
  () => ({ line: 1, column: 1 }),
  { file: "jobs/bench.json", id: "bench", name: "bench" },
);
if (!("job" in parsed)) throw new Error(JSON.stringify(parsed.issues));
const model = parsed.job;

export function scheduledJob(number: number, schedule: Schedule): Job {
  const id = `job-${number}`;
  // What a file says nothing about is shared by all jobs (`usual` of job/to-job.ts).
  return { ...model, payload: { ...model.payload }, id, name: id, schedule, source: { file: `jobs/${id}.json`, line: 1 } };
}
