/** One try on one rung: the request in the provider's dialect, the answer in the turn's, every failure a `ProviderError`. */
import { ProviderError } from "../errors.ts";
import type { Dialect, JsonObject, Provider, ProvenAnswer } from "../provider/provider.ts";
import { translateAnswer, translateRequest } from "../provider/translate.ts";
import { inWords, modelName, type Rung } from "../run/ladder.ts";
import type { Grant } from "./gateway.ts";
import type { Asked } from "./request.ts";

/** The rungs a request can take, and why the others cannot. */
export interface Passable {
  readonly rungs: readonly Rung[];
  readonly notes: readonly string[];
}

/**
 * Leaves out the rungs that cannot be asked at all: a provider nobody knows, a request that another dialect cannot carry. That says
 * nothing against the other rungs, so it must not end the call as a refused request would.
 */
export function passableRungs(asked: Asked, ladder: readonly Rung[], providers: ReadonlyMap<string, Provider>): Passable {
  const problems = new Map<string, string>();
  const rungs = ladder.filter((rung) => {
    const problem = problemOf(asked, providers.get(rung.provider), rung);
    if (problem !== undefined) problems.set(modelName(rung), problem);
    return problem === undefined;
  });
  return { rungs, notes: [...problems].map(([name, problem]) => `${name} is left out: ${problem}`) };
}

function problemOf(asked: Asked, provider: Provider | undefined, rung: Rung): string | undefined {
  if (provider === undefined) return `there is no provider ${rung.provider}`;
  try {
    const body = bodyFor(asked, provider.dialect);
    return provider.cannotTake?.(body, rung.model);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function bodyFor(asked: Asked, dialect: Dialect): JsonObject {
  return translateRequest(asked.dialect, dialect, asked.body);
}

/** Which headers belong to one dialect only. */
const ownHeaders: Readonly<Record<Dialect, RegExp>> = {
  "anthropic-messages": /^anthropic-/,
  "openai-completions": /^openai-/,
};

/** A query such as `?beta=true` belongs to the dialect it was sent in. */
function aside(asked: Asked, dialect: Dialect): Pick<Asked, "headers" | "query"> {
  if (asked.dialect === dialect) return { headers: asked.headers, query: asked.query };
  const foreign = ownHeaders[asked.dialect];
  return { headers: Object.fromEntries(Object.entries(asked.headers).filter(([name]) => !foreign.test(name))), query: "" };
}

/** How long after the try's limit a provider may still take to say so itself; of a short try a quarter. */
const graceMs = 1_000;

/** What is left for a try, and the limit that says so. */
interface TimeLeft {
  readonly leftMs: number;
  readonly limit: string;
}

/**
 * Asks one rung once. The try ends with its own limit or with what is left of the call, and at once with the signal, even if the
 * provider's adapter heeds neither. Never throws.
 */
export async function askRung(
  asked: Asked,
  rung: Rung,
  { leftMs, limit }: TimeLeft,
  { grant, providers, signal }: { grant: Grant; providers: ReadonlyMap<string, Provider>; signal: AbortSignal },
): Promise<ProvenAnswer | ProviderError> {
  const provider = providers.get(rung.provider);
  if (provider === undefined) return new ProviderError(`there is no provider ${rung.provider}`, { fault: "internal" });
  const { firstByteMs, idleMs } = grant.limits;
  const { record, eventHandler } = grant;
  const tryMs = Math.max(1, Math.floor(Math.min(grant.limits.tryMs, leftMs)));
  const guard = new AbortController();
  const timer = setTimeout(() => guard.abort(new Error("the try's time is up")), tryMs + Math.min(graceMs, tryMs / 4));
  const either = AbortSignal.any([signal, guard.signal]);
  try {
    const answer = provider.ask({
      body: bodyFor(asked, provider.dialect),
      model: rung.model,
      stream: rung.stream,
      ...aside(asked, provider.dialect),
      limits: { firstByteMs: Math.min(firstByteMs, tryMs), idleMs: Math.min(idleMs, tryMs), tryMs },
      ...(record === undefined || record === "off" ? {} : { record }),
      ...(eventHandler === undefined ? {} : { eventHandler }),
      signal: either,
    });
    return whole(inForm(await unlessAborted(answer, either), asked), grant);
  } catch (error) {
    if (signal.aborted) return new ProviderError("the call was cancelled", { fault: "aborted", cause: error });
    if (guard.signal.aborted) {
      return new ProviderError(`no answer within ${inWords(tryMs)} (${tryMs < grant.limits.tryMs ? limit : "limits.try"})`, {
        fault: "timeout",
        cause: error,
      });
    }
    if (error instanceof ProviderError) return error;
    // An adapter must classify everything; what it does not is a mistake of ours.
    return new ProviderError(`internal: ${error instanceof Error ? error.message : String(error)}`, {
      fault: "internal",
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The answer in the turn's dialect and, if it asked for one, its stream made. One that cannot be carried back was asked for in vain;
 * that is this model's doing, not the request's.
 */
function inForm(answer: ProvenAnswer, { dialect, stream }: Asked): ProvenAnswer | ProviderError {
  try {
    const carried = translateAnswer(answer, dialect);
    if (stream) carried.sse();
    return carried;
  } catch (error) {
    const { usage, repairs, requestId, recording } = answer;
    const message = error instanceof Error ? error.message : String(error);
    return new ProviderError(message, { fault: "unknown", cause: error, usage, repairs, requestId, recording });
  }
}

/** A cut answer is half an answer: the provider says so itself, and the same model would be cut at the same place again. */
function whole(answer: ProvenAnswer | ProviderError, grant: Grant): ProvenAnswer | ProviderError {
  if (answer instanceof ProviderError || grant.wholeAnswersOnly !== true || answer.stopReason !== "max_tokens") return answer;
  const { usage, repairs, requestId, changes, recording } = answer;
  const lowered = changes.length === 0 ? "" : ` (${changes.join("; ")})`;
  const message = `the answer was cut at its token limit${lowered}: raise payload.maxTokens, and limits.try with it, or ask for less`;
  return new ProviderError(message, { fault: "output_truncated", code: "max_tokens", usage, repairs, requestId, recording });
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
