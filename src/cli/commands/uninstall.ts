import type { Removal } from "../../compose/service/uninstall-plan.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";

export const uninstall: CommandDefinition = {
  name: "uninstall",
  summary: "Take away what `runner install` has made for this project; the ledger and the file with the keys stay",
  examples: [
    ["runner uninstall", "whatever is found, shown first"],
    ["runner uninstall --systemd --now", "the unit, stopped before"],
    ["runner uninstall --crontab --dry-run", "the lines of the crontab that would go"],
  ],
  define: (command) =>
    command
      .option("--systemd", "only units")
      .option("--launchd", "only agents of launchd")
      .option("--crontab", "only the block in your crontab")
      .option("--user", "only of this user")
      .option("--system", "only of the machine")
      .option("--name <name>", "only the service of this name")
      .option("--now", "also run the commands that end it")
      .option("--dry-run", "show what would go; remove nothing")
      .option("-y, --yes", "ask nothing"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const [{ managerOf, scopeOf, nameOf }, { planRemoval }] = await Promise.all([
    import("../service-options.ts"),
    import("../../compose/service/uninstall-plan.ts"),
  ]);
  const removal = planRemoval({
    place: context.place,
    env: context.env,
    manager: managerOf(options),
    scope: scopeOf(options),
    name: nameOf(options),
  });
  const flags = { dryRun: options["dryRun"] === true, now: options["now"] === true, yes: options["yes"] === true };
  return carry(context, removal, flags);
}

async function carry(
  context: CommandContext,
  { plan, found, projectDir, kept }: Removal,
  flags: { readonly dryRun: boolean; readonly now: boolean; readonly yes: boolean },
): Promise<number> {
  const { carryPlan, changeDocument, stepLine, tellDone, tellSteps } = await import("../planned-changes.ts");
  const { output } = context;
  const done = await carryPlan(context, plan, { ...flags, question: "Remove this?" });
  const left = [...plan.before, ...plan.after].filter(() => !flags.now || flags.dryRun);
  const ok = done.steps.every((step) => step.ok);
  if (output.json) {
    const [{ findBlock }, { folderInCrontab }] = await Promise.all([
      import("../../compose/service/crontab.ts"),
      import("../../compose/service/installed.ts"),
    ]);
    const changes = plan.changes.map((change) =>
      changeDocument(change, (crontab) => findBlock(crontab, folderInCrontab(crontab, projectDir))),
    );
    const installed = found.map(({ manager, scope, name }) => ({ manager, scope, name }));
    const facts = { projectDir, dryRun: flags.dryRun, removed: done.written, installed, changes, kept };
    output.document("uninstall", { ...facts, ran: done.steps, next: left.map(stepLine), exitCode: ok ? 0 : 1 });
    return ok ? 0 : 1;
  }
  if (found.length === 0) output.note(`Nothing is installed for ${projectDir}.`);
  if (done.declined) output.note("Nothing was removed.");
  if (done.declined || found.length === 0) return 0;
  tellDone(context, done.steps);
  if (done.written)
    for (const file of kept) output.note(`${file} stays: it may hold keys. Remove it yourself if they are not needed.`);
  tellSteps(context, left, flags.dryRun ? "Before and after it:" : "It may still be running. To end it:");
  return ok ? 0 : 1;
}
