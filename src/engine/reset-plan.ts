/** What it takes to let a job begin afresh: a value, so that it can be shown before it is done. Pure. */
import type { RunRow } from "../ledger/ledger.ts";

export type ResetStep =
  /** Its process has died: what is left of it is ended, and it is closed. */
  | { readonly kind: "close"; readonly run: RunRow }
  /** It waits or is queued. */
  | { readonly kind: "cancel"; readonly run: RunRow }
  /** Its process lives: that is `cancel`'s to end. */
  | { readonly kind: "leave"; readonly run: RunRow }
  /** A model, address or quota that is left alone after failures is asked again. */
  | { readonly kind: "forget_breaker"; readonly key: string }
  /** That a model's streaming broke is forgotten. */
  | { readonly kind: "forget_rung"; readonly provider: string; readonly model: string }
  /** Its slots count from now on: nothing from before is made up for. */
  | { readonly kind: "arm" };

export interface ResetFacts {
  /** The job's open runs. */
  readonly open: readonly RunRow[];
  readonly died: (run: RunRow) => boolean;
  readonly models: readonly { readonly provider: string; readonly model: string; readonly breakers: readonly string[] }[];
  /** Keys of those that are kept. */
  readonly breakers: ReadonlySet<string>;
  readonly rungs: readonly { readonly provider: string; readonly model: string }[];
  /** Whether the job is one that somebody looks after, and is in the files. */
  readonly scheduled: boolean;
}

export function resetPlan({ open, died, models, breakers, rungs, scheduled }: ResetFacts): readonly ResetStep[] {
  const keys = new Set(models.flatMap((one) => one.breakers));
  return [
    ...open.map((run): ResetStep => {
      if (run.status !== "running") return { kind: "cancel", run };
      return { kind: died(run) ? "close" : "leave", run };
    }),
    ...[...keys].filter((key) => breakers.has(key)).map((key): ResetStep => ({ kind: "forget_breaker", key })),
    ...rungs
      .filter((rung) => models.some(({ provider, model }) => provider === rung.provider && model === rung.model))
      .map(({ provider, model }): ResetStep => ({ kind: "forget_rung", provider, model })),
    ...(scheduled ? [{ kind: "arm" } as const] : []),
  ];
}
