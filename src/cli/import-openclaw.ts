/** `runner import openclaw`: a store is read, its jobs become job files, and what it recorded of them is told. */
import path from "node:path";
import { loadProject, type Project } from "../compose/project.ts";
import type { Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { importedFile } from "../load/imported-file.ts";
import { machineZone } from "../load/machine-zone.ts";
import { readOpenClawConfig, type OpenClawConfig } from "../load/openclaw/config.ts";
import { rowToJob, type ImportedRow } from "../load/openclaw/job-of.ts";
import { readOpenClawStore } from "../load/openclaw/store.ts";
import { describeSchedule } from "../schedule/describe.ts";
import type { CommandContext, CommandOptions } from "./command.ts";
import { finishImport, importPlace, takenNames } from "./import-files.ts";
import type { ImportedJob } from "./import-lines.ts";
import { nextThere, pastLine } from "./openclaw-past.ts";

export async function importOpenClaw(
  context: CommandContext,
  given: string | undefined,
  options: CommandOptions,
): Promise<number> {
  const { env } = context;
  const cwd = path.resolve(context.place.dir);
  const store = await readOpenClawStore(given, cwd, env);
  const config = await readOpenClawConfig(store.stateDir, cwd, env);
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
      general: [...generalWords(jobs), ...providers.lines],
      issues,
      warnings: [...store.warnings, ...config.warnings],
      more: { suggestedConfig: Object.keys(providers.entries).length === 0 ? undefined : { providers: providers.entries } },
    },
    place,
    options,
  );
}

function generalWords(jobs: readonly ImportedJob[]): string[] {
  if (jobs.length === 0) return [];
  return [
    "a turn has no tools here until the job grants them: add tools to the jobs that used some (docs/tools.md)",
    "answers are not sent to channels yet: they are in the ledger, runner show RUN",
  ];
}

function describe(row: ImportedRow, job: Job, at: { text: string; file: string; zone: string }): ImportedJob {
  const { state, origin } = row.stored;
  const past = pastLine(state);
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
    notes: [...row.notes, ...disabled, ...(past === undefined ? [] : [past])],
    variables: row.variables,
    ...(comparison === undefined ? {} : { comparison }),
  };
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
