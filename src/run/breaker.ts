/**
 * The breaker of a model or of a provider, across runs: after repeated failures it is left alone until a time, then one try finds out
 * whether it is back. Pure; the ledger keeps the state, so that a dead model is not asked 16 times in a row by 16 runs.
 */
import type { Fault } from "../errors.ts";

export interface BreakerState {
  /** Failures in a row that count. */
  readonly failures: number;
  /** Open until then, epoch ms; 0 while it is closed. Afterwards it is half open: one try may probe. */
  readonly openUntil: number;
  /** How often it has opened in a row; each time for longer. */
  readonly opened: number;
  /** Somebody probes until then; nobody else may. 0: nobody does. */
  readonly probingUntil: number;
  readonly fault: Fault;
  /** Why, in words. */
  readonly why: string;
  readonly changedAt: number;
}
