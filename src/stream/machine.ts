import type { Repair, StreamAction, StreamError, StreamFaultReason, Usage } from "../errors.ts";
import type { AssembledMessage, Frame, Normalizer, NormalizerOptions, StreamEnd } from "./event.ts";
import { isObject, type Json, maxDepth, tooDeep, tryParse } from "./json.ts";
import { Proof } from "./proof.ts";
import { oneLine } from "./serialise.ts";
import { readUpstreamError } from "./upstream.ts";

/**
 * What the machines of both dialects do alike: they count events, read what stands in a frame, and give up once and for all. What an
 * event means is the dialect's to say.
 */
export abstract class DialectMachine implements Normalizer {
  protected readonly proof: Proof;
  /** What an event without a name is called in faults and repairs; "" for nothing. */
  readonly #unnamed: string;
  #failure: unknown;

  constructor(options: NormalizerOptions, unnamed: string) {
    this.proof = new Proof(options.tolerateOutOfOrderEvents === false, () => this.usage);
    this.#unnamed = unnamed;
  }

  abstract get certified(): boolean;
  abstract get usage(): Usage;
  abstract message(): AssembledMessage;

  /** The text for an event that differs from the last one in its one piece of content and nowhere else; undefined for any other. */
  protected abstract known(frame: Frame): string | undefined;
  /** An event of the stream. `data` is its text on one line. */
  protected abstract event(event: Json, name: string | undefined, data: string): string;
  /** An event whose data is no JSON object. */
  protected abstract noObject(data: string, name: string | undefined): string;
  /** `[DONE]`. */
  protected abstract endMarker(): string;
  /** The body has ended. */
  protected abstract ended(how: StreamEnd): string;
  /** The answer is whole and released; whatever follows belongs to nothing. */
  protected late(_frame: Frame): void {}

  get done(): boolean {
    return this.proof.state === "ended";
  }
  get repairs(): readonly Repair[] {
    return this.proof.repairs;
  }
  get frames(): number {
    return this.proof.frames;
  }
  get contentSeen(): boolean {
    return this.proof.contentSeen;
  }

  push(frame: Frame): string {
    if (this.#failure !== undefined) throw this.#failure;
    this.proof.frames += 1;
    if (this.done) {
      this.late(frame);
      return "";
    }
    try {
      return this.known(frame) ?? this.#take(frame);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  end(how: StreamEnd): string {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.done) return "";
    try {
      this.proof.event = "";
      return this.ended(how);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  refuse(reason: StreamFaultReason, what: string, action?: StreamAction): StreamError {
    const error = this.proof.fault(reason, what, action === undefined ? {} : { action });
    this.#failure = error;
    return error;
  }

  note(code: string, proof: string): void {
    this.proof.repair(code, proof);
  }

  /** The provider's own error. */
  protected upstream(value: unknown, name: string | undefined): StreamError {
    const { action, facts } = readUpstreamError(value, name);
    this.proof.event = name ?? "error";
    const words = [facts.type, facts.code].filter((word) => word !== undefined).join(" ");
    return this.proof.fault("upstream_error", `the provider ended the stream with an error${words === "" ? "" : `: ${words}`}`, {
      action,
      upstream: facts,
    });
  }

  #take(frame: Frame): string {
    const { proof } = this;
    let { data } = frame;
    proof.event = frame.event ?? this.#unnamed;
    if (data.startsWith("data:")) {
      proof.repairOnce("double_data", "each data line has its field name twice; what follows is the event");
      data = data.slice(5).trimStart();
    }
    if (data.trim() === "") {
      proof.repair("empty_frame", "an event without data carries nothing");
      return "";
    }
    if (data.trim() === "[DONE]") {
      proof.event = "[DONE]";
      return this.endMarker();
    }
    const event = tryParse(data);
    if (data.length > maxDepth && tooDeep(event))
      throw proof.fault("malformed_frame", `an event is nested deeper than ${maxDepth} levels`);
    return isObject(event) ? this.event(event, frame.event, oneLine(data, event)) : this.noObject(data, frame.event);
  }
}
