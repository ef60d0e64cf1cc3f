/**
 * The gateway with every provider behind it, and the simulated provider in their place where that was asked for. A part of its
 * own because it is built while the turn's process boots, which takes longer.
 */
import type { Gateway } from "../gateway/gateway.ts";
import { createGateway } from "../gateway/server.ts";
import { createProvider } from "../provider/index.ts";
import type { ProviderConfig } from "../provider/provider.ts";
import { startSimulatedProvider, type SimulationSpec } from "../provider/script.ts";
import { quotas, simulatedProviders } from "./models.ts";

export interface OpenGateway {
  readonly gateway: Gateway;
  close(): Promise<void>;
}

export async function openGateway(
  providers: ReadonlyMap<string, ProviderConfig>,
  env: NodeJS.ProcessEnv,
  simulation: SimulationSpec | undefined,
): Promise<OpenGateway> {
  const simulator = simulation === undefined ? undefined : await startSimulatedProvider({ simulation });
  const configs = simulator === undefined ? providers : simulatedProviders(providers, simulator.url);
  const gateway = await createGateway({
    providers: new Map([...configs].map(([id, config]) => [id, createProvider(config, { env })])),
    quotaOf: quotas(configs),
  });
  return {
    gateway,
    async close() {
      await gateway.close();
      await simulator?.close();
    },
  };
}
