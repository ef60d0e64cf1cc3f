/** A project whose provider is a simulated one on a socket of its own. */
import { onTestFinished } from "vitest";
import { startSimulatedProvider, type SimulatedProvider, type SimulatedProviderOptions } from "../../src/provider/script.ts";
import { configFor, quickJob, type Stage } from "./stage.ts";

/** Starts the provider, and writes the configuration that names it and the job `quick` that asks it. It is closed after the test. */
export async function serveIn(
  project: Stage,
  options: SimulatedProviderOptions = {},
  job: object = quickJob(),
): Promise<SimulatedProvider> {
  const provider = await startSimulatedProvider(options);
  onTestFinished(() => provider.close());
  project.write("runner.config.json", configFor(provider.url));
  project.write("jobs/quick.json", job);
  return provider;
}
