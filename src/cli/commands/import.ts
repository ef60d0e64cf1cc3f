import { UsageError } from "../../errors.ts";
import { nearest } from "../../job/words.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";

export const importJobs: CommandDefinition = {
  name: "import",
  summary: "Make job files of a crontab or of OpenClaw's jobs, showing next runs before and after side by side",
  examples: [
    ["runner import crontab --dry-run", "what would become of your crontab; nothing is written"],
    ["runner import crontab /etc/cron.d/backup", "a crontab of the system: the user column is known"],
    ["runner import openclaw", "the jobs of ~/.openclaw, of whichever version; the store is only read"],
    ["ssh host crontab -l | runner import crontab -", "from another machine"],
  ],
  define: (command) =>
    command
      .argument("<from>", Object.keys(sources).join(" or "))
      .argument("[path]", "a crontab, or - for stdin (default: crontab -l); OpenClaw's folder or store (default: ~/.openclaw)")
      .option("--system", "a user stands before each command, as in /etc/crontab (known by itself for that and /etc/cron.d)")
      .option("--out <folder>", "write the job files there (default: imported, in the folder of jobs)")
      .option("--force", "replace files that are there")
      .option("--dry-run", "print the job files and write nothing")
      .option("-n, --next <count>", "how many next instants are compared", "3"),
  execute,
};

type Import = (context: CommandContext, path: string | undefined, options: CommandOptions) => Promise<number>;

/** Where jobs can come from; each loaded when it is named. */
const sources: Readonly<Record<string, () => Promise<Import>>> = {
  crontab: async () => (await import("../import-crontab.ts")).importCrontab,
  openclaw: async () => (await import("../import-openclaw.ts")).importOpenClaw,
};

async function execute(context: CommandContext, [from = "", path]: readonly string[], options: CommandOptions): Promise<number> {
  const load = Object.hasOwn(sources, from) ? sources[from] : undefined;
  if (load === undefined) {
    const near = nearest(from, Object.keys(sources));
    const suggestion =
      near === undefined ? `Write runner import ${Object.keys(sources).join(" or ")}.` : `Did you mean "${near}"?`;
    throw new UsageError(`nothing is imported from ${JSON.stringify(from.slice(0, 100))}`, { suggestion });
  }
  return (await load())(context, path, options);
}
