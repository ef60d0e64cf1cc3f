import type { Setting } from "../../load/settings.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { table } from "../output.ts";
import { reportProblems } from "../problems.ts";

const views = ["print", "path"] as const;

export const config: CommandDefinition = {
  name: "config",
  summary: "Show the configuration as it counts and where each value comes from; or only which files were read",
  examples: [
    ["runner config", "every value with its file and line, never a secret"],
    ["runner config path", "the files that were read, the one that wins first"],
  ],
  define: (command) => command.addArgument(command.createArgument("[view]", "what to show").choices(views).default("print")),
  execute,
};

async function execute(context: CommandContext, [view = "print"]: readonly string[]): Promise<number> {
  const { loadProject } = await import("../../compose/project.ts");
  const { configFiles, settings, warnings, providers } = await loadProject({ ...context.place, env: context.env });
  const { output } = context;
  if (output.json) {
    const values = view === "path" ? {} : { settings: settings(), providers: [...providers.keys()] };
    output.document("config", { files: configFiles, ...values, warnings });
    return 0;
  }
  if (view === "path") for (const file of configFiles) output.data(file);
  else print(context, settings(), [...providers.keys()]);
  if (configFiles.length === 0)
    output.note("No configuration file was found; every value is built in. See docs/configuration.md.");
  const own = warnings.filter(({ file }) => configFiles.some((path) => path.endsWith(file)));
  return reportProblems(output, { issues: [], warnings: own });
}

function print({ output }: CommandContext, settings: readonly Setting[], providers: readonly string[]): void {
  const head = ["SETTING", "VALUE", "FROM"].map((cell) => output.style("bold", cell));
  const rows = settings.map((setting) => [setting.path, shown(setting.value), output.style("dim", from(setting))]);
  for (const line of table([head, ...rows])) output.data(line);
  output.note(`Providers: ${providers.join(", ")}`);
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function from({ place, source }: Setting): string {
  if (place === undefined) return source ?? "";
  return place.line === undefined ? place.file : `${place.file}:${place.line}`;
}
