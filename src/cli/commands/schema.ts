import type { CommandContext, CommandDefinition } from "../command.ts";

const kinds = ["job", "defaults", "config"] as const;

export const schema: CommandDefinition = {
  name: "schema",
  summary: "Print the JSON Schema of a job file, of a folder's defaults or of the configuration, for editors",
  examples: [
    ["runner schema job > job.schema.json", 'then "$schema": "./job.schema.json" in a job file'],
    ["runner schema config", "of the configuration"],
  ],
  define: (command) => command.addArgument(command.createArgument("[kind]", "which schema").choices(kinds).default("job")),
  execute,
};

async function execute({ output }: CommandContext, [kind = "job"]: readonly string[]): Promise<number> {
  const [{ defaultsFileSchema, jobFileSchema }, { configFileSchema }] = await Promise.all([
    import("../../job/job-schema.ts"),
    import("../../load/config-schema.ts"),
  ]);
  const made = kind === "config" ? configFileSchema() : kind === "defaults" ? defaultsFileSchema() : jobFileSchema();
  // The schema is the document, with --json and without: editors take it as it is.
  output.data(JSON.stringify(made, null, 2));
  return 0;
}
