/**
 * How well models answer, and what a job could change: a judgement over many runs. Pure. It suggests nothing that chance could explain:
 * two rates differ only where their 95 % intervals (Wilson) do not touch.
 */
import type { Fault } from "../errors.ts";
import type { HealingCount, RungCount, WayToAnswer } from "../ledger/ledger.ts";
import { wilsonInterval } from "../run/statistics.ts";
import { several, tokensOf } from "./money.ts";

export interface Rate {
  readonly hits: number;
  readonly trials: number;
  /** Ends of the 95 % interval, 0…1. */
  readonly low: number;
  readonly high: number;
}

/** What is known of one model of one provider. */
export interface ModelReport {
  readonly provider: string;
  readonly model: string;
  /** Runs whose first question went to it first. */
  readonly runs: number;
  /** First tries of a question that were answered. */
  readonly firstTry: Rate;
  /** All tries, also those as somebody's fallback; streamed and not. */
  readonly streamed: Rate;
  readonly unstreamed: Rate;
  /** Questions that were first put to it, by how they came to their answer. */
  readonly answeredBy: Readonly<Record<WayToAnswer, number>>;
  /** What it cost that the first try was not enough. */
  readonly healing: {
    readonly extraTries: number;
    readonly lostMs: number;
    readonly lostTokens: number;
    readonly lostMicroUsd: number;
  };
  /** Failed tries by fault, the most frequent first. */
  readonly faults: readonly (readonly [fault: Fault, tries: number])[];
}

export interface Suggestion {
  /** `provider/model` that it is about. */
  readonly model: string;
  /** What to write into the job file, by key; empty where it is not a matter of the job's file. */
  readonly change: Readonly<Record<string, unknown>>;
  readonly why: string;
}

export function judge(
  counts: readonly RungCount[],
  healings: readonly HealingCount[],
): { readonly models: readonly ModelReport[]; readonly suggestions: readonly Suggestion[] } {
  const names = [...new Set(counts.map(nameOf))];
  const models = names
    .map((name) =>
      modelReport(
        counts.filter((row) => nameOf(row) === name),
        healings.filter((row) => nameOf(row) === name),
      ),
    )
    .filter((report) => report !== undefined)
    .toSorted((a, b) => b.firstTry.trials - a.firstTry.trials || b.streamed.trials - a.streamed.trials);
  return { models, suggestions: models.flatMap((report) => suggestionsFor(report, models)) };
}

export function nameOf({ provider, model }: { readonly provider: string; readonly model: string }): string {
  return `${provider}/${model}`;
}

function rate(hits: number, trials: number): Rate {
  return { hits, trials, ...wilsonInterval(hits, trials) };
}

function sum<T>(rows: readonly T[], of: (row: T) => number): number {
  return rows.reduce((total, row) => total + of(row), 0);
}

function modelReport(counts: readonly RungCount[], healings: readonly HealingCount[]): ModelReport | undefined {
  const [first] = counts;
  if (first === undefined) return undefined;
  const asked = (stream: boolean): Rate => {
    const rows = counts.filter((row) => row.stream === stream);
    return rate(
      sum(rows, ({ answered }) => answered),
      sum(rows, ({ tries }) => tries),
    );
  };
  const faults = new Map<Fault, number>();
  for (const [fault, tries] of counts.flatMap((row) => entries(row.faults))) faults.set(fault, (faults.get(fault) ?? 0) + tries);
  const by = (way: WayToAnswer): number =>
    sum(
      healings.filter((row) => row.by === way),
      ({ calls }) => calls,
    );
  return {
    provider: first.provider,
    model: first.model,
    runs: sum(healings, ({ runs }) => runs),
    firstTry: rate(
      sum(counts, ({ firstAnswered }) => firstAnswered),
      sum(counts, ({ firstTries }) => firstTries),
    ),
    streamed: asked(true),
    unstreamed: asked(false),
    answeredBy: {
      first: by("first"),
      repair: by("repair"),
      again: by("again"),
      stream_off: by("stream_off"),
      fallback: by("fallback"),
      none: by("none"),
    },
    healing: {
      extraTries: sum(healings, ({ extraTries }) => extraTries),
      lostMs: sum(healings, ({ lostMs }) => lostMs),
      lostTokens: sum(healings, ({ lost }) => tokensOf(lost)),
      lostMicroUsd: sum(healings, ({ lostMicroUsd }) => lostMicroUsd),
    },
    faults: [...faults].toSorted(([, a], [, b]) => b - a),
  };
}

