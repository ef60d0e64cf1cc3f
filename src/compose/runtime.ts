/** Configuration → everything a run needs, built in order and closed in reverse. */
import { systemClock, type Clock } from "../engine/clock.ts";
import { ownerStateBy, thisOwner } from "../engine/owner.ts";
import { createEngine, type Engine, type RunCarrier } from "../engine/engine.ts";
import { createBudget } from "../gateway/budget.ts";
import { openLedger } from "../ledger/index.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { jobHash } from "../load/job-hash.ts";
import type { SimulationSpec } from "../provider/script.ts";
import { createJudge, endLeftovers, runProgram, turnKinds } from "../turn/index.ts";
import type { OpenGateway } from "./gateway.ts";
import { modelResolver, quotas, unrepaired } from "./models.ts";
import { inspect } from "./preflight.ts";
import { priceMeter } from "./prices.ts";
import type { Project } from "./project.ts";
import { createRedaction, providerSecrets } from "./redaction.ts";

/** The simulated provider, for `runner mock` and for reading what is to be simulated. */
export function loadSimulator(): Promise<typeof import("../provider/script.ts")> {
  return import("../provider/script.ts");
}

export interface Simulate {
  /** `FAULT:RATE,…` or `none`. */
  readonly faults: string;
  /** Default: a new one each time. */
  readonly seed: number | undefined;
}

export interface RuntimeOptions {
  readonly simulate?: Simulate;
  /** Nothing is healed in its runs; see `EngineParts.strict`. Default false. */
  readonly strict?: boolean;
  /** An open ledger, which stays open when the runtime is closed. Default the project's own. */
  readonly ledger?: Ledger;
  /** Default the system's. */
  readonly clock?: Clock;
}

export interface Runtime {
  readonly engine: Engine & RunCarrier;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

/** From TERM to KILL for what a run left behind whose runner died. */
const sweepGraceMs = 2_000;

/**
 * Builds what a run needs. Every provider of a simulated run is the embedded one, so no key is read and nothing leaves the machine.
 * @throws UsageError for a simulation that cannot be read, LedgerError if the ledger cannot be opened.
 */
export async function openRuntime(project: Project, options: RuntimeOptions = {}): Promise<Runtime> {
  const simulation = options.simulate === undefined ? undefined : await readSimulation(options.simulate);
  const ledger = options.ledger ?? (await openLedger({ stateDir: project.stateDir }));
  let door: Promise<OpenGateway> | undefined;
  const open = async (): Promise<OpenGateway> => {
    const { openGateway } = await import("./gateway.ts");
    return openGateway(strict ? unrepaired(project.providers) : project.providers, env, simulation);
  };
  const clock = options.clock ?? systemClock;
  const simulated = simulation !== undefined;
  const strict = options.strict === true;
  const { env } = project.place;
  const meter = priceMeter(project.providers);
  const secrets = simulated ? [] : providerSecrets(project.providers.values(), env);
  const engine = createEngine({
    ledger,
    gateway: async () => (await (door ??= open())).gateway,
    turns: turnKinds(),
    judge: createJudge(),
    runProgram,
    meter,
    quotaOf: quotas(project.providers),
    openBudget: (budget, ranMs) => createBudget(budget, { meter, ranMs, monotonic: () => clock.monotonic() }),
    inspect: (inspection) => inspect(inspection, { providers: project.providers, env, simulated }),
    clock,
    random: Math.random,
    env,
    owner: thisOwner(),
    ownerState: ownerStateBy((owner) => ledger.ownerLock(owner)),
    sweep: async (runId) => (await endLeftovers({ runId }, sweepGraceMs)).confirmed,
    zone: () => project.zone,
    hash: jobHash,
    resolveModel: modelResolver(project.providers),
    defaults: { model: project.defaultModel, fallbacks: project.defaultFallbacks },
    redaction: (more) => createRedaction([...secrets, ...more]),
    killGraceMs: project.scheduler.killGraceMs,
    simulated,
    strict,
  });
  return {
    engine,
    ledger,
    async close() {
      // A door that could not be opened has nothing to close; whoever asked for it was told.
      await door?.then(
        (opened) => opened.close(),
        () => {},
      );
      if (options.ledger === undefined) await ledger.close();
    },
  };
}

async function readSimulation({ faults, seed }: Simulate): Promise<SimulationSpec> {
  const chosen = seed ?? Math.floor(Math.random() * 2 ** 31);
  if (faults === "none") return { faults: [], seed: chosen };
  const { parseSimulation } = await loadSimulator();
  return parseSimulation(faults, chosen);
}
