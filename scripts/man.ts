/**
 * The man page, made from the commands' own definitions: `node scripts/man.ts` writes man/runner.1, and a test holds it to them.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { allCommands } from "../src/cli/commands/index.ts";
import { describeProgram } from "../src/cli/program.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
export const manFile = `${root}man/runner.1`;

/** Options that every command takes; told once. */
const shared = new Set(["--json", "--dir", "--config", "--state-dir", "--no-color"]);

const exitCodes: readonly (readonly [string, string])[] = [
  ["0", "done, or nothing to report; also a run that was skipped because the job is running already"],
  ["1", "the job failed, and neither waiting nor configuration is known to help"],
  ["2", "the command line was used wrongly"],
  ["65", "the model answered, and an expectation of the job does not hold"],
  ["69", "every model was asked and none is available"],
  ["75", "later: a rate limit, a plan's window, a locked ledger"],
  ["77", "a key, an account or a permission is missing"],
  ["78", "a job file or the configuration cannot be used"],
  ["80", "the job's budget is used up"],
  ["124", "a time limit"],
  ["130, 143", "stopped by Ctrl-C, by TERM"],
];

const environment: readonly (readonly [string, string])[] = [
  [
    "KIMI_API_KEY, ANTHROPIC_API_KEY, …",
    "keys of providers, named by the configuration; read in runner's own process and given to nobody else",
  ],
  ["XDG_CONFIG_HOME", "the user's configuration is runner/config.* below it (default ~/.config)"],
  ["XDG_STATE_HOME", "ledgers are runner/PROJECT below it (default ~/.local/state)"],
  ["TZ", "zone of schedules that name none, where the configuration names none either"],
  ["NO_COLOR, FORCE_COLOR", "no colours, or colours without a terminal"],
  ["HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "honoured by Node 22.21, 24.5 and later"],
];

const commands = await allCommands();

/** The page as Markdown in the form marked-man reads. */
export function manMarkdown(): string {
  const program = describeProgram(commands);
  return [
    `# runner(1) -- ${lowerFirst(program.description()).replace(/\.$/, "")}`,
    "## SYNOPSIS",
    "`runner` *command* [*options*]",
    "## DESCRIPTION",
    packageJson.description,
    "A job is a file in the *jobs* folder of a project. **runner run** *JOB* carries it out: in a process of its own, through a " +
      "gateway that holds the keys, asks again what broke, and releases only answers that are proven whole.",
    "## COMMANDS",
    ...program.commands.filter((command) => command.name() !== "help").flatMap(commandLines),
    "## OPTIONS OF EVERY COMMAND",
    ...(program.commands[0]?.options ?? [])
      .filter(({ long }) => shared.has(long ?? ""))
      .map(({ flags, description }) => item(flags, description)),
    "## EXIT STATUS",
    ...exitCodes.map(([code, meaning]) => item(code, meaning)),
    "## ENVIRONMENT",
    ...environment.map(([name, meaning]) => item(name, meaning)),
    "## FILES",
    item("jobs/", "the job files: JSON, YAML, or Markdown whose body is the message"),
    item("runner.config.*", "the project's configuration"),
    item("~/.local/state/runner/PROJECT/ledger.sqlite", "what happened: every run, attempt, call and try"),
    "## SEE ALSO",
    "crontab(5), systemd.timer(5)",
    "",
  ].join("\n\n");
}

function commandLines(command: Command): string[] {
  const args = command.registeredArguments.filter((argument) => argument.description !== "");
  const words = args.map((argument) => (argument.required ? `*${argument.name()}*` : `[*${argument.name()}*]`));
  const options = command.options.filter(({ long, hidden }) => !hidden && !shared.has(long ?? ""));
  return [
    `### runner ${[command.name(), ...words].join(" ")}`,
    `${command.summary()}.`,
    ...args.map((argument) => item(argument.name(), argument.description)),
    ...options.map(({ flags, description }) => item(flags, description)),
    ...examples(command.name()),
  ];
}

function examples(name: string): string[] {
  const found = commands.find((command) => command.name === name)?.examples ?? [];
  if (found.length === 0) return [];
  return ["Examples:", ...found.map(([line, meaning]) => item(line, meaning))];
}

function item(term: string, meaning: string): string {
  return `* \`${term}\`:\n  ${escape(meaning)}`;
}

/** What would be markup in Markdown is meant as it stands. */
function escape(text: string): string {
  return text.replaceAll(/[*_<>[\]]/g, "\\$&").replaceAll("`", "");
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** The page as roff. The date is left out: it would make a page of every day out of date. */
export function manPage(): string {
  const markedMan = `${root}node_modules/marked-man/bin/marked-man.js`;
  const options = ["--version", `${packageJson.name} ${packageJson.version}`, "--manual", "runner", "--section", "1"];
  const roff = execFileSync(process.execPath, [markedMan, ...options], { input: manMarkdown(), encoding: "utf8", cwd: root });
  // Terms with a hanging indent are what man pages have; Markdown only has bullets.
  const terms = roff.replaceAll(/^\.IP \\\(bu 2\n(.*):\n\.br\n/gm, ".TP\n$1\n");
  const plain = terms
    .replaceAll("&#39;", "\\(aq")
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
  return plain.replace(/^\.TH "([^"]*)" "([^"]*)" "[^"]*"/m, '.TH "$1" "$2" ""').trimEnd() + "\n";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(manFile, manPage());
