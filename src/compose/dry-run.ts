/** `run --dry-run` as a value, put together from the same parts a run is made of. Sends nothing, writes nothing, shows no key. */
import { JobError } from "../errors.ts";
import { systemClock } from "../engine/clock.ts";
import { planDryRun as planFromParts, type DryRunPlan } from "../engine/dry-run.ts";
import { planRun, type RunPlan } from "../engine/plan.ts";
import { askOf, grants, identityOf } from "../engine/attempt-spec.ts";
import type { Finding } from "../engine/finding.ts";
import { blockingOf } from "../engine/preflight.ts";
import { promptValues } from "../engine/prompt-values.ts";
import { ownTexts, promptTexts, type PromptTexts } from "../engine/prompt.ts";
import type { Job } from "../job/job.ts";
import type { LedgerReader } from "../ledger/ledger.ts";
import type { ProviderConfig, RequestPreview } from "../provider/provider.ts";
import type { Rung } from "../run/ladder.ts";
import { simulatedJobId } from "../run/run.ts";
import { cgroupFor, cgroupWords, needsSandbox, sandboxFor, sandboxWords, turnKinds } from "../turn/index.ts";
import { leftAlone, previewOf, priceRows, worstPrice, type LeftAloneRow, type PriceRow } from "./dry-run-facts.ts";
import { eventHandlerIssues } from "./event-handlers.ts";
import { modelResolver, simulatedProviders } from "./models.ts";
import { inspect } from "./preflight.ts";
import { openProjectLedger, type Project } from "./project.ts";
import type { Simulate } from "./runtime.ts";

export interface DryRunRequest {
  readonly job: Job;
  readonly model: string | undefined;
  readonly stream: boolean | undefined;
  readonly simulate: Simulate | undefined;
  /** Values over the job's own `vars`. */
  readonly vars?: Readonly<Record<string, string>>;
  /** The due instant that the run would answer, epoch ms. Absent: it is one by hand. */
  readonly slotAt?: number | undefined;
}

interface KeyState {
  readonly provider: string;
  /** The variable that is looked in; undefined for a provider without a key. */
  readonly variable: string | undefined;
  readonly found: boolean;
  /** Address it is sent to. */
  readonly sentTo: string;
}

export interface DryRun extends DryRunPlan {
  readonly job: Job;
  readonly model: string;
  readonly ladder: readonly Rung[];
  readonly notes: readonly string[];
  readonly leftAlone: readonly LeftAloneRow[];
  readonly keys: readonly KeyState[];
  /** What preflight would find. */
  readonly findings: readonly Finding[];
  /** Whether the run could begin: no finding blocks it. */
  readonly usable: boolean;
  /** The exit code it would be blocked with. */
  readonly blockedWith?: Finding["exitCode"];
  readonly prices: readonly PriceRow[];
  /** Millionths of a US dollar; see `worstPrice`. */
  readonly worstMicroUsd?: number;
  /** What the turn's programs would run in, if any is granted. */
  readonly sandbox?: string;
  /** How its processes are ended: from TERM to KILL, and the control group that they are found by, or why there is none. */
  readonly ending: { readonly killGraceMs: number; readonly cgroup: string };
  readonly environment: Readonly<Record<string, string>>;
  /** As the model would get it, with what stands for the gate's facts. */
  readonly prompt: PromptTexts;
  /** Of the first try; absent for a job that asks no model. */
  readonly request?: RequestPreview;
}

/** Where the simulated provider would listen; it is started by a real run only. */
const simulatedUrl = "http://127.0.0.1";

/** The most that preflight's checks may take here, in ms. */
const inspectionMs = 5_000;

