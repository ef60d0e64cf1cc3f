/** Configuration → everything a run needs, built in order and closed in reverse. The only file that knows every list. */
import type { Engine } from "../engine/engine.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { ProviderConfig } from "../provider/provider.ts";
import { modelResolver } from "./models.ts";
import type { Project } from "./project.ts";

/** The simulated provider, for `runner mock`. */
export function loadSimulator(): Promise<typeof import("../provider/script.ts")> {
  return import("../provider/script.ts");
}

export interface Simulate {
  /** `FAULT:RATE,…` or `none`. */
  readonly faults: string;
  /** Default: a new one each time. */
  readonly seed: number | undefined;
}

export interface Runtime {
  readonly engine: Engine;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

/** Builds what a run needs. Every provider of a simulated run is the embedded one, so no key is read and nothing leaves the machine. */
export async function openRuntime(project: Project, options: { readonly simulate?: Simulate } = {}): Promise<Runtime> {
  const [{ createEngine }, { thisOwner, ownerState }, { systemClock }, { createGateway }, { createProvider }, turns] =
    await Promise.all([
      import("../engine/engine.ts"),
      import("../engine/owner.ts"),
      import("../engine/clock.ts"),
      import("../gateway/server.ts"),
      import("../provider/index.ts"),
      import("../turn/index.ts"),
    ]);
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer();
    closers.length = 0;
  };
  try {
    const simulator = options.simulate === undefined ? undefined : await startSimulator(options.simulate);
    if (simulator !== undefined) closers.push(() => simulator.close());
    const { openLedger } = await import("../ledger/index.ts");
    const ledger = await openLedger({ stateDir: project.stateDir });
    closers.push(() => ledger.close());
    const configs = simulator === undefined ? project.providers : simulatedProviders(project.providers, simulator.url);
    const providers = new Map([...configs].map(([id, config]) => [id, createProvider(config, { env: project.place.env })]));
    const gateway = await createGateway({ providers });
    closers.push(() => gateway.close());
    const turn = turns.turnKinds().get("agentTurn");
    if (turn === undefined) throw new Error("the built-in turn is missing");
    const engine = createEngine({
      ledger,
      gateway,
      turn,
      clock: systemClock,
      random: Math.random,
      env: project.place.env,
      owner: thisOwner(),
      ownerState,
      sweep: async (runId) => (await turns.endLeftovers({ runId }, sweepGraceMs)).confirmed,
      hash: (await import("../load/job-hash.ts")).jobHash,
      resolveModel: modelResolver(project.providers),
      defaults: { model: project.defaultModel, fallbacks: project.defaultFallbacks },
      simulated: simulator !== undefined,
    });
    return { engine, ledger, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** From TERM to KILL for what a run left behind whose runner died. */
const sweepGraceMs = 2_000;

async function startSimulator({ faults, seed }: Simulate): Promise<{ url: string; close(): Promise<void> }> {
  const { parseSimulation, startSimulatedProvider } = await loadSimulator();
  const chosen = seed ?? Math.floor(Math.random() * 2 ** 31);
  const simulation = faults === "none" ? { faults: [], seed: chosen } : parseSimulation(faults, chosen);
  return startSimulatedProvider({ simulation });
}

export function simulatedProviders(providers: ReadonlyMap<string, ProviderConfig>, url: string): Map<string, ProviderConfig> {
  return new Map([...providers].map(([id, config]) => [id, { ...config, baseUrl: url, apiKey: undefined, headers: {} }]));
}
