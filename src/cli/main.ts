/**
 * The command line's entry: runs one command, and is the only place that sets the exit code.
 * Libraries are loaded by the command that needs them, because start-up time is a promise.
 */
import type { CommandContext, CommandOptions } from "./command.ts";
import { allCommands, commandOf } from "./commands/index.ts";
import { createOutput, type Output } from "./output.ts";

/** One and the same for every file of the bundle, see scripts/build.ts. */
export * as errors from "../errors.ts";
export * as stopped from "../engine/stopped.ts";
export * as output from "./output.ts";

async function run(argv: readonly string[]): Promise<void> {
  // Node would open its debugger to everybody on loopback, and with it the keys; `--inspect` is there for whoever wants one.
  process.on("SIGUSR1", () => {});
  // All output is written by now, and a connection that somebody keeps open must not keep the process.
  process.exit(await main(argv));
}

async function main(argv: readonly string[]): Promise<number> {
  try {
    // `runner list`, as it stands, has nothing to parse, and commander costs a tenth of a bare Node's start.
    const [name = "", ...more] = argv;
    const named = await commandOf(name);
    if (named?.bare === true && more.length === 0) return await named.execute(contextFor({}), [], {});
    const { parse } = await import("./program.ts");
    // Only the command that was named is described to commander; the help and a misspelt name need them all.
    return await parse(argv, named === undefined ? await allCommands() : [named], (definition, args, options) =>
      definition.execute(contextFor(options), args, options),
    );
  } catch (error) {
    const { report } = await import("./report.ts");
    return report(error, outputFor(argv.includes("--json"), argv.includes("--no-color")));
  }
}

function contextFor(options: CommandOptions): CommandContext {
  const text = (key: string): string | undefined => (typeof options[key] === "string" ? options[key] : undefined);
  return {
    output: outputFor(options["json"] === true, options["color"] === false),
    place: { dir: text("dir") ?? process.cwd(), configFile: text("config"), stateDir: text("stateDir") },
    env: process.env,
    commands: allCommands,
    exitNow: (exitCode) => process.exit(exitCode),
  };
}

function outputFor(json: boolean, noColor: boolean): Output {
  return createOutput({ json, color: noColor ? false : undefined, env: process.env });
}

void run(process.argv.slice(2));
