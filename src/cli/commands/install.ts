import type { Check } from "../../compose/doctor/check.ts";
import type { Proposal } from "../../compose/service/install-plan.ts";
import type { Manager } from "../../compose/service/service.ts";
import { UsageError } from "../../errors.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";

export const install: CommandDefinition = {
  name: "install",
  summary: "Have the machine fire this project's jobs: a systemd unit, a launchd agent or one crontab line",
  examples: [
    ["runner install --systemd", "a unit of this user: shown, written, and the lines that start it"],
    ["runner install --systemd --now", "and started"],
    ["sudo runner install --systemd --system --run-as fpl", "of the machine, as the user fpl"],
    ["runner install --crontab --dry-run", "the one line that cron would run each minute"],
  ],
  define: (command) =>
    command
      .option("--systemd", "a unit that keeps `runner start` running")
      .option("--launchd", "the same on macOS")
      .option("--crontab", "one line in your crontab that runs `runner tick` each minute")
      .option("--user", "for this user (default)")
      .option("--system", "for the whole machine; as root")
      .option("--tick", "no daemon: `runner tick` each minute by a timer")
      .option("--run-as <user>", "with --system: whom it runs as (default: the owner of the project folder)")
      .option("--name <name>", "name of the service (default: made of the folder's name)")
      .option("--now", "also run the commands that put it in force")
      .option("--dry-run", "show what would be written, and what is in the way; write nothing")
      .option("-y, --yes", "ask nothing"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const [{ managerOf, scopeOf, nameOf }, { planInstallation }] = await Promise.all([
    import("../service-options.ts"),
    import("../../compose/service/install-plan.ts"),
  ]);
  const manager = managerOf(options);
  if (manager === undefined)
    throw new UsageError("say who is to start it: --systemd, --launchd or --crontab", { suggestion: suggested() });
  const scope = scopeOf(options) ?? "user";
  const dryRun = options["dryRun"] === true;
  const proposal = await planInstallation({
    manager,
    scope,
    dryRun,
    tick: options["tick"] === true,
    name: nameOf(options),
    runAs: runAsOf(options, scope),
    place: context.place,
    env: context.env,
    execPath: process.execPath,
    entry: process.argv[1] ?? "",
  });
  const failed = proposal.problems.filter(({ status }) => status === "fail");
  const exitCode = failed.length === 0 ? 0 : failed.some((check) => (check.exitCode ?? 78) === 78) ? 78 : 77;
  if (exitCode !== 0 && !dryRun) return refuse(context, proposal, exitCode);
  return carry(context, proposal, { manager, dryRun, exitCode, now: options["now"] === true, yes: options["yes"] === true });
}

/** What is there on most machines of this kind. */
function suggested(): string {
  const fitting = process.platform === "darwin" ? "--launchd" : "--systemd, or --crontab where there is no systemd";
  return `Here: runner install ${fitting}`;
}

function runAsOf(options: CommandOptions, scope: string): string | undefined {
  const runAs = options["runAs"];
  if (typeof runAs !== "string") return undefined;
  if (scope !== "system")
    throw new UsageError("--run-as goes with --system: a service of your own runs as you", { suggestion: "Add --system." });
  return runAs;
}

async function refuse(context: CommandContext, { problems, notes }: Proposal, exitCode: number): Promise<number> {
  const { output } = context;
  if (output.json) output.document("install", { written: false, problems, notes, changes: [], next: [], exitCode });
  else {
    for (const problem of problems) tellProblem(context, problem);
    output.note("Nothing was written.");
  }
  return exitCode;
}

interface Carrying {
  readonly manager: Manager;
  readonly dryRun: boolean;
  readonly exitCode: number;
  readonly now: boolean;
  readonly yes: boolean;
}

async function carry(context: CommandContext, proposal: Proposal, carrying: Carrying): Promise<number> {
  const { service, plan, problems, notes } = proposal;
  const { manager, dryRun, now, yes, exitCode } = carrying;
  const { carryPlan, changeDocument, stepLine, tellDone, tellSteps } = await import("../planned-changes.ts");
  const { output } = context;
  const done = await carryPlan(context, plan, { dryRun, now, yes, question: "Write this?" });
  if (done.declined) {
    output.note("Nothing was written.");
    return 0;
  }
  const left = [...plan.before, ...plan.after].filter((step) => !now || step.byHand === true || dryRun);
  const ok = done.steps.every((step) => step.ok);
  if (output.json) {
    const [{ findBlock }, { folderInCrontab }] = await Promise.all([
      import("../../compose/service/crontab.ts"),
      import("../../compose/service/installed.ts"),
    ]);
    const block = (crontab: string): string | undefined => findBlock(crontab, folderInCrontab(crontab, service.projectDir));
    const changes = plan.changes.map((change) => changeDocument(change, block));
    const { name, scope, projectDir, keyFile } = service;
    const next = left.map(stepLine);
    const facts = { manager, scope, name, projectDir, keyFile, dryRun, written: done.written };
    output.document("install", { ...facts, changes, ran: done.steps, next, problems, notes, exitCode: ok ? exitCode : 1 });
    return ok ? exitCode : 1;
  }
  for (const problem of problems) tellProblem(context, problem);
  for (const note of notes) output.note(note);
  tellDone(context, done.steps);
  if (!dryRun && !done.written) output.note("It is installed as it should be; nothing was changed.");
  tellSteps(context, left, dryRun ? "To put it in force then:" : "To put it in force:");
  return ok ? exitCode : 1;
}

function tellProblem({ output }: CommandContext, { name, status, message, remedy }: Check): void {
  const mark = status === "fail" ? output.styleNote("red", "error:") : output.styleNote("yellow", "warning:");
  output.note(`${mark} ${name}: ${message}${remedy === undefined ? "" : `\n  ${remedy}`}`);
}
