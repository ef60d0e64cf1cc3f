import path from "node:path";
import { UsageError } from "../../errors.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { configPath, firstJob, firstModels, plannedFiles, type InitAnswers } from "../init.ts";
import { writeFiles, type NewFile } from "../write-files.ts";

export const init: CommandDefinition = {
  name: "init",
  summary: "Write a configuration and a first job that runs; asks on a terminal, else takes flags",
  examples: [
    ["runner init", "asks; on anything but a terminal it takes the flags and the defaults"],
    ["runner init --yes", "asks nothing; the provider is one whose key is in the environment"],
    ["runner init --model anthropic/claude-sonnet-4-6 --job digest --schedule '0 7 * * *'", "everything said"],
  ],
  define: (command) =>
    command
      .option("--provider <provider>", "who answers (default: the first one whose key is in the environment)")
      .option("--model <provider/model>", "the model; its provider need not be named besides")
      .option("--job <name>", `name of the first job (default: ${firstJob.job})`)
      .option("--schedule <when>", `cron expression, @daily, 30m or manual (default: ${firstJob.schedule})`)
      .option("--message <text>", "what the job asks for")
      .option("-y, --yes", "ask nothing: flags and defaults")
      .option("--force", "overwrite files that are there"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const dir = path.resolve(context.place.dir);
  const found = await findProviders(context, options);
  const answers = await answer(context, options, found);
  if (answers === undefined) return 130;
  const variable = found.keyOf(answers.model);
  const configured = found.configFile !== undefined && !(found.ownConfig && options["force"] === true);
  const all: InitAnswers = { ...answers, variable: variable?.name, timezone: found.timezone, configured };
  const files = plannedFiles(all);
  writeFiles(dir, files, {
    force: options["force"] === true,
    remedy: "Overwrite it with --force, or name another job with --job NAME.",
  });
  tell(context, all, { files, kept: configured ? found.configFile : undefined, keySet: variable?.set ?? true });
  return 0;
}

type Found = Awaited<ReturnType<typeof findProviders>>;

/** The providers that are known here, with the folder's own configuration where there is one. */
async function findProviders(context: CommandContext, options: CommandOptions) {
  const { surroundings } = await import("../../compose/surroundings.ts");
  const { providers, configFile, timezone } = await surroundings({ ...context.place, env: context.env });
  const known = new Map(providers.map((provider) => [provider.id, provider]));
  const wanted = text(options, "provider") ?? text(options, "model")?.split("/")[0];
  if (wanted !== undefined && !known.has(wanted)) {
    throw new UsageError(`there is no provider ${JSON.stringify(wanted)}`, {
      suggestion: `Known are ${[...known.keys()].join(", ")}; any other compatible one is a few lines in ${configPath}, see docs/providers.md.`,
    });
  }
  const keyOf = (model: string) => {
    const provider = known.get(model.slice(0, model.indexOf("/")));
    return provider?.variable === undefined ? undefined : { name: provider.variable, set: provider.keySet };
  };
  const first =
    wanted ?? providers.find(({ variable, keySet }) => variable !== undefined && keySet)?.id ?? providers[0]?.id ?? "";
  return { providers, first, keyOf, configFile, ownConfig: configFile === configPath, timezone };
}

async function answer(
  { output, env, place }: CommandContext,
  options: CommandOptions,
  { providers, first, configFile }: Found,
): Promise<Pick<InitAnswers, "model" | "job" | "schedule" | "message"> | undefined> {
  const model = modelOf(options);
  const given = { job: text(options, "job"), schedule: text(options, "schedule"), message: text(options, "message") };
  const mayAsk = options["yes"] !== true && !output.json && env["CI"] === undefined && process.stdin.isTTY && output.terminal;
  if (mayAsk) {
    const { askQuestions } = await import("../init-questions.ts");
    if (configFile !== undefined) output.note(`${path.join(place.dir, configFile)} is there and stays as it is.`);
    const choices = providers.map(({ id, variable, keySet }) => ({
      provider: id,
      hint: variable === undefined ? "no key needed" : `${variable} is ${keySet ? "set" : "not set"}`,
      model: firstModels[id] ?? `${id}/`,
    }));
    return askQuestions({ choices, provider: first, model, ...given, suggested: firstJob });
  }
  const fallback = firstModels[first];
  if (model === undefined && fallback === undefined)
    throw new UsageError(`no model of ${first} is known to begin with`, { suggestion: `Name one: --model ${first}/MODEL` });
  return {
    model: model ?? fallback ?? "",
    job: given.job ?? firstJob.job,
    schedule: given.schedule ?? firstJob.schedule,
    message: given.message ?? firstJob.message,
  };
}

/** `--model k2p5 --provider kimi-coding` is one way of writing it, `--model kimi-coding/k2p5` the other. */
function modelOf(options: CommandOptions): string | undefined {
  const [provider, model] = [text(options, "provider"), text(options, "model")];
  if (model === undefined) return undefined;
  const whole = model.includes("/") || provider === undefined ? model : `${provider}/${model}`;
  if (!/^[^/\s]+\/[^\s\p{Cc}]+$/u.test(whole))
    throw new UsageError(`--model ${JSON.stringify(model)} does not name a model`, {
      suggestion: "Write provider/model, such as kimi-coding/k2p5.",
    });
  if (provider !== undefined && !whole.startsWith(`${provider}/`))
    throw new UsageError(`--model ${model} is not a model of --provider ${provider}`, { suggestion: "Give one of the two." });
  return whole;
}

function text(options: CommandOptions, key: string): string | undefined {
  const value = options[key];
  return typeof value === "string" ? value : undefined;
}

function tell(
  { output }: CommandContext,
  { job, model, variable, schedule, timezone }: InitAnswers,
  { files, kept, keySet }: { files: readonly NewFile[]; kept: string | undefined; keySet: boolean },
): void {
  const key = variable === undefined || keySet ? "" : `export ${variable}=… && `;
  const next: readonly (readonly [command: string, meaning: string])[] = [
    [`runner run ${job} --simulate stream_order:0.8`, "try it: no key, nothing leaves the machine"],
    [`${key}runner run ${job} --dry-run`, "everything it would do, and whether the key is there"],
    [`runner run ${job}`, "for real"],
    ...(schedule === "manual" ? [] : whenDue),
  ];
  const paths = files.map((file) => file.path);
  if (output.json) {
    const commands = next.map(([command]) => command);
    output.document("init", {
      files: paths,
      kept: kept ?? null,
      job,
      model,
      key: variable ?? null,
      keySet,
      schedule,
      next: commands,
    });
    return;
  }
  for (const file of paths) output.data(`${output.style("green", "wrote")}  ${file}`);
  if (kept !== undefined) output.data(`${output.style("dim", "kept")}   ${kept}`);
  output.data(`\nThe job ${output.style("bold", job)} asks ${model}, ${when(schedule, timezone)}. Next:\n`);
  const width = Math.max(...next.map(([command]) => command.length));
  for (const [command, meaning] of next) output.data(`  ${command.padEnd(width)}  ${output.style("dim", meaning)}`);
}

/** How jobs with a schedule get fired. */
const whenDue: readonly (readonly [command: string, meaning: string])[] = [
  ["runner start", "fire the jobs when they are due, as long as it runs"],
  [
    `runner install --${process.platform === "darwin" ? "launchd" : "systemd"}`,
    "have the machine do that for good; or --crontab",
  ],
];

function when(schedule: string, timezone: string): string {
  if (schedule === "manual") return "when you start it";
  return /^\d/.test(schedule) && !schedule.includes(" ") ? `every ${schedule}` : `at ${schedule} (${timezone})`;
}
