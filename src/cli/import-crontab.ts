/** `runner import crontab`: read, made into jobs, held against each other, written. */
import path from "node:path";
import { loadProject, type Project } from "../compose/project.ts";
import { UsageError, type Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { isRecord } from "../job/shape.ts";
import { readCrontab, type CrontabEntry } from "../load/crontab/crontab.ts";
import type { Surroundings } from "../load/crontab/draft.ts";
import { jobOf, type ImportedEntry } from "../load/crontab/job-of.ts";
import { holdsSecret } from "../load/crontab/secrets.ts";
import { ownUser, readCrontabSource, readScript, userNamed } from "../load/crontab/source.ts";
import { importedFile } from "../load/imported-file.ts";
import { machineZone } from "../load/machine-zone.ts";
import type { CommandContext, CommandOptions } from "./command.ts";
import { finishImport, importPlace, takenNames } from "./import-files.ts";
import type { ImportedJob } from "./import-lines.ts";
import { compareWithCron } from "./side-by-side.ts";
import { wholeNumber } from "./whole-number.ts";

/** What is the same of all jobs, said once. */
const inGeneral = [
  "cron starts a second run beside one that is still going; here a slot that finds one is skipped and recorded (overlap: skip)",
  "cron makes nothing up that passed while it was down, and neither do these jobs (catchUp: skip)",
  "cron has no time limit; here a run ends after 1 day. An exit code other than 0 is a failed run, and runner history shows it",
];

export async function importCrontab(context: CommandContext, file: string | undefined, options: CommandOptions): Promise<number> {
  const count = wholeNumber("-n, --next", options["next"], 0, 100);
  const source = readCrontabSource(file, path.resolve(context.place.dir), context.env);
  const project = await loadProject({ ...context.place, env: context.env });
  const system = options["system"] === true || source.system;
  const read = readCrontab(source.text, { file: source.file, system });
  const issues: Issue[] = [...read.issues];
  const warnings: Issue[] = [...read.warnings];
  if (source.passedOver !== undefined) warnings.unshift({ file: source.file, path: "", message: source.passedOver });
  const place = importPlace(project, options);
  // OpenClaw's store is looked into only where a line runs one of its jobs.
  const stored = /\bcron\s+run\b/.test(source.text) ? await openClawPayloads(context) : () => undefined;
  const around = surroundings(context, project, place.dir, stored);
  const jobs: ImportedJob[] = [];
  for (const entry of read.entries) {
    if (entry.comment.some((line) => line.includes(">>> runner install:"))) {
      warnings.push({ file: source.file, line: entry.line, path: "", message: "is runner's own line and stays where it is" });
      continue;
    }
    const made = jobOf(entry, around);
    if ("problem" in made) {
      issues.push({ file: source.file, line: entry.line, path: "", message: made.problem, suggestion: made.suggestion });
      continue;
    }
    const target = place.of(`${made.fileName}.yaml`);
    const written = await importedFile(made, {
      ...target,
      projectDir: project.projectDir,
      providers: [...project.providers.keys()],
    });
    if (written.job === undefined) issues.push(...written.issues.map((issue) => inCrontab(issue, source.file, entry.line)));
    else jobs.push(describe(made, { job: written.job, text: written.text, file: target.file, count, now: Date.now() }));
  }
  const general = jobs.length === 0 ? [] : [...inGeneral, ...mailed(read.entries)];
  return finishImport(
    context,
    { from: "crontab", file: source.file, private: source.private, jobs, general, issues, warnings },
    place,
    options,
  );
}

/** Who was mailed, said once for all lines: it is a comment in each file. */
function mailed(entries: readonly CrontabEntry[]): string[] {
  const addresses = entries.map(({ settings }) => settings.get("MAILTO")?.value ?? "").filter((address) => address !== "");
  const shown = [...new Set(addresses)].filter((address) => !holdsSecret(address));
  if (shown.length === 0) return [];
  return [
    `cron mailed the output to ${shown.join(", ")}, which is kept as a comment (MAILTO): a later version of runner delivers; until then see runner show`,
  ];
}

/** A problem of the file that would have been written, at the line it comes from. */
function inCrontab({ path: key, message, suggestion }: Issue, file: string, line: number): Issue {
  return {
    file,
    line,
    path: "",
    message: `its job would not hold: ${key}: ${message}`,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

/** Payloads of the jobs of OpenClaw's own store, where there is one. */
async function openClawPayloads({ env, place }: CommandContext): Promise<Surroundings["openClawPayload"]> {
  const { openClawDir, readOpenClawStore } = await import("../load/openclaw/store.ts");
  const { readOpenClawConfig } = await import("../load/openclaw/config.ts");
  const { rowToJob } = await import("../load/openclaw/job-of.ts");
  const cwd = path.resolve(place.dir);
  const dir = openClawDir(env, cwd);
  try {
    const [{ file, jobs }, { choiceOf, modelOf }] = [
      await readOpenClawStore(dir, cwd, env),
      await readOpenClawConfig(dir, cwd, env),
    ];
    const context = { file, zone: "UTC", choiceOf, modelOf, taken: new Set<string>(), files: new Set<string>() };
    const rows = jobs.map((job) => rowToJob(job, context)).filter((row) => "value" in row);
    return (asked) => {
      const payload = rows.find(({ value, name }) => value["id"] === asked || name === asked)?.value["payload"];
      return isRecord(payload) ? payload : undefined;
    };
  } catch (error) {
    if (error instanceof UsageError) return () => undefined;
    throw error;
  }
}

function surroundings(
  { env }: CommandContext,
  project: Project,
  out: string,
  openClawPayload: Surroundings["openClawPayload"],
): Surroundings {
  return {
    me: ownUser(),
    userOf: (name) => userNamed(name),
    zone: machineZone(env),
    script: readScript,
    openClawPayload,
    modelProblem: (model) => modelProblem(model, project),
    taken: takenNames(project, out),
  };
}

function modelProblem(model: string | undefined, { defaultModel, providers }: Project): string | undefined {
  if (model === undefined)
    return defaultModel === undefined ? 'it names no model, and the configuration has no "model"' : undefined;
  const id = model.split("/")[0] ?? "";
  if (!model.includes("/")) return `${JSON.stringify(model.slice(0, 60))} names no provider`;
  return providers.has(id)
    ? undefined
    : `the provider ${JSON.stringify(id.slice(0, 60))} is not known here; runner import openclaw says what to write into the configuration`;
}

interface Described {
  readonly job: Job;
  readonly text: string;
  readonly file: string;
  readonly count: number;
  readonly now: number;
}

function describe(
  { entry, name, notes, variables, schedule }: ImportedEntry,
  { job, text, file, count, now }: Described,
): ImportedJob {
  const { sets, zone } = schedule;
  const when = entry.when.kind === "reboot" ? "@reboot" : `${entry.when.text} ${zone}`;
  return {
    name,
    file,
    origin: `line ${entry.line}`,
    when,
    text,
    notes,
    variables,
    ...(sets === undefined || count === 0 ? {} : { comparison: compareWithCron(sets, job.schedule, { zone, now, count }) }),
  };
}
