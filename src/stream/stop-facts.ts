import { isObject, type Json, objectOr, stringOr } from "./json.ts";
import type { Proof } from "./proof.ts";
import { anthropicStopReason, cutByLimit, safeWord } from "./stop-reason.ts";
import type { UsageTally } from "./usage.ts";

/** Fields of the message that an end cannot change. */
const ofTheMessage = new Set(["id", "type", "role", "model", "content", "usage"]);

/** Fields that explain the stop reason they came with. */
const ofTheReason = ["stop_sequence", "stop_details"];

/** What the `message_delta` events of an answer said, merged: the stop reason, its fields, and whether one of them may pass as it came. */
export class StopFacts {
  reason: string | undefined;
  readonly fields: Record<string, unknown> = {};
  readonly #proof: Proof;
  readonly #tally: UsageTally;
  #count = 0;
  #data: string | undefined;
  #usage: unknown;

  constructor(proof: Proof, tally: UsageTally) {
    this.#proof = proof;
    this.#tally = tally;
  }

  /** Takes one event; true if it named a stop reason. */
  take(event: Json, data: string): boolean {
    const delta = objectOr(event["delta"]);
    this.#tally.merge(event["usage"]);
    if (isObject(event["usage"])) this.#tally.final = true;
    this.#count += 1;
    this.#data = data;
    this.#usage = event["usage"];
    if (this.#count > 1) {
      this.#proof.repair(
        "merged_message_delta",
        "the parts of the end are merged: the last stop reason given, each counter at its largest",
      );
    }
    const word = stringOr(delta["stop_reason"], "");
    const before = this.reason;
    const stands = word === "" || this.#named(word);
    // What says more about a reason goes with it.
    if (before !== undefined && this.reason !== before) for (const key of ofTheReason) delete this.fields[key];
    for (const [key, value] of Object.entries(delta)) {
      if (key === "stop_reason" || ofTheMessage.has(key) || (!stands && ofTheReason.includes(key))) continue;
      if (value !== null || !Object.hasOwn(this.fields, key)) this.fields[key] = value;
    }
    return word !== "";
  }

  /** True if the reason named is the answer's from now on. */
  #named(word: string): boolean {
    const reason = anthropicStopReason(word);
    if (reason === undefined) {
      const upstream = { type: safeWord(word) };
      throw this.#proof.fault("upstream_error", `the answer ended with the stop reason ${safeWord(word)}`, { upstream });
    }
    if (reason !== word) {
      this.#proof.repair("stop_reason_mapped", `${word} is the other dialect's word for ${reason}`);
      this.#data = undefined;
    }
    // Of two reasons the last one stands, but a cut or refused answer does not become a finished one.
    const finished = reason === "end_turn" || reason === "stop_sequence";
    if (!finished || (this.reason !== "refusal" && !cutByLimit(this.reason))) this.reason = reason;
    if (this.reason !== reason) this.#data = undefined;
    return this.reason === reason;
  }

  /** What came before belongs to what another start replaces. */
  forget(): void {
    this.reason = undefined;
    this.#data = undefined;
    this.#count = 0;
    for (const key of Object.keys(this.fields)) delete this.fields[key];
  }

  /** The one terminal event for a client that saw `startUsage`: as it came if it says all there is to say, else merged. */
  terminal(finalReason: string, startUsage: unknown): string {
    const usage = this.#usage;
    const whole = isObject(usage) && typeof usage["output_tokens"] === "number" && this.#tally.agrees(startUsage, usage);
    if (!this.#tally.final) this.#proof.repair("usage_estimated", "no counters came at the end; the counts are lower bounds");
    if (this.#count === 1 && this.#data !== undefined && whole && finalReason === this.reason) return this.#data;
    if (!whole && this.#count === 1)
      this.#proof.repair("usage_merged", "each counter goes out at the largest value any event gave");
    const counters = Object.fromEntries(Object.entries(this.#tally.raw()).filter(([, value]) => value !== null));
    return JSON.stringify({
      type: "message_delta",
      delta: { stop_sequence: null, ...this.fields, stop_reason: finalReason },
      usage: { output_tokens: 0, ...counters },
    });
  }
}
