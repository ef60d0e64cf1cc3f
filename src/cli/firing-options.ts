/** Options that `start` and `tick` share. */
import type { Command } from "commander";
import type { Simulate } from "../compose/runtime.ts";
import type { CommandOptions } from "./command.ts";
import { simulation } from "./simulation.ts";

export function firingOptions(command: Command): Command {
  return command
    .option("--simulate <faults>", "answer from the embedded simulated provider: FAULT:RATE,… or `none`; nothing real is touched")
    .option("--seed <number>", "seed of the simulation (default: a new one each time)")
    .option("-q, --quiet", "log warnings and errors only");
}

/** @throws UsageError for a seed without a simulation */
export function readFiringOptions(options: CommandOptions): {
  readonly quiet: boolean;
  readonly simulate: Simulate | undefined;
} {
  return { quiet: options["quiet"] === true, simulate: simulation(options) };
}