export async function planDryRun(project: Project, asked: DryRunRequest): Promise<DryRun> {
  const { job } = asked;
  const simulated = asked.simulate !== undefined;
  const { env } = project.place;
  const broken = await eventHandlerIssues(project, [job]);
  if (broken.length > 0) throw new JobError(broken);
  const ledger = await openProjectLedger(project, { create: false });
  try {
    const now = systemClock.now();
    const plan = await planOf(project, asked, ledger);
    const { ladder } = plan;
    const providers = simulated ? simulatedProviders(project.providers, simulatedUrl) : project.providers;
    const turn = turnKinds().get(job.payload.kind);
    if (turn === undefined) throw new Error(`no turn carries out a payload of kind ${job.payload.kind}`);
    const prompt = await promptOf(project, asked, ledger, now);
    const body = turn.request({ ...askOf(job, plan.modelAsked, plan.dialect, prompt), ...grants(job) });
    const request = previewOf(body, ladder[0], job, providers);
    const prices = priceRows(job, ladder, project.providers, Math.ceil(JSON.stringify(body).length / 4));
    const worst = worstPrice(prices, job);
    const signal = AbortSignal.timeout(inspectionMs);
    const findings = await inspect({ job, ladder, runId: "", signal }, { providers, env, simulated });
    const blocking = blockingOf(findings, ladder);
    const { slotAt } = asked;
    const answering = { jobId: job.id, runId: "RUN", ...(slotAt === undefined ? {} : { slotAt }) };
    return {
      ...planFromParts(job, ladder, now, project.zone, project.scheduler.groups),
      job,
      model: plan.modelAsked,
      ladder,
      notes: plan.notes,
      leftAlone: simulated ? [] : leftAlone((await ledger?.breakers()) ?? new Map(), ladder, providers, now),
      keys: keyStates(ladder, providers, env),
      findings,
      usable: blocking.length === 0,
      ...(blocking.length === 0 ? {} : { blockedWith: blocking.some(({ exitCode }) => exitCode === 78) ? 78 : 77 }),
      prices,
      ...(worst === undefined ? {} : { worstMicroUsd: worst }),
      ...(await sandboxOf(job, env)),
      ending: { killGraceMs: project.scheduler.killGraceMs, cgroup: cgroupWords(await cgroupFor(env)) },
      environment: environmentOf(job, turn.environment({ runId: "RUN", attempt: 1, ...identityOf(answering) }, env)),
      prompt,
      ...(request === undefined ? {} : { request }),
    };
  } finally {
    await ledger?.close();
  }
}

function planOf(project: Project, asked: DryRunRequest, ledger: LedgerReader | undefined): Promise<RunPlan> {
  const parts = {
    ledger,
    clock: systemClock,
    simulated: asked.simulate !== undefined,
    resolveModel: modelResolver(project.providers),
    defaults: { model: project.defaultModel, fallbacks: project.defaultFallbacks },
  };
  return planRun(parts, asked.job, {
    ...(asked.model === undefined ? {} : { model: asked.model }),
    ...(asked.stream === undefined ? {} : { stream: asked.stream }),
  });
}

/** The prompt of a run that starts now; nobody has asked the gate. */
async function promptOf(
  project: Project,
  { job, simulate, vars = {}, slotAt }: DryRunRequest,
  ledger: LedgerReader | undefined,
  now: number,
): Promise<PromptTexts> {
  const valuesAt = await promptValues(ownTexts(job), {
    job,
    jobId: simulate === undefined ? job.id : simulatedJobId(job.id),
    zone: () => project.zone,
    scheduledFor: slotAt ?? now,
    gate: "<what the gate prints>",
    vars,
    env: project.place.env,
    ledger,
  });
  return promptTexts(job, valuesAt(now));
}

/** What a command is granted is shown as it is written: a reference, never its value. */
function environmentOf({ payload }: Job, own: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return payload.kind === "command" ? { ...own, ...payload.env } : own;
}

async function sandboxOf({ payload }: Job, env: NodeJS.ProcessEnv): Promise<{ sandbox?: string }> {
  if (payload.kind === "command" || !needsSandbox(payload.tools)) return {};
  return { sandbox: sandboxWords(await sandboxFor(env)) };
}

function keyStates(ladder: readonly Rung[], providers: ReadonlyMap<string, ProviderConfig>, env: NodeJS.ProcessEnv): KeyState[] {
  return [...new Set(ladder.map(({ provider }) => provider))].map((provider) => {
    const { apiKey, baseUrl = "" } = providers.get(provider) ?? {};
    const variable = apiKey?.env;
    return { provider, variable, sentTo: baseUrl, found: variable === undefined || (env[variable] ?? "").trim() !== "" };
  });
}
