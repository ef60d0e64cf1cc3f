/**
 * The command line's entry: builds the program, runs one command, and is the only place that sets the exit code.
 * Libraries are loaded by the command that needs them, because start-up time is a promise.
 */
import { Command, CommanderError, Option } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { exitCodes } from "../run/exit-code.ts";
import { ConfigError, JobError, LedgerError, UsageError, formatIssue, type Issue } from "../errors.ts";
import type { CommandContext, CommandDefinition } from "./command.ts";
import { commands } from "./commands/index.ts";
import { createOutput, jsonVersion, writeAll, type Output } from "./output.ts";

/** One and the same for every file of the bundle, see scripts/build.ts. */
export * as errors from "../errors.ts";
export * as stopped from "../engine/stopped.ts";

async function run(argv: readonly string[]): Promise<void> {
  // All output is written by now, and a connection that somebody keeps open must not keep the process.
  process.exit(await main(argv));
}

async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.ok;
  // Only the command that was named is described to commander; the help and a misspelt name need them all.
  const named = commands.filter(({ name }) => name === argv[0]);
  const program = createProgram(named.length === 1 ? named : commands, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    exitCode = report(error, argv);
  }
  return exitCode;
}

function createProgram(definitions: readonly CommandDefinition[], ended: (exitCode: number) => void): Command {
  const program = new Command("runner")
    .description("Runs AI agent turns from job files, heals broken provider streams, and says honestly how each run ended.")
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ writeOut: (text) => writeAll(1, text), writeErr: (text) => writeAll(2, text), outputError: () => {} })
    .exitOverride()
    .showSuggestionAfterError(true)
    .addHelpText(
      "after",
      "\nExamples:\n  runner run fpl-daily-check                              run a job now, healed\n" +
        "  runner run fpl-daily-check --dry-run                    show everything it would do, send nothing\n" +
        "  runner run fpl-daily-check --simulate stream_order:0.8  see it heal, without a key\n",
    );
  // Commander reads an option's flags by patterns that take a millisecond to build, and here only the bare program has it.
  if (definitions.length > 1) program.version(packageJson.version, "-V, --version");
  for (const definition of definitions) addCommand(program, definition, ended);
  return program;
}

function addCommand(program: Command, definition: CommandDefinition, ended: (exitCode: number) => void): void {
  const command = program.command(definition.name).summary(definition.summary).description(definition.summary).exitOverride();
  definition.define(command);
  command
    .addOption(new Option("--json", "print a JSON document of a stable, versioned shape"))
    .addOption(new Option("-C, --dir <folder>", "the project folder (default: the current one)"))
    .addOption(new Option("--config <file>", "use this configuration file and no other"))
    .addOption(new Option("--state-dir <folder>", "keep the ledger here (default: $XDG_STATE_HOME/runner/PROJECT)"))
    .addOption(new Option("--no-color", "no colours (so does NO_COLOR)"))
    .addHelpText("after", `\nExamples:\n${exampleLines(definition.examples)}\n`)
    .action(async (...given: unknown[]) => {
      const options = command.opts<Record<string, unknown>>();
      const args = given
        .slice(0, -2)
        .flat()
        .filter((arg): arg is string => typeof arg === "string");
      ended(await definition.execute(contextFor(options), args, options));
    });
}

function exampleLines(examples: CommandDefinition["examples"]): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  return examples.map(([line, meaning]) => `  ${line.padEnd(width)}  ${meaning}`).join("\n");
}

function contextFor(options: Readonly<Record<string, unknown>>): CommandContext {
  const text = (key: string): string | undefined => (typeof options[key] === "string" ? options[key] : undefined);
  return {
    output: outputFor(options["json"] === true, options["color"] === false),
    place: { dir: text("dir") ?? process.cwd(), configFile: text("config"), stateDir: text("stateDir") },
    env: process.env,
    exitNow: (exitCode) => process.exit(exitCode),
  };
}

function outputFor(json: boolean, noColor: boolean): Output {
  return createOutput({ json, color: noColor ? false : undefined, env: process.env });
}

/** Says what went wrong, in words or as a document, and returns the exit code that belongs to it. */
function report(error: unknown, argv: readonly string[]): number {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
  const told = explain(error);
  const output = outputFor(argv.includes("--json"), argv.includes("--no-color"));
  if (output.json) {
    writeAll(
      1,
      `${JSON.stringify({ version: jsonVersion, kind: "error", error: { ...told, exitCode: told.exitCode } }, undefined, 2)}\n`,
    );
    return told.exitCode;
  }
  const lines = told.issues === undefined ? [told.message] : told.issues.map(formatIssue);
  for (const line of lines) output.note(`${output.styleNote("red", "error:")} ${line}`);
  if (told.hint !== undefined) output.note(told.hint);
  return told.exitCode;
}

interface Told {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
  readonly issues?: readonly Issue[];
  readonly hint?: string;
}

function explain(error: unknown): Told {
  if (error instanceof CommanderError) {
    // Commander shows the help and throws when no command is given: that is a question, answered on stderr, and a wrong use.
    const message = error.code === "commander.help" ? "no command given" : error.message.replace(/^error: /, "");
    return { code: "usage", message, exitCode: exitCodes.usage, hint: "See: runner --help" };
  }
  if (error instanceof UsageError) {
    return {
      code: "usage",
      message: error.message,
      exitCode: exitCodes.usage,
      ...(error.suggestion === undefined ? {} : { hint: error.suggestion }),
    };
  }
  if (error instanceof ConfigError || error instanceof JobError) {
    const code = error instanceof ConfigError ? "configuration" : "jobs";
    return { code, message: error.message, exitCode: exitCodes.config, issues: error.issues };
  }
  if (error instanceof LedgerError) {
    const lasting = ["newer_schema", "older_schema", "permission", "corrupt"].includes(error.reason);
    return { code: `ledger_${error.reason}`, message: error.message, exitCode: lasting ? exitCodes.config : exitCodes.later };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message: `internal error: ${message}`,
    exitCode: exitCodes.failed,
    hint: "This is a fault of runner's. Please report it with the command that showed it.",
  };
}

void run(process.argv.slice(2));
