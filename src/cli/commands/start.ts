import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { firingOptions, readFiringOptions } from "../firing-options.ts";

export const start: CommandDefinition = {
  name: "start",
  summary: "Fire the jobs when they are due, in the foreground, until it is stopped",
  examples: [
    ["runner start", "log on stderr; Ctrl-C lets end what is under way, a second one ends it now"],
    ["runner start --json", "the log as an object a line on stdout"],
    ["runner start --once", "do what is due now, and exit; `runner tick` is the same for a crontab"],
    ["runner start --simulate stream_order:0.8", "a trial: no key needed, and a ledger of its own"],
  ],
  define: (command) =>
    firingOptions(
      command.option("--once", "do what is due now, carry it as far as it goes, and exit; leaves it to a daemon, if one runs"),
    ),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const firing = readFiringOptions(options);
  const { drive } = await import("../daemon/drive.ts");
  return drive(context, { once: options["once"] === true, brief: false, ...firing });
}
