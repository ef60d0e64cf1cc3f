/** `doctor --live`: one real call of one token to each model that jobs ask. The only part of the examination that costs money. */
import { ProviderError } from "../../errors.ts";
import { createProvider, priceOf } from "../../provider/index.ts";
import { faultPolicies } from "../../run/fault.ts";
import { modelResolver } from "../models.ts";
import type { Project } from "../project.ts";
import type { Check } from "./check.ts";

/** A short question is this many tokens at most, in any of the known tokenisers. */
const askedTokens = 20;
const callMs = 60_000;

export interface LiveCall {
  /** `provider/model`. */
  readonly name: string;
  /** US dollars at most; undefined where the price is not known. */
  readonly usd: number | undefined;
}

/** The calls that would be made, each model once, with the price of each. */
export function liveCalls(project: Project): LiveCall[] {
  const named = project.jobs.flatMap(({ payload, enabled }) =>
    payload.kind === "command" || !enabled
      ? []
      : [payload.model ?? project.defaultModel, ...(payload.fallbacks ?? project.defaultFallbacks)],
  );
  const resolve = modelResolver(project.providers);
  return [...new Set(named.filter((name) => name !== undefined))].map((name) => {
    const { provider, model } = resolve(name);
    const config = project.providers.get(provider);
    const price = config === undefined ? undefined : priceOf(config, model);
    return { name, usd: price === undefined ? undefined : (askedTokens * price.input + price.output) / 1e6 };
  });
}

/** Asks one model. Never throws: what went wrong is the finding. */
export async function askLive(project: Project, name: string, signal: AbortSignal): Promise<Check> {
  const { provider, model, dialect } = modelResolver(project.providers)(name);
  const config = project.providers.get(provider);
  if (config === undefined) throw new Error(`provider ${provider} was not checked`);
  const began = performance.now();
  const base = { area: "live", name } as const;
  try {
    const answer = await createProvider(config, { env: project.place.env }).ask({
      body: { messages: [{ role: "user", content: "Say: ok" }], max_tokens: 1 },
      model,
      stream: false,
      headers: dialect === "anthropic-messages" ? { "anthropic-version": "2023-06-01" } : {},
      query: "",
      limits: { firstByteMs: callMs, idleMs: callMs, tryMs: callMs },
      signal,
    });
    const took = Math.round(performance.now() - began);
    return { ...base, status: "ok", message: `${answer.model} answered in ${took} ms` };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { ...base, ...verdict(error), message: `${error.fault}: ${error.message}` };
  }
}

/** What a person has to mend is a failure; what passes by itself is a warning. */
function verdict({ fault }: ProviderError): Pick<Check, "status" | "exitCode" | "remedy"> {
  // An answer of one token may be all thinking, or cut: the model is there and the key is good.
  if (fault === "output_truncated" || fault === "empty") return { status: "ok" };
  const { exitCode } = faultPolicies[fault];
  if (exitCode === 77) return { status: "fail", exitCode, remedy: "Look at the key and the account with the provider." };
  if (exitCode === 78)
    return { status: "fail", exitCode, remedy: "Correct the model's name or the provider's settings: runner validate" };
  return { status: "warn", remedy: "It may pass by itself; see docs/healing.md for what a run does about it." };
}
