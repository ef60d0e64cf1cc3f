import type { Command } from "commander";
import type { Output } from "./output.ts";

/** What every command is given. */
export interface CommandContext {
  readonly output: Output;
  /** Where to look for the project: its folder, an explicit configuration file, an explicit state folder. */
  readonly place: { readonly dir: string; readonly configFile: string | undefined; readonly stateDir: string | undefined };
  readonly env: NodeJS.ProcessEnv;
  /** Every command there is, for the one that completes their names. */
  readonly commands: () => Promise<readonly CommandDefinition[]>;
  /** Ends the process at once, with what it has started; for a second Ctrl-C. The ledger says later what was under way. */
  readonly exitNow: (exitCode: number) => void;
}

/** The options a command was given, the shared ones among them, by their names in camel case. */
export type CommandOptions = Readonly<Record<string, unknown>>;

/**
 * One command: its words for the help, and what it does. `execute` returns data's exit code and throws the project's errors;
 * only `main.ts` exits.
 */
export interface CommandDefinition {
  readonly name: string;
  /** One line in `runner --help`. */
  readonly summary: string;
  /** Shown under the command's own help, first line of what people look for: examples. */
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  /** It takes no arguments and no options beside the shared ones, so that its bare name needs no parser. */
  readonly bare?: boolean;
  /** Arguments and options beside the shared ones. */
  readonly define: (command: Command) => void;
  readonly execute: (context: CommandContext, args: readonly string[], options: CommandOptions) => Promise<number>;
}
