import type { CommandContext, CommandDefinition } from "../command.ts";
import { reportProblems } from "../problems.ts";

export const validate: CommandDefinition = {
  name: "validate",
  summary: "Check the configuration and every job file; says all problems together",
  examples: [
    ["runner validate", "exit 0 if all is well, else 78"],
    ["runner validate --json", "problems with file, line, column and path"],
  ],
  bare: true,
  define: () => {},
  execute,
};

async function execute(context: CommandContext): Promise<number> {
  const { loadProject } = await import("../../compose/project.ts");
  const { eventHandlerIssues } = await import("../../compose/event-handlers.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const { jobs, configFiles, defaults } = project;
  const issues = [...project.issues, ...(await eventHandlerIssues(project))];
  const { scheduleWarnings } = await import("../../compose/schedule-warnings.ts");
  const warnings = [...project.warnings, ...scheduleWarnings(project, Date.now())];
  if (context.output.json) {
    context.output.document("validate", {
      valid: issues.length === 0,
      configFiles,
      defaults: [...defaults].map(([file, count]) => ({ file, jobs: count })),
      jobs: jobs.map(({ id, name, payload, source }) => ({ id, name, kind: payload.kind, file: source.file })),
      issues,
      warnings,
    });
    return issues.length === 0 ? 0 : 78;
  }
  const exitCode = reportProblems(context.output, { issues, warnings }, Number.POSITIVE_INFINITY);
  const files = configFiles.length === 0 ? "no configuration file (built-in providers)" : configFiles.join(", ");
  const verdict =
    issues.length === 0
      ? context.output.styleNote("green", "valid")
      : context.output.styleNote("red", plural(issues.length, "problem"));
  for (const [file, count] of defaults) context.output.note(`defaults: ${file} (${plural(count, "job")})`);
  context.output.note(`${verdict}: ${plural(jobs.length, "usable job")}; configuration: ${files}`);
  return exitCode;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
