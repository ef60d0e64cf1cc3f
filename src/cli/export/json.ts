import { jobFile } from "../job-file.ts";
import type { ExportFormat } from "./format.ts";

/** The jobs as one job file: for a backup, another machine, or another program. */
export const json: ExportFormat = {
  name: "json",
  summary: "the jobs, normalised, as one job file",
  options: [],
  write: ({ jobs }) => ({
    files: [{ path: "jobs.json", text: `${JSON.stringify(jobs.map(jobFile), undefined, 2)}\n` }],
    notes: jobs.flatMap((job) => {
      const kept = [job.workDir, job.eventHandler].filter((path) => path !== undefined);
      return kept.length === 0 ? [] : [{ job: job.name, message: `names a path of this machine: ${kept.join(", ")}` }];
    }),
  }),
};
