/** The breakers as the gateway asks for them, kept in the ledger: every process that uses it sees the same ones. */
import { LedgerError } from "../errors.ts";
import type { Breakers } from "../gateway/gateway.ts";
import type { Ledger } from "../ledger/ledger.ts";
import {
  admit,
  askedOpensMs,
  leftAloneAt,
  onAnswer,
  onFailure,
  onRelease,
  type Admission,
  type LeftAlone,
} from "../run/breaker.ts";
import { breakerRule, type BreakerScope } from "../run/breaker-rules.ts";
import type { QuotaOf } from "../run/history.ts";
import { modelName, type Rung } from "../run/ladder.ts";

export interface BreakerOptions {
  /** Epoch ms. */
  readonly now: () => number;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
  /** The longest a try can take: a probe that has not reported by then is given up. The run's `limits.try`. */
  readonly tryMs: number;
  /** The quota that a provider's models share; default the provider's own id. */
  readonly quotaOf?: QuotaOf;
}

/** A probe may be late by this much (grace of the try, records before and after it) and is still the only one. */
const probeSlackMs = 30_000;

type Kept = Pick<Ledger, "breakers" | "changeBreaker">;

/** The breakers of one run. Simulated runs have none: what a simulated provider does says nothing about the real one. */
export function ledgerBreakers(ledger: Kept, { now, random, tryMs, quotaOf = (provider) => provider }: BreakerOptions): Breakers {
  const keysOf = (rung: Rung): ReadonlyMap<string, BreakerScope> => breakerKeys(rung, quotaOf);
  /** Those of a rung that are kept: most runs find none, and then nothing has to be written. */
  const keptOf = async (rung: Rung): Promise<readonly string[]> => {
    const kept = await ledger.breakers();
    return [...keysOf(rung).keys()].filter((key) => kept.has(key));
  };
  /** The probes of this run, by model: only whoever holds one may end it. */
  const held = new Map<string, readonly string[]>();
  /** Models whose breaker this run has opened by the number of its own failures. */
  const own = new Set<string>();
  const takeBack = (rung: Rung): readonly string[] => {
    const keys = held.get(modelName(rung)) ?? [];
    held.delete(modelName(rung));
    return keys;
  };
  const release = async (keys: readonly string[]): Promise<void> => {
    for (const key of keys) await ledger.changeBreaker(key, (before) => onRelease(before, now()));
  };
  return {
    admit: (rung) =>
      unlessRefused(notOpen, async () => {
        const probed: string[] = [];
        for (const key of await keptOf(rung)) {
          const admission = await admitTo(ledger, key, now, tryMs + probeSlackMs);
          if (admission.open) {
            await release(probed);
            return own.has(modelName(rung)) ? { ...admission, own: true } : admission;
          }
          if (admission.probe) probed.push(key);
        }
        if (probed.length > 0) held.set(modelName(rung), probed);
        return { open: false, probe: probed.length > 0 };
      }),
    answered: (rung) =>
      unlessRefused(undefined, async () => {
        takeBack(rung);
        for (const key of await keptOf(rung)) await ledger.changeBreaker(key, onAnswer);
      }),
    failed: (rung, { fault, retryAfterMs }) =>
      unlessRefused<LeftAlone | undefined>(undefined, async () => {
        const probed = takeBack(rung);
        const { stream } = rung;
        const rule = breakerRule(fault, stream);
        let leftAlone: LeftAlone | undefined;
        for (const [key, its] of keysOf(rung)) {
          const probe = probed.includes(key);
          // A fault concerns one scope; a probe of another is given back.
          if (its !== rule?.scope && !probe) continue;
          const failure = { fault, retryAfterMs, stream, probe };
          const after = await ledger.changeBreaker(key, (before) => onFailure(before, its, failure, now(), random()));
          leftAlone ??= leftAloneAt(after, now());
          const byNumber = !probe && (rule?.after ?? 1) > 1 && (retryAfterMs ?? 0) <= askedOpensMs;
          if (leftAlone !== undefined && byNumber) own.add(modelName(rung));
          else own.delete(modelName(rung));
        }
        return leftAlone;
      }),
    released: (rung) => unlessRefused(undefined, () => release(takeBack(rung))),
  };
}

/** The breakers that concern a model: its own, its provider's and its quota's, by their keys in the ledger. */
export function breakerKeys(
  { provider, model }: Pick<Rung, "provider" | "model">,
  quotaOf: QuotaOf,
): ReadonlyMap<string, BreakerScope> {
  return new Map([
    [`model:${modelName({ provider, model })}`, "model"],
    [`provider:${provider}`, "provider"],
    [`quota:${quotaOf(provider)}`, "quota"],
  ]);
}

const notOpen: Admission = { open: false, probe: false };

async function admitTo(ledger: Kept, key: string, now: () => number, probeMs: number): Promise<Admission> {
  let admission = notOpen;
  await ledger.changeBreaker(key, (before) => {
    const admitted = admit(before, now(), probeMs);
    admission = admitted.admission;
    return admitted.state;
  });
  return admission;
}

/** A breaker only spares requests. A ledger that refuses it here is not this call's failure: what has to be written down is written elsewhere. */
async function unlessRefused<T>(otherwise: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LedgerError) return otherwise;
    throw error;
  }
}
