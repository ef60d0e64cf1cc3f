import path from "node:path";
import { UsageError } from "../../errors.ts";
import type { Job } from "../../job/job.ts";
import { nearest } from "../../job/words.ts";
import type { Project } from "../../compose/project.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import type { Exported, ExportFormat } from "../export/format.ts";
import { formats } from "../export/index.ts";
import { ownProgram } from "../own-program.ts";
import { reportProblems } from "../problems.ts";
import { writeFiles } from "../write-files.ts";

export const exportJobs: CommandDefinition = {
  name: "export",
  summary: "Write jobs in another form: json for a backup or another machine, crontab, systemd or k8s for another scheduler",
  examples: [
    ["runner export json > jobs.json", "all jobs, normalised, in one file that is a job file again"],
    ["runner export json fpl-daily-check", "one job"],
    ["runner export crontab", "a line a job; with --tick one line for all"],
    ["runner export k8s --image registry.example.com/jobs:1 --out k8s", "a CronJob a job, a file each"],
  ],
  define: (command) =>
    command
      .argument("<format>", Object.keys(formats).join(", "))
      .argument("[job...]", "names or ids of jobs (default: all)")
      .option("--tick", "crontab: one line that runs all jobs, instead of one a job")
      .option("--image <image>", "k8s: the image that the jobs run in")
      .option("--secret <name>", "k8s: the Secret that holds the keys (default: runner-keys)")
      .option("--out <folder>", "write files there instead of printing them")
      .option("--force", "with --out: replace files that are there"),
  execute,
};

/** Options that every format has. */
const common = new Set(["out", "force", "json", "dir", "config", "stateDir", "color"]);

async function execute(
  context: CommandContext,
  [name = "", ...jobNames]: readonly string[],
  options: CommandOptions,
): Promise<number> {
  const format = await formatOf(name, options);
  const { loadProject } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const jobs = jobNames.length === 0 ? project.jobs : jobNames.map((job) => project.jobFor(job));
  const exported = format.write({
    jobs,
    zone: project.zone,
    projectDir: project.projectDir,
    stateDir: project.stateDir,
    keys: keysOf(jobs, project),
    program: ownProgram(),
    place: placeWords(context.place, project.projectDir),
    env: context.env,
    options,
    now: new Date(),
  });
  tell(context, format, exported, options);
  return jobNames.length === 0 ? reportProblems(context.output, { issues: project.issues, warnings: [] }) : 0;
}

/** What starts a job there has to mean the ledger that is meant here: another one would know of no slot that has its run. */
function placeWords({ dir, configFile, stateDir }: CommandContext["place"], projectDir: string): string[] {
  return [
    "-C",
    projectDir,
    ...(configFile === undefined ? [] : ["--config", path.resolve(dir, configFile)]),
    ...(stateDir === undefined ? [] : ["--state-dir", path.resolve(dir, stateDir)]),
  ];
}

async function formatOf(name: string, options: CommandOptions): Promise<ExportFormat> {
  const load = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (load === undefined) {
    const near = nearest(name, Object.keys(formats));
    const known = `There are: ${Object.keys(formats).join(", ")}`;
    throw new UsageError(`there is no format ${JSON.stringify(name)}`, {
      suggestion: near === undefined ? known : `Did you mean "${near}"? ${known}`,
    });
  }
  const format = await load();
  const foreign = Object.keys(options).find((key) => !common.has(key) && !format.options.includes(key));
  if (foreign !== undefined)
    throw new UsageError(`--${foreign.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is no option of ${name}`);
  return format;
}

/** Variables that the keys of the jobs' models are read from. */
function keysOf(jobs: readonly Job[], { providers, defaultModel, defaultFallbacks }: Project): string[] {
  const models = jobs.flatMap(({ payload }) =>
    payload.kind === "agentTurn" ? [payload.model ?? defaultModel, ...(payload.fallbacks ?? defaultFallbacks)] : [],
  );
  const names = models.map((model) => providers.get(model?.split("/")[0] ?? "")?.apiKey?.env);
  const granted = jobs.flatMap(({ payload }) => {
    const envs = payload.kind === "command" ? [payload.env] : Object.values(payload.tools?.mcp ?? {}).map(textsOf);
    return envs.flatMap((env) =>
      Object.values(env ?? {}).flatMap((text) => [...text.matchAll(/\$\{(\w+)\}/g)].map(([, one]) => one)),
    );
  });
  return [...new Set([...names, ...granted].filter((one) => one !== undefined))].toSorted();
}

type Grant = NonNullable<NonNullable<Extract<Job["payload"], { kind: "agentTurn" }>["tools"]>["mcp"]>[string];

function textsOf(grant: Grant): Readonly<Record<string, string>> | undefined {
  return grant.transport === "stdio" ? grant.env : grant.headers;
}

function tell(
  { output, place }: CommandContext,
  format: ExportFormat,
  { files, between = "", notes }: Exported,
  options: CommandOptions,
): void {
  const out = typeof options["out"] === "string" ? options["out"] : undefined;
  const written =
    out === undefined
      ? []
      : writeFiles(path.resolve(place.dir, out), files, {
          force: options["force"] === true,
          mayBeSame: true,
          remedy: "Replace it with --force, or name another folder with --out.",
          elsewhere: "name another folder with --out",
        });
  if (output.json) {
    output.document("export", { format: format.name, files, notes, written: out === undefined ? undefined : written });
    return;
  }
  for (const { job, message } of notes)
    output.note(`${output.styleNote("yellow", "note:")} ${job === undefined ? "" : `${job}: `}${message}`);
  if (out === undefined) {
    if (files.length > 0)
      output.data(
        files
          .map(({ text }) => text)
          .join(between)
          .replace(/\n$/, ""),
      );
    return;
  }
  for (const file of files)
    output.data(
      `${written.includes(file.path) ? output.style("green", "wrote") : output.style("dim", "as it is")}  ${path.join(out, file.path)}`,
    );
}
