import type { Repair, StreamAction, StreamError, StreamFaultReason, Usage } from "../errors.ts";
import { BlockBounds } from "./block-bounds.ts";
import { BlockDeltas } from "./block-deltas.ts";
import { Envelope } from "./envelope.ts";
import type { AssembledMessage, Frame, Normalizer, NormalizerOptions, StreamEnd } from "./event.ts";
import { isObject, type Json, maxDepth, stringOr, tooDeep, tryParse } from "./json.ts";
import { Lanes } from "./lanes.ts";
import { Proof } from "./proof.ts";
import { namedFrame, oneLine } from "./serialise.ts";
import { readUpstreamError } from "./upstream.ts";
import { anthropicUsage } from "./usage.ts";

const knownTypes = new Set([
  "message_start",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop",
  "ping",
]);
const knownContent = /^content_block_(?:start|delta)$/;

/**
 * The machine for `anthropic-messages`: one `push` an event, decided by (state, event). The message's envelope (start, stop
 * reason, usage, end) is kept by `Envelope`, its blocks by `Lanes`, `BlockBounds` and `BlockDeltas`; this file says which of them an event belongs to.
 */
export class AnthropicNormalizer implements Normalizer {
  readonly #proof: Proof;
  readonly #envelope: Envelope;
  readonly #lanes: Lanes;
  readonly #bounds: BlockBounds;
  readonly #deltas: BlockDeltas;
  #out = "";
  /** This provider leaves the event lines out; recorded once. */
  #nameless = false;
  #failure: unknown;

