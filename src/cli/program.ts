/** The words of the command line: what commander needs to know of the commands, and what it says of a wrong use. */
import { Command, CommanderError, Option } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { UsageError } from "../errors.ts";
import { exitCodes } from "../run/exit-code.ts";
import type { CommandDefinition, CommandOptions } from "./command.ts";
import { writeAll } from "./output.ts";

/** Carries out the command that was parsed. */
export type Carry = (definition: CommandDefinition, args: readonly string[], options: CommandOptions) => Promise<number>;

/**
 * Parses the arguments and carries the command out; the answer is its exit code.
 * @param commands the one that was named, or all.
 * @throws UsageError for what cannot be parsed, and whatever the command throws.
 */
export async function parse(argv: readonly string[], commands: readonly CommandDefinition[], carry: Carry): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = createProgram(commands, async (...parsed) => {
    exitCode = await carry(...parsed);
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.ok;
    // Commander shows the help and throws when no command is given: that is a question, answered on stderr, and a wrong use.
    const message = error.code === "commander.help" ? "no command given" : error.message.replace(/^error: /, "");
    const [command] = commands.length === 1 ? commands : [];
    const help = command === undefined ? "runner --help" : `runner ${command.name} --help`;
    // `git -C` and `make -C` have it in front.
    const [flag = ""] = argv[0]?.split("=") ?? [];
    const isInFront = error.code === "commander.unknownOption" && /^-(?:C|-[a-z]+(?:-[a-z]+)*)$/.test(flag);
    const place = isInFront ? `An option stands behind its command: runner COMMAND ${flag} … ` : "";
    throw new UsageError(message, { cause: error, suggestion: `${place}See: ${help}` });
  }
  return exitCode;
}

/** The whole command line as commander knows it, for completion and the man page. Nothing in it is carried out. */
export function describeProgram(definitions: readonly CommandDefinition[]): Command {
  return createProgram(definitions, async () => {});
}

function createProgram(
  definitions: readonly CommandDefinition[],
  carry: (...parsed: Parameters<Carry>) => Promise<void>,
): Command {
  const program = new Command("runner")
    .description("Runs AI agent turns from job files, heals broken provider streams, and says honestly how each run ended.")
    .configureHelp({ showGlobalOptions: false, subcommandTerm: (command) => `${command.name()} ${command.usage()}`.trimEnd() })
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
  for (const definition of definitions) addCommand(program, definition, carry);
  return program;
}

function addCommand(
  program: Command,
  definition: CommandDefinition,
  carry: (...parsed: Parameters<Carry>) => Promise<void>,
): void {
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
      await carry(definition, args, options);
    });
}

/** The longest example that its meaning still stands beside; under a longer one it stands below. */
const exampleWidth = 58;

function exampleLines(examples: CommandDefinition["examples"]): string {
  const width = Math.max(...examples.map(([line]) => line.length).filter((length) => length <= exampleWidth), 20);
  const shown = ([line, meaning]: CommandDefinition["examples"][number]): string =>
    line.length <= width ? `  ${line.padEnd(width)}  ${meaning}` : `  ${line}\n  ${" ".repeat(width)}  ${meaning}`;
  return examples.map(shown).join("\n");
}
