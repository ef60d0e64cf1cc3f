/** Who answers: the dialects that are spoken, the providers that are known, and how one is made from its configuration. */
import { anthropicMessages } from "./anthropic-messages.ts";
import { type ProviderDeps, providerOf } from "./ask.ts";
import type { DialectAdapter } from "./dialect.ts";
import { openaiCompletions } from "./openai-completions.ts";
import type { Dialect, Provider, ProviderConfig } from "./provider.ts";
import { hasReferences, resolveHeaders } from "./request.ts";

export type { ProviderDeps } from "./ask.ts";
export { builtInProviders } from "./facts/built-in.ts";
export { inputHoldsCache, modelFacts, priceOf } from "./facts/model-facts.ts";

/** One line a dialect. */
const adapters: readonly DialectAdapter[] = [anthropicMessages, openaiCompletions];

export const dialects: readonly Dialect[] = adapters.map(({ dialect }) => dialect);

/** A provider ready to be asked. Nothing is read or opened before the first `ask`. */
export function createProvider(config: ProviderConfig, deps: ProviderDeps = {}): Provider {
  const adapter = adapters.find(({ dialect }) => dialect === config.dialect);
  if (adapter === undefined)
    throw new Error(`no adapter speaks ${JSON.stringify(config.dialect)}; known are ${dialects.join(", ")}`);
  const shown = providerOf(adapter, config, deps);
  if (!hasReferences(config)) return shown;
  let asked: Provider | undefined;
  return {
    ...shown,
    async ask(request) {
      asked ??= providerOf(adapter, resolveHeaders(config, deps.env ?? process.env), deps);
      return asked.ask(request);
    },
  };
}

/** Why a module cannot be an event handler, in words; undefined if it can. It is loaded in a worker and given nothing. @param path absolute. */
export async function eventHandlerProblem(path: string): Promise<string | undefined> {
  return (await import("./event-handler/host.ts")).eventHandlerProblem(path);
}
