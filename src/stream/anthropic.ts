import type { Usage } from "../errors.ts";
import { BlockBounds } from "./block-bounds.ts";
import { BlockDeltas } from "./block-deltas.ts";
import { Envelope } from "./envelope.ts";
import type { AssembledMessage, Frame, NormalizerOptions, StreamEnd } from "./event.ts";
import { isObject, type Json, stringOr } from "./json.ts";
import { Lanes } from "./lanes.ts";
import { DialectMachine } from "./machine.ts";
import { namedFrame } from "./serialise.ts";
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
export class AnthropicNormalizer extends DialectMachine {
  readonly #envelope: Envelope;
  readonly #lanes: Lanes;
  readonly #bounds: BlockBounds;
  readonly #deltas: BlockDeltas;
  #out = "";
  /** This provider leaves the event lines out; recorded once. */
  #nameless = false;

  constructor(options: NormalizerOptions = {}) {
    super(options, "");
    const emit = (type: string, data: string): void => {
      this.#out += namedFrame(type, data);
    };
    const keep = options.assemble !== false;
    this.#lanes = new Lanes(
      this.proof,
      (type, data) => {
        this.#envelope.openForContent();
        emit(type, data);
      },
      keep,
    );
    this.#bounds = new BlockBounds(this.proof, this.#lanes);
    this.#deltas = new BlockDeltas(this.proof, this.#lanes);
    this.#envelope = new Envelope(this.proof, this.#lanes, emit, keep);
  }

  get certified(): boolean {
    return this.#envelope.certified && this.proof.state !== "failed";
  }
  get usage(): Usage {
    return anthropicUsage(this.#envelope.tally);
  }
  message(): AssembledMessage {
    return this.#envelope.message();
  }

  protected known(frame: Frame): string | undefined {
    const mayBe = frame.event === "content_block_delta" || (frame.event === undefined && this.#nameless);
    if (!mayBe || !this.#envelope.plain || this.#lanes.doom !== undefined) return undefined;
    const { output } = this.#lanes;
    const known = output.match(frame.data);
    const lane = output.current;
    if (known === undefined || lane === undefined) return undefined;
    this.proof.event = "content_block_delta";
    this.#lanes.keep(lane, output.piece);
    return namedFrame("content_block_delta", known);
  }

  protected ended(how: StreamEnd): string {
    this.#envelope.end(how);
    return this.#release();
  }

  #release(): string {
    const out = this.#out;
    this.#out = "";
    return out;
  }

  /** Strict mode does not look at it either. */
  protected override late(frame: Frame): void {
    const event = stringOr(frame.event, "");
    const code = event === "error" ? "late_error" : event === "message_start" ? "second_message" : undefined;
    if (code !== undefined) this.proof.afterEnd(code, event);
  }

  protected endMarker(): string {
    this.proof.repair("done_marker", "the end marker of the other dialect is read as the end of the body");
    return this.ended("eof");
  }

  protected noObject(_data: string, name: string | undefined): string {
    if (name === "error") throw this.upstream("an error that is not JSON", name);
    if (name === "ping" || this.#envelope.certified) {
      this.proof.repair(
        "unreadable_frame",
        name === "ping" ? "a ping carries no content" : "the stop reason had come, so no content can be in it",
      );
      return this.#release();
    }
    throw this.proof.fault("malformed_frame", "an event is no JSON object: content may be lost");
  }

  protected event(event: Json, name: string | undefined, data: string): string {
    this.#event(event, name, data);
    return this.#release();
  }

  #event(event: Json, name: string | undefined, data: string): void {
    const proof = this.proof;
    const own = stringOr(event["type"], undefined);
    const type = own ?? name;
    if (type === "error" || name === "error" || (event["error"] !== undefined && event["error"] !== null)) {
      throw this.upstream(event, name);
    }
    if (type !== undefined && /exception$/i.test(type)) throw this.upstream(event, type);
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
    if (name !== type) {
      proof.repairOnce("event_name", "the event line is missing or names another type; the type inside the data is trusted");
      this.#nameless ||= name === undefined;
    }
    if (own === undefined) {
      proof.repairOnce("type_field", "the data names no type; the event line does");
      this.#dispatch(type, { type, ...event }, JSON.stringify({ type, ...event }));
      return;
    }
    this.#dispatch(type, event, data);
  }

  #untyped(event: Json): void {
    if (Object.keys(event).length === 0 || this.#envelope.certified) {
      this.proof.repair("empty_frame", "an event without type and content carries nothing");
      return;
    }
    throw this.proof.fault("malformed_frame", "an event names no type: content may be lost");
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
    if (this.proof.state === "idle") {
      this.proof.repair("unknown_event", "an event of a type this dialect does not have, before the message began");
      return;
    }
    if (this.#lanes.doom === undefined && /^[\w.-]+$/.test(type)) this.#out += namedFrame(type, data);
  }
}
