import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import type { CheckedJob, ReloadCheck } from "../daemon/reload-check.ts";
import { exitCodes } from "../../run/exit-code.ts";
import { instantIn } from "../format.ts";
import { reportProblems } from "../problems.ts";
import { formatIssue } from "../../errors.ts";
import type { Project } from "../../compose/project.ts";

export const reload: CommandDefinition = {
  name: "reload",
  summary: "Have the running daemon read its files anew, or show what that would change",
  examples: [
    ["runner reload", "ask the daemon, wait for its answer; exit 78 if it refused the files"],
    ["runner reload --check", "what would be added, changed and removed, with next instants; changes nothing"],
  ],
  define: (command) => command.option("--check", "only say what would change; exit 78 if a file cannot be used"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const { loadProject, openProjectLedger } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const ledger = await openProjectLedger(project, { create: false });
  try {
    if (options["check"] === true) {
      const { checkReload } = await import("../daemon/reload-check.ts");
      const check = await checkReload(project, ledger, Date.now());
      if (context.output.json) {
        context.output.document("reload_check", { ...check, valid: project.issues.length === 0, issues: project.issues });
        return project.issues.length === 0 ? exitCodes.ok : exitCodes.config;
      }
      printCheck(context, check);
      return reportProblems(context.output, { issues: project.issues, warnings: [] });
    }
    const { askReload } = await import("../daemon/ask-reload.ts");
    const asked = await askReload(ledger);
    if (context.output.json) context.output.document("reload", { asked, issues: project.issues });
    else reportProblems(context.output, { issues: project.issues, warnings: [] });
    return say(context, asked, project);
  } finally {
    await ledger?.close();
  }
}

type Asked = Awaited<ReturnType<typeof import("../daemon/ask-reload.ts").askReload>>;

function say({ output }: CommandContext, asked: Asked, { issues }: Project): number {
  if (asked.kind === "nobody") {
    output.note(`${output.styleNote("red", "error:")} nothing was reloaded: ${asked.why}`);
    return exitCodes.failed;
  }
  const who = `pid ${asked.leader.owner.pid}`;
  if (asked.kind === "silent") {
    output.note(
      `${output.styleNote("yellow", "warning:")} the daemon (${who}) was asked and has not answered yet; its log says what came of it`,
    );
    return exitCodes.later;
  }
  const { kind, text } = asked.answer;
  if (kind === "reloaded") output.note(`${output.styleNote("green", "reloaded")} by the daemon (${who}): ${text}`);
  else {
    // What it found is mostly what was found here, and told already.
    const why = issues.some((issue) => formatIssue(issue) === text) ? "what was in force before stays, as a whole" : text;
    output.note(`${output.styleNote("red", "refused")} by the daemon (${who}): ${why}`);
  }
  return kind === "reloaded" ? exitCodes.ok : exitCodes.config;
}

function printCheck({ output }: CommandContext, { added, changed, removed, unchanged }: ReloadCheck): void {
  const line = (mark: string, style: "green" | "yellow" | "red", { name, what, next, zone }: CheckedJob): void => {
    const why =
      what === undefined
        ? ""
        : `  (${what.map((part) => (part === "definition" ? "other than in its last run" : "schedule")).join(", ")})`;
    output.data(`${output.style(style, `${mark} ${name}`)}${why}`);
    for (const at of next) output.data(output.style("dim", `    ${instantIn(zone ?? "UTC", at)} ${zone ?? "UTC"}`));
  };
  for (const job of added) line("+", "green", job);
  for (const job of changed) line("~", "yellow", job);
  for (const job of removed) line("-", "red", job);
  output.note(`${added.length} added, ${changed.length} changed, ${removed.length} removed, ${unchanged} unchanged`);
}
