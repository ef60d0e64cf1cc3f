/** The records of the project: its ledger, open for reading, and the runs that people name. */
import type { LoadOptions, Project } from "../compose/project.ts";
import { UsageError } from "../errors.ts";
import type { HistoryQuery, LedgerReader, RunDetail, RunRow } from "../ledger/ledger.ts";
import { shellWord } from "../load/shell-word.ts";
import { simulatedJobId } from "../run/run.ts";
import type { CommandContext } from "./command.ts";

export interface Records {
  readonly project: Project;
  /** `undefined` where nothing has been run yet. */
  readonly ledger: LedgerReader | undefined;
}

/**
 * Opens the records, and closes them whatever comes of `work`. Nothing is made or changed.
 * @param load How the project is read; default as for a command that only looks. One that runs a job says `{}`.
 */
export async function withRecords<T>(
  context: CommandContext,
  work: (records: Records) => Promise<T>,
  load: LoadOptions = { cache: "take" },
): Promise<T> {
  const { loadProject, openProjectLedger } = await import("../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env }, load);
  const ledger = await openProjectLedger(project, { create: false });
  try {
    return await work({ project, ledger });
  } finally {
    await ledger?.close();
  }
}

/**
 * The run that a person named: `last`, an id or 4 characters or more of its beginning, or a job's name or id for its newest run.
 * @throws UsageError that says what to write instead
 */
export async function findRun({ project, ledger }: Records, wanted: string): Promise<RunDetail> {
  const jobId = project.jobIdFor(wanted);
  const nothingYet = (): UsageError =>
    new UsageError(`there is no run "${wanted}": nothing has been run yet`, { suggestion: "Start one: runner run JOB" });
  if (ledger === undefined) throw jobId === undefined ? nothingYet() : notRunYet(wanted);
  const newest = wanted === "last" ? (await ledger.history({ limit: 1 }))[0] : undefined;
  // A daemon makes the ledger before it has anything to write into it.
  if (wanted === "last" && newest === undefined && jobId === undefined) throw nothingYet();
  const found = await ledger.run(newest?.runId ?? wanted);
  if (found !== undefined && !("ambiguous" in found)) return found;
  const [ofJob] = await runsOfJob(ledger, jobId ?? wanted, { limit: 1 });
  const run = ofJob === undefined ? undefined : await ledger.run(ofJob.runId);
  if (run !== undefined && !("ambiguous" in run)) return run;
  if (found !== undefined)
    throw new UsageError(`"${wanted}" begins the ids of several runs: ${found.ambiguous.join(", ")}`, {
      suggestion: "Give more of the id.",
    });
  if (jobId !== undefined) throw notRunYet(wanted);
  throw new UsageError(`there is no run "${wanted}"`, {
    suggestion: "Give 4 characters of its id or more, a job's name for its newest run, or `last`; see: runner history",
  });
}

function notRunYet(job: string): UsageError {
  const name = shellWord(job);
  return new UsageError(`${job} has not been run yet`, {
    suggestion: `Start it: runner run ${name}; why it was not at a time: runner explain ${name} --at TIME`,
  });
}

/** Newest first. Runs of a job that were simulated are kept under an id of their own. */
export async function runsOfJob(ledger: LedgerReader, jobId: string, query: HistoryQuery): Promise<readonly RunRow[]> {
  const lists = await Promise.all([jobId, simulatedJobId(jobId)].map((id) => ledger.history({ ...query, jobId: id })));
  return lists
    .flat()
    .toSorted((a, b) => b.startedAt - a.startedAt)
    .slice(0, query.limit ?? 20);
}

/**
 * The id of the job that a person named, for reading what is kept of it: history outlives a job's file.
 * @throws UsageError or JobError for a name that neither the files nor the records know
 */
export async function jobIdOf({ project, ledger }: Records, wanted: string): Promise<string> {
  const known = project.jobIdFor(wanted);
  if (known !== undefined) return known;
  const kept = ledger === undefined ? [] : await runsOfJob(ledger, wanted, { limit: 1 });
  return kept.length > 0 ? wanted : project.jobFor(wanted).id;
}
