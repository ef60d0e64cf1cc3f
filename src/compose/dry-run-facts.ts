/** What `run --dry-run` shows beside the plan: models that are left alone, prices, and the first request as it would go out. */
import type { BreakerState } from "../run/breaker.ts";
import { leftAloneAt } from "../run/breaker.ts";
import { createProvider } from "../provider/index.ts";
import { priceOf } from "../provider/facts/model-facts.ts";
import type { Price, ProviderConfig, RequestPreview } from "../provider/provider.ts";
import type { Job } from "../job/job.ts";
import { modelName, type Rung } from "../run/ladder.ts";
import { quotas } from "./models.ts";
import { priceMeter } from "./prices.ts";

type Providers = ReadonlyMap<string, ProviderConfig>;

/** A model, an address or a quota of the ladder that is left alone for now. */
export interface LeftAloneRow {
  /** `model:kimi-coding/k2p5`, `provider:kimi-coding` or `quota:kimi-coding`. */
  readonly key: string;
  readonly why: string;
}

export function leftAlone(
  breakers: ReadonlyMap<string, BreakerState>,
  ladder: readonly Rung[],
  providers: Providers,
  now: number,
): LeftAloneRow[] {
  const quotaOf = quotas(providers);
  const keys = ladder.flatMap((rung) => [
    `model:${modelName(rung)}`,
    `provider:${rung.provider}`,
    `quota:${quotaOf(rung.provider)}`,
  ]);
  return [...new Set(keys)].flatMap((key) => {
    const found = leftAloneAt(breakers.get(key), now);
    return found === undefined ? [] : [{ key, why: found.why }];
  });
}

export interface PriceRow {
  readonly model: string;
  /** US dollars for a million tokens; absent where it is not known. */
  readonly price?: Price;
  /** Of one try that is answered as long as `payload.maxTokens` allows, in millionths of a US dollar. */
  readonly tryMicroUsd?: number;
}

/** @param inputTokens of the first request, estimated. */
export function priceRows(job: Job, ladder: readonly Rung[], providers: Providers, inputTokens: number): PriceRow[] {
  const meter = priceMeter(providers);
  const outputTokens = job.payload.kind === "agentTurn" ? job.payload.maxTokens : 0;
  const models = ladder.filter((rung, at) => ladder.findIndex((other) => modelName(other) === modelName(rung)) === at);
  return models.map((rung) => {
    const config = providers.get(rung.provider);
    const price = config === undefined ? undefined : priceOf(config, rung.model);
    const { costMicroUsd } = meter(rung, { inputTokens, outputTokens });
    return {
      model: modelName(rung),
      ...(price === undefined ? {} : { price }),
      ...(costMicroUsd === undefined ? {} : { tryMicroUsd: costMicroUsd }),
    };
  });
}

/** Every try of every attempt answered in full by the dearest model, of a turn that asks once; undefined where no price is known. */
export function worstPrice(rows: readonly PriceRow[], { limits, retry }: Pick<Job, "limits" | "retry">): number | undefined {
  const known = rows.flatMap(({ tryMicroUsd }) => tryMicroUsd ?? []);
  return known.length === 0 ? undefined : Math.max(...known) * limits.triesPerCall * retry.maxAttempts;
}

/** The request of the first try; undefined for a job that asks no model. */
export function previewOf(
  body: RequestPreview["body"],
  first: Rung | undefined,
  { limits }: Job,
  providers: Providers,
): RequestPreview | undefined {
  const config = first === undefined ? undefined : providers.get(first.provider);
  if (first === undefined || config === undefined) return undefined;
  const { firstByteMs, idleMs, tryMs } = limits;
  return createProvider(config, { env: {} }).preview({
    body,
    model: first.model,
    stream: first.stream,
    headers: {},
    query: "",
    limits: { firstByteMs, idleMs, tryMs },
  });
}
