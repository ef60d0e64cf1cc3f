import { type Repair, type StreamAction, StreamError, type StreamFaultReason, type Usage } from "../errors.ts";

/** Records kept of one stream. Beyond it repairs still happen and are counted in the last record. */
const maxRepairsKept = 1000;

const actions: Readonly<Record<StreamFaultReason, StreamAction>> = {
  transport: "retry",
  idle_timeout: "retry",
  truncated: "retry",
  empty_stream: "retry",
  empty_content: "retry",
  malformed_frame: "retry",
  invalid_utf8: "retry",
  spliced_message: "retry",
  restarted_message: "retry",
  block_restarted: "retry",
  index_regression: "retry",
  delta_after_stop: "retry",
  delta_without_block: "retry",
  block_type_mismatch: "retry",
  tool_input_incomplete: "retry",
  tool_without_name: "retry",
  repeated_tool_id: "retry",
  content_after_finish: "retry",
  cumulative_text: "fall_back",
  lane_overflow: "retry",
  frame_too_large: "retry",
  // The same request meets the same limit again.
  output_truncated: "change_request",
  compressed_body: "retry",
  html_body: "fall_back",
  unexpected_body: "retry",
  irregular: "retry",
  upstream_error: "retry",
};

/** What may help after a fault, when the fault itself does not say more. */
function actionFor(reason: StreamFaultReason): StreamAction {
  return actions[reason];
}

export interface FaultFacts {
  readonly action?: StreamAction;
  readonly index?: number | undefined;
  readonly upstream?: { type?: string; code?: string; message?: string } | undefined;
  readonly cause?: unknown;
}

/**
 * The record of one stream's proof: how many frames came, what was repaired and why that is safe, and the one way to give up.
 * In strict mode a repair is itself the fault `irregular`.
 */
export class Proof {
  readonly repairs: Repair[] = [];
  frames = 0;
  contentSeen = false;
  state: "idle" | "open" | "ended" | "failed" = "idle";
  /** Type of the event being looked at. */
  event = "";
  readonly #strict: boolean;
  readonly #usage: () => Usage;
  readonly #once = new Set<string>();
  #more = 0;

  constructor(strict: boolean, usage: () => Usage) {
    this.#strict = strict;
    this.#usage = usage;
  }

  /** Records a correction with its proof, or refuses it in strict mode. */
  repair(code: string, proof: string): void {
    if (this.#strict) throw this.fault("irregular", `${code}: ${proof}`);
    const at = Math.max(0, this.frames - 1);
    if (this.repairs.length < maxRepairsKept) {
      this.repairs.push({ code, at, event: this.event, proof });
      return;
    }
    this.#more += 1;
    this.repairs[maxRepairsKept - 1] = {
      code: "more",
      at,
      event: this.event,
      proof: `${this.#more + 1} further repairs were not recorded one by one`,
    };
  }

  /** For a quirk that every frame of a stream has: one record tells it. */
  repairOnce(code: string, proof: string): void {
    if (this.#once.has(code)) return;
    this.#once.add(code);
    this.repair(code, proof);
  }

  /** Records what came after the proven end, for people; also in strict mode, and not at all beyond the limit. */
  afterEnd(code: string, event: string): void {
    if (this.repairs.length >= maxRepairsKept) return;
    this.repairs.push({ code, at: this.frames - 1, event, proof: "it came after the proven end of the answer" });
  }

  /** The error to throw. `what` names types, indexes and counts, never text of the answer. */
  fault(reason: StreamFaultReason, what: string, facts: FaultFacts = {}): StreamError {
    const state = this.state;
    this.state = "failed";
    const place = this.frames === 0 ? "" : ` (event ${this.frames - 1}${this.event === "" ? "" : `, ${this.event}`})`;
    return new StreamError(reason, `${what}${place}`, {
      action: facts.action ?? actionFor(reason),
      event: this.event === "" ? undefined : this.event,
      at: this.frames === 0 ? undefined : this.frames - 1,
      index: facts.index,
      state,
      contentSeen: this.contentSeen,
      usage: this.#usage(),
      repairs: [...this.repairs],
      upstream: facts.upstream,
      ...(facts.cause === undefined ? {} : { cause: facts.cause }),
    });
  }
}
