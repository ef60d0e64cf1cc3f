/** `runner import openclaw`: a store is read, its jobs become job files, and what it recorded of them is told. */
import path from "node:path";
import { loadProject, type Project } from "../compose/project.ts";
import type { Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { importedFile } from "../load/imported-file.ts";
import { instantUtc } from "./format.ts";
import { machineZone } from "../load/machine-zone.ts";
import { readOpenClawConfig, type OpenClawConfig } from "../load/openclaw/config.ts";
import { rowToJob, type ImportedRow } from "../load/openclaw/job-of.ts";
import { openClawDir, readOpenClawStore } from "../load/openclaw/store.ts";
import type { OpenClawStore } from "../load/openclaw/stored.ts";
import { describeSchedule } from "../schedule/describe.ts";
import type { CommandContext, CommandOptions } from "./command.ts";
import { finishImport, importPlace, takenNames } from "./import-files.ts";
import type { ImportedJob } from "./import-lines.ts";
import { nextThere, pastLine } from "./openclaw-past.ts";
import { receiptLines, stateWithReceipts } from "./openclaw-receipts.ts";

export async function importOpenClaw(
  context: CommandContext,
  given: string | undefined,
  options: CommandOptions,
): Promise<number> {
  const { env } = context;
  const cwd = path.resolve(context.place.dir);
  const { store, config } = await storeAndConfig(given, cwd, env);
  const project = await loadProject({ ...context.place, env });
  const place = importPlace(project, options);
  const issues: Issue[] = [...store.issues];
  const rows: ImportedRow[] = [];
  const rowContext = {
    file: store.file,
    zone: machineZone(env),
    choiceOf: config.choiceOf,
    modelOf: config.modelOf,
    taken: takenNames(project, place.dir),
    files: new Set<string>(),
  };
  for (const stored of store.jobs) {
    const made = rowToJob(stored, rowContext);
    if ("issues" in made) issues.push(...made.issues);
    else rows.push(made);
  }
  const providers = suggestedProviders(rows, project, config);
  const known = [...project.providers.keys(), ...Object.keys(providers.entries)];
  const jobs: ImportedJob[] = [];
  for (const row of rows) {
    const target = place.of(`${row.fileName}.yaml`);
    const written = await importedFile(row, { ...target, projectDir: project.projectDir, providers: known });
    if (written.job === undefined)
      issues.push(
        ...written.issues.map((issue) => ({
          ...issue,
          file: store.file,
          line: row.stored.line ?? 1,
          path: `${row.stored.origin}.${issue.path}`,
        })),
      );
    else jobs.push(describe(row, written.job, { text: written.text, file: target.file, zone: rowContext.zone }));
  }
  return finishImport(
    context,
    {
      from: "openclaw",
      file: store.file,
      // The folder is one person's own, whatever the modes of the files in it.
      private: true,
      jobs,
      general: [...generalWords(jobs, config), ...providers.lines],
      issues,
      warnings: [...store.warnings, ...config.warnings],
      more: { suggestedConfig: Object.keys(providers.entries).length === 0 ? undefined : { providers: providers.entries } },
    },
    place,
    options,
  );
}

/** Its configuration may name the store; one that is named on the command line has its configuration beside it. */
async function storeAndConfig(
  given: string | undefined,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly store: OpenClawStore; readonly config: OpenClawConfig }> {
  if (given === undefined) {
    const config = await readOpenClawConfig(openClawDir(env, cwd), cwd, env);
    if (config.store !== undefined) return { store: await readOpenClawStore(config.store, cwd, env), config };
  }
  const store = await readOpenClawStore(given, cwd, env);
  return { store, config: await readOpenClawConfig(store.stateDir, cwd, env) };
}

function generalWords(jobs: readonly ImportedJob[], { scheduling }: OpenClawConfig): string[] {
  if (jobs.length === 0) return [];
  return [
    "a turn has no tools here until the job grants them: add tools to the jobs that used some (docs/tools.md)",
    "answers are not sent to channels yet: they are in the ledger, runner show RUN",
    "what OpenClaw recorded of past runs stays in its store: runner history begins with the first run here",
    ...(scheduling.length === 0
      ? []
      : [
          `not taken over from OpenClaw's configuration: ${scheduling.join(", ")}; see "scheduler" and "retry" in docs/configuration.md`,
        ]),
  ];
}

function describe(row: ImportedRow, job: Job, at: { text: string; file: string; zone: string }): ImportedJob {
  const { state, origin, receipts = [] } = row.stored;
  const past = [pastLine(stateWithReceipts(state, receipts)) ?? [], receiptLines(state, receipts, instantUtc)].flat();
  const disabled =
    state["autoDisabled"] === undefined
      ? []
      : ["OpenClaw had disabled it by itself after failures; it is written as the store has it"];
  const zone = job.schedule.kind === "cron" ? (job.schedule.tz ?? at.zone) : at.zone;
  const comparison = nextThere(state, job.schedule, zone);
  return {
    name: row.name,
    file: at.file,
    origin,
    when: `${describeSchedule(job.schedule)}${job.enabled ? "" : ", disabled"}`,
    text: at.text,
    notes: [...row.notes, ...disabled, ...stateNotes(state, job), ...past],
    variables: row.variables,
    ...(comparison === undefined ? {} : { comparison }),
  };
}

/** What makes a job run twice, or never. */
function stateNotes(state: ImportedRow["stored"]["state"], { schedule }: Job): string[] {
  const notes: string[] = [];
  const since = state["runningAtMs"] ?? state["queuedAtMs"];
  if (typeof since === "number" && since > 0)
    notes.push(`a run of it is under way or queued there since ${instantUtc(since)}, by what the store says`);
  if (schedule.kind === "at" && Date.parse(schedule.at) <= Date.now())
    notes.push("its instant has passed, so it does not run here by itself: runner run carries it out");
  return notes;
}

/** Providers that jobs ask and runner does not know: as they would stand in its configuration. */
function suggestedProviders(
  rows: readonly ImportedRow[],
  project: Project,
  config: OpenClawConfig,
): { readonly entries: Record<string, unknown>; readonly lines: readonly string[] } {
  const models = rows.flatMap(({ value: { payload } }) => {
    const { model, fallbacks } =
      typeof payload === "object" && payload !== null
        ? { model: undefined, fallbacks: [], ...payload }
        : { model: undefined, fallbacks: [] };
    return [model, ...(Array.isArray(fallbacks) ? fallbacks : [])].filter((one) => typeof one === "string");
  });
  const ids = [...new Set(models.map((model: string) => model.split("/")[0] ?? ""))].filter((id) => !project.providers.has(id));
  const entries: Record<string, unknown> = {};
  const lines: string[] = [];
  for (const id of ids) {
    const found = config.provider(id);
    if (found === undefined) continue;
    if ("problem" in found) {
      lines.push(`the provider ${id} ${found.problem}`);
      continue;
    }
    entries[id] = found.entry;
    lines.push(...found.notes.map((note) => `the provider ${id}: ${note}`));
  }
  if (Object.keys(entries).length === 0) return { entries, lines };
  const text = JSON.stringify({ providers: entries }, undefined, 2).split("\n");
  return {
    entries,
    lines: [
      ...lines,
      "runner does not know these providers yet; until this is in runner.config.json, validate refuses their jobs:",
      ...text,
    ],
  };
}
