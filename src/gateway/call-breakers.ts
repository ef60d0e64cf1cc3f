/**
 * The breakers as one call sees them. They are asked when the call comes to a model for the first time; after that the call's own history knows
 * better, so the failures of a call never end its own climb. A probe has one try: if that fails, the model is left alone for this call as well.
 */
import type { ProviderError } from "../errors.ts";
import { nextModelMs } from "../run/call-time.ts";
import type { LeftAlone } from "../run/breaker.ts";
import { modelName, type Rung } from "../run/ladder.ts";
import type { OpenModel, Step } from "../run/step.ts";
import type { Grant } from "./gateway.ts";

export class CallBreakers {
  readonly #grant: Grant;
  readonly #monotonic: () => number;
  readonly #open = new Map<string, OpenModel>();
  /** Models that were let through, and whether as a probe that is under way. */
  readonly #admitted = new Map<string, { probe: boolean }>();

  constructor(grant: Grant, monotonic: () => number) {
    this.#grant = grant;
    this.#monotonic = monotonic;
  }

  /** The models that are left alone, as far as the call has met them. */
  get open(): readonly OpenModel[] {
    return [...this.#open.values()];
  }

  /** Whether the planned try may begin. If not, the model is among the `open` ones, and another step has to be planned. */
  async admit({ rung, insist }: Extract<Step, { kind: "try" }>): Promise<boolean> {
    const { breakers, force } = this.#grant;
    const name = modelName(rung);
    if (breakers === undefined || this.#admitted.has(name)) return true;
    if (insist === true || force === true) {
      this.#open.delete(name);
      this.#admitted.set(name, { probe: false });
      return true;
    }
    const admission = await breakers.admit(rung);
    if (admission.open) {
      this.#leave(rung, admission);
      return false;
    }
    this.#open.delete(name);
    this.#admitted.set(name, { probe: admission.probe });
    return true;
  }

  async answered(rung: Rung): Promise<void> {
    this.#endProbe(rung);
    await this.#grant.breakers?.answered(rung);
  }

  /** @param withinMs what the try was given. Silence for less than a model may take says nothing against it. */
  async failed(rung: Rung, error: ProviderError, withinMs: number): Promise<void> {
    const { breakers, limits } = this.#grant;
    if (breakers === undefined) return;
    const probe = this.#endProbe(rung);
    const silent = error.fault === "timeout" || error.fault === "stream_stall";
    if (error.fault === "aborted" || (silent && withinMs < Math.min(limits.tryMs, nextModelMs))) {
      if (probe) await breakers.released(rung);
      return;
    }
    const leftAlone = await breakers.failed(rung, error);
    if (!probe || leftAlone === undefined) return;
    this.#admitted.delete(modelName(rung));
    this.#leave(rung, leftAlone);
  }

  /** Gives back what was taken and not used. */
  async close(rung: Rung): Promise<void> {
    if (this.#endProbe(rung)) await this.#grant.breakers?.released(rung);
  }

  #leave({ provider, model }: Rung, { forMs, fault, why, own }: LeftAlone): void {
    const notedAt = this.#monotonic();
    const left = { provider, model, notedAt, until: notedAt + forMs, fault, why };
    this.#open.set(modelName(left), own === undefined ? left : { ...left, own });
  }

  /** Whether a probe was under way. */
  #endProbe(rung: Rung): boolean {
    const admitted = this.#admitted.get(modelName(rung));
    const probe = admitted?.probe === true;
    if (admitted !== undefined) admitted.probe = false;
    return probe;
  }
}