  constructor(options: NormalizerOptions = {}) {
    this.#proof = new Proof(options.tolerateOutOfOrderEvents === false, () => anthropicUsage(this.#envelope.tally));
    const emit = (type: string, data: string): void => {
      this.#out += namedFrame(type, data);
    };
    const keep = options.assemble !== false;
    this.#lanes = new Lanes(
      this.#proof,
      (type, data) => {
        this.#envelope.openForContent();
        emit(type, data);
      },
      keep,
    );
    this.#bounds = new BlockBounds(this.#proof, this.#lanes);
    this.#deltas = new BlockDeltas(this.#proof, this.#lanes);
    this.#envelope = new Envelope(this.#proof, this.#lanes, emit, keep);
  }

  get done(): boolean {
    return this.#proof.state === "ended";
  }
  get certified(): boolean {
    return this.#envelope.certified && this.#proof.state !== "failed";
  }
  get repairs(): readonly Repair[] {
    return this.#proof.repairs;
  }
  get frames(): number {
    return this.#proof.frames;
  }
  get contentSeen(): boolean {
    return this.#proof.contentSeen;
  }
  get usage(): Usage {
    return anthropicUsage(this.#envelope.tally);
  }
  message(): AssembledMessage {
    return this.#envelope.message();
  }

  push(frame: Frame): string {
    const proof = this.#proof;
    if (this.#failure !== undefined) throw this.#failure;
    proof.frames += 1;
    if (proof.state === "ended") return this.#afterEnd(frame);
    try {
      if (
        (frame.event === "content_block_delta" || (frame.event === undefined && this.#nameless)) &&
        this.#envelope.plain &&
        this.#lanes.doom === undefined
      ) {
        const { output } = this.#lanes;
        const known = output.match(frame.data);
        const lane = output.current;
        if (known !== undefined && lane !== undefined) {
          proof.event = "content_block_delta";
          this.#lanes.keep(lane, output.piece);
          return namedFrame("content_block_delta", known);
        }
      }
      this.#take(frame);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    return this.#release();
  }

  end(how: StreamEnd): string {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.done) return "";
    try {
      this.#proof.event = "";
      this.#envelope.end(how);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    return this.#release();
  }

  refuse(reason: StreamFaultReason, what: string, action?: StreamAction): StreamError {
    const error = this.#proof.fault(reason, what, action === undefined ? {} : { action });
    this.#failure = error;
    return error;
  }

  note(code: string, proof: string): void {
    this.#proof.repair(code, proof);
  }

  #release(): string {
    const out = this.#out;
    this.#out = "";
    return out;
  }

  /** The answer is whole and released; whatever follows belongs to nothing. Strict mode does not look at it either. */
  #afterEnd(frame: Frame): string {
    const event = stringOr(frame.event, "");
    const code = event === "error" ? "late_error" : event === "message_start" ? "second_message" : undefined;
    if (code !== undefined && this.#proof.repairs.length < 1000) {
      this.#proof.repairs.push({
        code,
        at: this.#proof.frames - 1,
        event,
        proof: "it came after the proven end of the answer",
      });
    }
    return "";
  }

  #take(frame: Frame): void {
    const proof = this.#proof;
    let { data } = frame;
    proof.event = frame.event ?? "";
    if (data.startsWith("data:")) {
      proof.repairOnce("double_data", "each data line has its field name twice; what follows is the event");
      data = data.slice(5).trimStart();
    }
    if (data.trim() === "") {
      proof.repair("empty_frame", "an event without data carries nothing");
      return;
    }
    if (data.trim() === "[DONE]") {
      proof.event = "[DONE]";
      proof.repair("done_marker", "the end marker of the other dialect is read as the end of the body");
      this.#envelope.end("eof");
      return;
    }
    const event = tryParse(data);
    if (data.length > maxDepth && tooDeep(event))
      throw proof.fault("malformed_frame", `an event is nested deeper than ${maxDepth} levels`);
    if (!isObject(event)) this.#unreadable(frame.event);
    else this.#event(event, frame.event, oneLine(data, event));
  }

  #unreadable(name: string | undefined): void {
    if (name === "error") throw this.#upstream("an error that is not JSON", name);
    if (name === "ping" || this.#envelope.certified) {
      this.#proof.repair(
        "unreadable_frame",
        name === "ping" ? "a ping carries no content" : "the stop reason had come, so no content can be in it",
      );
      return;
    }
    throw this.#proof.fault("malformed_frame", "an event is no JSON object: content may be lost");
  }

  #event(event: Json, name: string | undefined, data: string): void {
    const proof = this.#proof;
    const own = stringOr(event["type"], undefined);
    const type = own ?? name;
    if (type === "error" || name === "error" || (event["error"] !== undefined && event["error"] !== null)) {
      throw this.#upstream(event, name);
    }
    if (type !== undefined && /exception$/i.test(type)) throw this.#upstream(event, type);
    if (type === undefined) {
      this.#untyped(event);
      return;
    }
    if (
      !knownTypes.has(type) &&
      (isObject(event["delta"]) || isObject(event["content_block"]) || knownContent.test(name ?? ""))
    ) {
      throw proof.fault("malformed_frame", "an event of a type nobody knows carries content: it would be lost");
    }
    proof.event = type;
    if (name !== type)
      proof.repairOnce("event_name", "the event line is missing or names another type; the type inside the data is trusted");
    if (own === undefined) {
      proof.repairOnce("type_field", "the data names no type; the event line does");
      this.#dispatch(type, { type, ...event }, JSON.stringify({ type, ...event }));
      return;
    }
    this.#dispatch(type, event, data);
  }

  #untyped(event: Json): void {
    if (Object.keys(event).length === 0 || this.#envelope.certified) {
      this.#proof.repair("empty_frame", "an event without type and content carries nothing");
      return;
    }
    throw this.#proof.fault("malformed_frame", "an event names no type: content may be lost");
  }

  #upstream(value: unknown, name: string | undefined): StreamError {
    const { action, facts } = readUpstreamError(value, name);
    this.#proof.event = name ?? "error";
    const words = [facts.type, facts.code].filter((word) => word !== undefined).join(" ");
    return this.#proof.fault("upstream_error", `the provider ended the stream with an error${words === "" ? "" : `: ${words}`}`, {
      action,
      upstream: facts,
    });
  }

  #dispatch(type: string, event: Json, data: string): void {
    const envelope = this.#envelope;
    switch (type) {
      case "message_start":
        envelope.start(event, data);
        return;
      case "content_block_start": {
        const facts = envelope.beforeBlock(event);
        this.#content(() => this.#bounds.start(event, data, facts));
        return;
      }
      case "content_block_delta":
        if (envelope.beforeDelta(event)) this.#content(() => this.#deltas.delta(event, data));
        return;
      case "content_block_stop":
        envelope.beforeStop();
        this.#bounds.stop(event, data);
        return;
      case "message_delta":
        envelope.delta(event, data);
        return;
      case "message_stop":
        envelope.stop(data);
        return;
      case "ping":
        this.#ping(data);
        return;
      default:
        this.#unknown(type, data);
    }
  }

  #content(step: () => void): void {
    const before = this.#lanes.contentEvents;
    step();
    if (this.#lanes.contentEvents > before) this.#envelope.contentCame();
  }

  #ping(data: string): void {
    if (this.#lanes.doom !== undefined) return;
    this.#lanes.output.openCurrent();
    this.#out += namedFrame("ping", data);
  }

  #unknown(type: string, data: string): void {
    if (this.#proof.state === "idle") {
      this.#proof.repair("unknown_event", "an event of a type this dialect does not have, before the message began");
      return;
    }
    if (this.#lanes.doom === undefined && /^[\w.-]+$/.test(type)) this.#out += namedFrame(type, data);
  }
}
