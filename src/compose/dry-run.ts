/** `run --dry-run` as a value, put together from the same parts a run is made of. Sends nothing, writes nothing, shows no key. */
import { JobError } from "../errors.ts";
import { systemClock } from "../engine/clock.ts";
import { planDryRun as planFromParts, type DryRunPlan } from "../engine/dry-run.ts";
import { planRun, type RunPlan } from "../engine/plan.ts";
import { askOf, grants } from "../engine/attempt-spec.ts";
import { promptTexts } from "../engine/prompt.ts";
import type { Job } from "../job/job.ts";
import type { RequestPreview } from "../provider/provider.ts";
import { createProvider } from "../provider/index.ts";
import type { Rung } from "../run/ladder.ts";
import { needsSandbox, sandboxFor, sandboxWords, turnKinds } from "../turn/index.ts";
import { eventHandlerIssues } from "./event-handlers.ts";
import { modelResolver, simulatedProviders } from "./models.ts";
import { openProjectLedger, type Project } from "./project.ts";
import type { Simulate } from "./runtime.ts";

export interface DryRunRequest {
  readonly job: Job;
  readonly model: string | undefined;
  readonly stream: boolean | undefined;
  readonly simulate: Simulate | undefined;
  /** Values over the job's own `vars`. */
  readonly vars?: Readonly<Record<string, string>>;
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
  readonly keys: readonly KeyState[];
  readonly environment: Readonly<Record<string, string>>;
  /** For a turn whose tools start programs: what keeps them apart from runner, `namespaces` or `none: …`. */
  readonly sandbox: string | undefined;
  readonly request: RequestPreview;
  /** Whether any model of the ladder could be asked. */
  readonly usable: boolean;
}

/** Where the simulated provider would listen; it is started by a real run only. */
const simulatedUrl = "http://127.0.0.1";

export async function planDryRun(project: Project, asked: DryRunRequest): Promise<DryRun> {
  const { job } = asked;
  const simulated = asked.simulate !== undefined;
  const broken = await eventHandlerIssues(project, [job]);
  if (broken.length > 0) throw new JobError(broken);
  const ledger = await openProjectLedger(project, { create: false });
  const parts = {
    ledger,
    clock: systemClock,
    simulated,
    resolveModel: modelResolver(project.providers),
    defaults: { model: project.defaultModel, fallbacks: project.defaultFallbacks },
  };
  let plan: RunPlan;
  try {
    plan = await planRun(parts, job, {
      ...(asked.model === undefined ? {} : { model: asked.model }),
      ...(asked.stream === undefined ? {} : { stream: asked.stream }),
    });
  } finally {
    await ledger?.close();
  }
  const planned = planFromParts(job, plan.ladder, systemClock.now(), project.zone);
  const configs = simulated ? simulatedProviders(project.providers, simulatedUrl) : project.providers;
  const [first] = plan.ladder;
  const config = first === undefined ? undefined : configs.get(first.provider);
  const turn = turnKinds().get("agentTurn");
  if (first === undefined || config === undefined || turn === undefined) throw new Error("a run needs a model");
  const { firstByteMs, idleMs, tryMs } = job.limits;
  const request = createProvider(config, { env: {} }).preview({
    body: turn.request({ ...askOf(job, plan.modelAsked, plan.dialect, promptTexts(job, {})), ...grants(job) }),
    model: first.model,
    stream: first.stream,
    headers: {},
    query: "",
    limits: { firstByteMs, idleMs, tryMs },
  });
  const keys = [...new Set(plan.ladder.map(({ provider }) => provider))].map((provider): KeyState => {
    const { apiKey, baseUrl = "" } = configs.get(provider) ?? {};
    const variable = apiKey?.env;
    return {
      provider,
      variable,
      sentTo: baseUrl,
      found: variable === undefined || (project.place.env[variable] ?? "").trim() !== "",
    };
  });
  return {
    ...planned,
    job,
    model: plan.modelAsked,
    ladder: plan.ladder,
    notes: plan.notes,
    keys,
    environment: turn.environment({ runId: "RUN", attempt: 1 }, project.place.env),
    sandbox: await sandboxOf(job, project.place.env),
    request,
    usable: keys.some(({ found }) => found),
  };
}

async function sandboxOf({ payload }: Job, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (payload.kind === "command" || !needsSandbox(payload.tools)) return undefined;
  return sandboxWords(await sandboxFor(env));
}
