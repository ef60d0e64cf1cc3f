import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { firingOptions, readFiringOptions } from "../firing-options.ts";

export const tick: CommandDefinition = {
  name: "tick",
  summary: "Do what is due now, and exit: for a crontab or a timer instead of a daemon",
  examples: [
    ["* * * * *  cd /srv/fpl && runner tick -q", "a crontab line for all jobs; silent unless something goes wrong"],
    ["runner tick", "with a line for each run"],
  ],
  define: firingOptions,
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const firing = readFiringOptions(options);
  const { drive } = await import("../daemon/drive.ts");
  return drive(context, { once: true, brief: true, ...firing });
}
