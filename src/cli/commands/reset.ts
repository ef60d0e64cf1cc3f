import { isClaimedAhead } from "../../engine/claimed-ahead.ts";
import type { EndRunParts } from "../../engine/end-run.ts";
import { resetPlan, type ResetStep } from "../../engine/reset-plan.ts";
import type { Project } from "../../compose/project.ts";
import type { Ledger, LedgerReader } from "../../ledger/ledger.ts";
import { exitCodes } from "../../run/exit-code.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { knownJob, type KnownJob } from "../control/known-job.ts";
import { userName } from "../control/who.ts";
import { ago, oneLine, shortId } from "../format.ts";
import { deathWatch } from "../status.ts";

export const reset: CommandDefinition = {
  name: "reset",
  summary: "Let a job begin afresh: close dead runs, cancel waiting ones, forget what its models did, make nothing up",
  examples: [
    ["runner reset fpl-daily-check --dry-run", "say what would be done, and change nothing"],
    ["runner reset fpl-daily-check", "do it; history stays, and so does a pause"],
  ],
  define: (command) =>
    command.argument("<job>", "name or id of a job").option("--dry-run", "say what would be done, and change nothing"),
  execute,
};

async function execute(context: CommandContext, [wanted = ""]: readonly string[], options: CommandOptions): Promise<number> {
  const dryRun = options["dryRun"] === true;
  const { loadProject, openProjectLedger, openProjectLedgerToWrite } = await import("../../compose/project.ts");
  const project = await loadProject({ ...context.place, env: context.env });
  const reader = await openProjectLedger(project, { create: false });
  const job = await knownJob(project, reader, wanted);
  const steps = reader === undefined ? [] : await planOf(project, reader, job);
  await reader?.close();
  const done: Done[] = [];
  if (!dryRun && reader !== undefined) {
    const ledger = await openProjectLedgerToWrite(project);
    const { endRunParts } = await import("../../compose/control.ts");
    const parts = endRunParts(ledger);
    for (const step of steps) done.push({ step, done: await carryOut({ project, ledger, parts, job }, step) });
    await ledger.noteEvent({ at: Date.now(), kind: "reset", jobId: job.id, text: `by ${userName()}` });
    await ledger.close();
  }
  report(context, job, { dryRun, results: dryRun ? steps.map((step) => ({ step, done: false })) : done });
  return dryRun || done.every((one) => one.done || one.step.kind === "leave") ? exitCodes.ok : exitCodes.later;
}

async function planOf(project: Project, ledger: LedgerReader, { id, job }: KnownJob): Promise<readonly ResetStep[]> {
  // A slot that has not come yet is not of the past that is let go, though it may be claimed.
  const now = Date.now();
  const open = (await ledger.openRuns()).filter((run) => run.jobId === id && !isClaimedAhead(run, now));
  const { modelsOf } = await import("../../compose/control.ts");
  return resetPlan({
    open,
    died: await deathWatch(open, ledger),
    models: job === undefined ? [] : modelsOf(project, job),
    breakers: new Set((await ledger.breakers()).keys()),
    rungs: await ledger.rungMemories(Date.now()),
    scheduled: job !== undefined && job.enabled && !["manual", "boot"].includes(job.schedule.kind),
  });
}

interface Place {
  readonly project: Project;
  readonly ledger: Ledger;
  readonly parts: EndRunParts;
  readonly job: KnownJob;
}

/** Whether it was done. */
async function carryOut({ project, ledger, parts, job }: Place, step: ResetStep): Promise<boolean> {
  switch (step.kind) {
    case "close":
    case "cancel": {
      const { endRun } = await import("../../engine/end-run.ts");
      const { how } = await endRun(parts, step.run, `reset by ${userName()}`);
      return how !== "unconfirmed" && how !== "asked";
    }
    case "leave":
      return false;
    case "forget_breaker":
      await ledger.changeBreaker(step.key, () => undefined);
      return true;
    case "forget_rung": {
      // A memory that has expired is none.
      const now = Date.now();
      const { provider, model } = step;
      await ledger.rememberRung({ provider, model, fault: "stream_order", notedAt: now, expiresAt: now });
      return true;
    }
    case "arm": {
      if (job.job === undefined) return false;
      const { scheduleHash } = await import("../../load/job-hash.ts");
      const armed = { jobId: job.id, jobName: job.name, scheduleHash: scheduleHash(job.job, project.zone) };
      const now = Date.now();
      // Only another schedule arms anew, so for a moment it has another one.
      await ledger.armJobs([{ ...armed, scheduleHash: "" }], now, false);
      await ledger.armJobs([armed], now, false);
      return true;
    }
  }
}

interface Done {
  readonly step: ResetStep;
  readonly done: boolean;
}

function report(
  { output }: CommandContext,
  { id, name }: KnownJob,
  { dryRun, results }: { readonly dryRun: boolean; readonly results: readonly Done[] },
): void {
  if (output.json) {
    const steps = results.map(({ step, done }) => ({
      ...("run" in step ? { ...step, run: { runId: step.run.runId, status: step.run.status } } : step),
      done,
    }));
    output.document("reset", { jobId: id, job: name, dryRun, steps });
    return;
  }
  const told = oneLine(name, 100);
  if (results.length === 0) {
    output.note(`${told}: there is nothing to reset.`);
    return;
  }
  output.note(dryRun ? `${told} would begin afresh:` : `${told} begins afresh:`);
  for (const { step, done } of results) output.note(`  ${words(step, dryRun || done)}`);
}

function words(step: ResetStep, done: boolean): string {
  const not = done ? "" : "NOT DONE: ";
  switch (step.kind) {
    case "close":
      return `${not}run ${shortId(step.run.runId)}, begun ${ago(step.run.startedAt, Date.now())}: its process has died; what is left of it is ended, and it is closed`;
    case "cancel":
      return `${not}run ${shortId(step.run.runId)}, ${step.run.status}: it is cancelled`;
    case "leave":
      return `run ${shortId(step.run.runId)} is under way and stays so; to end it: runner cancel ${shortId(step.run.runId)}`;
    case "forget_breaker":
      return `${not}${step.key.replace(":", " ")} is asked again, whatever failed before`;
    case "forget_rung":
      return `${not}${step.provider}/${step.model} is streamed again, although its streams broke`;
    case "arm":
      return `${not}its slots count from now on; nothing from before is made up for`;
  }
}