function entries(faults: RungCount["faults"]): [Fault, number][] {
  return Object.entries(faults).filter((entry): entry is [Fault, number] => entry[1] !== undefined);
}

/** Least failed tries of one kind that are taken for more than an accident, and the least share of all failures. */
const leastFailures = 3;
const leastShare = 0.2;

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const of = ({ hits, trials }: Rate): string => `${hits} of ${trials}`;
const surelyBetter = (a: Rate, b: Rate): boolean => a.trials > 0 && b.trials > 0 && a.low > b.high;

function suggestionsFor(report: ModelReport, models: readonly ModelReport[]): readonly Suggestion[] {
  if (report.firstTry.trials === 0) return [];
  const model = nameOf(report);
  const streamOff = withoutStreaming(report, model);
  const others = streamOff === undefined ? [anotherFirst(report, models, model)] : [streamOff];
  return [...others, ...byFault(report, model), fallbackMissing(report, model)].filter((one) => one !== undefined);
}

function withoutStreaming({ streamed, unstreamed }: ModelReport, model: string): Suggestion | undefined {
  if (!surelyBetter(unstreamed, streamed)) return undefined;
  const why = `streamed, ${of(streamed)} tries were answered; without streaming ${of(unstreamed)}`;
  return { model, change: { "payload.stream": false }, why };
}

/** Another model that this history has seen, and that surely answers more often than this one does at the first try. */
function anotherFirst({ firstTry }: ModelReport, models: readonly ModelReport[], model: string): Suggestion | undefined {
  const all = ({ streamed, unstreamed }: ModelReport): Rate =>
    rate(streamed.hits + unstreamed.hits, streamed.trials + unstreamed.trials);
  const [best] = models
    .filter((other) => nameOf(other) !== model && surelyBetter(all(other), firstTry))
    .toSorted((a, b) => all(b).low - all(a).low);
  if (best === undefined) return undefined;
  const change = { "payload.model": nameOf(best), "payload.fallbacks": [model] };
  return { model, change, why: `its first try was answered ${of(firstTry)} times; ${nameOf(best)} answered ${of(all(best))}` };
}

function byFault({ faults }: ModelReport, model: string): readonly Suggestion[] {
  const failed = sum(faults, ([, tries]) => tries);
  const often = (...named: readonly Fault[]): number => {
    const tries = sum(
      faults.filter(([fault]) => named.includes(fault)),
      ([, times]) => times,
    );
    return tries >= leastFailures && tries >= failed * leastShare ? tries : 0;
  };
  const told = (tries: number): string => `${several(tries, "try", "tries")} of ${failed} that failed`;
  const suggestions: Suggestion[] = [];
  const [stalls, late, limited, cut] = [
    often("stream_stall"),
    often("timeout"),
    often("rate_limit", "quota_window"),
    often("output_truncated"),
  ];
  if (stalls > 0)
    suggestions.push({
      model,
      change: { "limits.idle": "240s" },
      why: `${told(stalls)} went silent; if it needs long to think, let it (default 120s)`,
    });
  if (late > 0)
    suggestions.push({
      model,
      change: { "limits.try": "1200s" },
      why: `${told(late)} took longer than the limit of a try (default 600s)`,
    });
  if (limited > 0)
    suggestions.push({
      model,
      change: {},
      why: `${told(limited)} met a limit of the key: start fewer jobs in the same minute, or set onRateLimit`,
    });
  if (cut > 0)
    suggestions.push({ model, change: { "payload.maxTokens": 32_000 }, why: `${told(cut)} did not fit in the tokens allowed` });
  return suggestions;
}

function fallbackMissing({ answeredBy }: ModelReport, model: string): Suggestion | undefined {
  if (answeredBy.none === 0 || answeredBy.fallback > 0) return undefined;
  const why = `${several(answeredBy.none, "question")} got no answer at all, and no other model ever answered for it`;
  return { model, change: { "payload.fallbacks": ["PROVIDER/MODEL"] }, why };
}

/** `84 % (21 of 25; 65…94 %)`. */
export function rateWords(value: Rate): string {
  if (value.trials === 0) return "";
  return `${percent(value.hits / value.trials)} (${of(value)}; ${Math.round(value.low * 100)}…${percent(value.high)})`;
}
