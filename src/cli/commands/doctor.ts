import type { Project } from "../../compose/project.ts";
import type { Check, LiveCall } from "../../compose/doctor/doctor.ts";
import { UsageError } from "../../errors.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { onStopSignals } from "../signals.ts";

export const doctor: CommandDefinition = {
  name: "doctor",
  summary: "Look at everything a run will need: keys, addresses, programs, clock, disk, ledger",
  examples: [
    ["runner doctor", "each finding with its remedy; sends nothing to a provider"],
    ["runner doctor --as-service", "with the bare environment cron gives"],
    ["runner doctor --live", "and ask each model for one token, the price shown before"],
  ],
  define: (command) =>
    command
      .option("--live", "make a real call of one token to each model that jobs ask; its price is shown before")
      .option("--as-service", "look with the environment cron gives: PATH=/usr/bin:/bin, no keys from your shell"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const [live, asService] = [options["live"] === true, options["asService"] === true];
  if (live && asService)
    throw new UsageError("--live and --as-service cannot be combined: cron's environment holds no keys to ask with", {
      suggestion: "Look with one, then with the other.",
    });
  const { loadProject } = await import("../../compose/project.ts");
  const { examineProject, doctorExitCode, liveCalls } = await import("../../compose/doctor/doctor.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const checks = await examineProject(project, { asService });
  if (!context.output.json) for (const check of checks) print(context, check);
  const calls = live ? liveCalls(project) : [];
  if (live) checks.push(...(await askAll(context, project, calls)));
  const exitCode = doctorExitCode(checks);
  if (context.output.json) context.output.document("doctor", { asService, live, calls, checks, exitCode });
  else summarise(context, checks);
  return exitCode;
}

async function askAll(context: CommandContext, project: Project, calls: readonly LiveCall[]): Promise<Check[]> {
  const { askLive } = await import("../../compose/doctor/doctor.ts");
  const { output } = context;
  const known = calls.reduce((sum, { usd }) => sum + (usd ?? 0), 0);
  const unknown = calls.filter(({ usd }) => usd === undefined).map(({ name }) => name);
  output.note(
    `Asking ${calls.length} ${calls.length === 1 ? "model" : "models"} for one token: at most $${known.toFixed(6)}` +
      (unknown.length === 0 ? "" : `, and the price of ${unknown.join(", ")}, which is not known`),
  );
  const signals = onStopSignals((signal) => context.exitNow(exitCodeOf({ status: "cancelled", signal })));
  try {
    const checks: Check[] = [];
    for (const { name } of calls) {
      if (signals.signal.aborted) break;
      const check = await askLive(project, name, signals.signal);
      if (!output.json) print(context, check);
      checks.push(check);
    }
    return checks;
  } finally {
    signals.release();
  }
}

function print({ output }: CommandContext, { area, name, status, message, remedy }: Check): void {
  const style = ({ ok: "green", warn: "yellow", fail: "red" } as const)[status];
  output.data(`${output.style(style, status.padEnd(4))}  ${area.padEnd(9)}  ${output.style("bold", name)}: ${message}`);
  if (remedy !== undefined && status !== "ok") output.data(`${" ".repeat(17)}${output.style("dim", remedy)}`);
}

function summarise({ output }: CommandContext, checks: readonly Check[]): void {
  const count = (status: Check["status"]): number => checks.filter((check) => check.status === status).length;
  const [warned, failed] = [count("warn"), count("fail")];
  const words = failed > 0 ? output.styleNote("red", `${failed} to mend`) : output.styleNote("green", "nothing to mend");
  output.note(`${words}, ${warned} to know, ${count("ok")} in order`);
}
