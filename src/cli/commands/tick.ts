import type { CommandContext, CommandDefinition } from "../command.ts";
import { simulation } from "../simulation.ts";

export const tick: CommandDefinition = {
  name: "tick",
  summary: "Do what is due now, and exit: for a crontab or a timer instead of a daemon",
  examples: [
    ["* * * * *  cd /srv/fpl && runner tick -q", "a crontab line for all jobs; silent unless something goes wrong"],
    ["runner tick", "with a line for each run"],
  ],
  define: (command) =>
    command
      .option(
        "--simulate <faults>",
        "answer from the embedded simulated provider: FAULT:RATE,… or `none`; nothing real is touched",
      )
      .option("--seed <number>", "seed of the simulation (default: a new one each time)")
      .option("-q, --quiet", "log warnings and errors only"),
  execute,
};

async function execute(
  context: CommandContext,
  _args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const simulate = simulation(options);
  const { drive } = await import("../daemon/drive.ts");
  return drive(context, { once: true, brief: true, quiet: options["quiet"] === true, simulate });
}
