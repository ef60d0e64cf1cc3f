import type { StreamError, Usage } from "../errors.ts";
import type { AssembledMessage, Frame, NormalizerOptions, StreamEnd } from "./event.ts";
import { isObject, type Json, objectOr, stringOr } from "./json.ts";
import { DialectMachine } from "./machine.ts";
import { baseError, failedBase, pieceOf, holdsStrayText } from "./openai-frame.ts";
import { ChunkIdentity } from "./openai-identity.ts";
import type { Call } from "./openai-calls.ts";
import { Choice, type TakenChoice } from "./openai-choice.ts";
import { Ending } from "./openai-ending.ts";
import { dataFrame } from "./serialise.ts";
import { Template } from "./template.ts";
import { openaiUsage, UsageTally } from "./usage.ts";

/** Answers in one response; the official SDK refuses more. */
const maxChoices = 128;

/**
 * The machine for `openai-completions` (chat completion chunks). Content passes as it comes; everything from the first finish
 * reason on is held until the end of the stream, because only then is it known that nothing follows.
 */
export class OpenaiNormalizer extends DialectMachine {
  readonly #tally = new UsageTally();
  readonly #identity: ChunkIdentity;
  readonly #choices = new Map<number, Choice>();
  readonly #ending: Ending;
  readonly #keep: boolean;
  readonly #template = new Template();
  #fast: { choice: Choice; field: string; call: Call | undefined } | undefined;
  /** The end marker came while an answer that began or finished twice was read: only the end of the body proves that nothing follows. */
  #heldDone = false;

  constructor(options: NormalizerOptions = {}) {
    super(options, "chunk");
    this.#identity = new ChunkIdentity(this.proof);
    this.#keep = options.assemble !== false;
    this.#ending = new Ending(this.proof, this.#tally, this.#identity, this.#choices);
  }

  get certified(): boolean {
    return this.proof.state !== "failed" && this.#finished;
  }
  get usage(): Usage {
    return openaiUsage(this.#tally);
  }
  message(): AssembledMessage {
    if (!this.done) throw new Error("message() before the end of the stream");
    if (!this.#keep) throw new Error("message() of a stream whose content was not kept (assemble: false)");
    return this.#ending.message();
  }

  get #finished(): boolean {
    return this.#choices.size > 0 && [...this.#choices.values()].every((choice) => choice.finish !== undefined);
  }

  protected ended(how: StreamEnd): string {
    if (how === "idle_timeout")
      throw this.proof.fault("idle_timeout", "nothing came for the idle limit and the end was not certified");
    if (how === "transport_error" && !this.certified)
      throw this.proof.fault("transport", "the connection broke before the end of the answer");
    return this.#finish(this.#heldDone);
  }

  protected known({ data }: Frame): string | undefined {
    const fast = this.#fast;
    if (fast === undefined || fast.choice.finish !== undefined) return undefined;
    const out = this.#template.match(data);
    if (out === undefined) return undefined;
    this.proof.event = "chunk";
    if (fast.call === undefined) fast.choice.add(fast.field, this.#template.piece);
    else fast.call.args.push(this.#template.piece);
    return dataFrame(out);
  }

  #finish(marker: boolean): string {
    if (!this.#finished) {
      const said = this.proof.contentSeen || this.#choices.size > 0;
      throw said
        ? this.proof.fault("truncated", "the stream ended without a finish reason")
        : this.proof.fault("empty_stream", "the stream held no answer");
    }
    if (!marker)
      this.proof.repair("done_missing", "the finish reason came, so the generator had finished; only the end marker was missing");
    const out = this.#ending.release();
    this.proof.state = "ended";
    return out;
  }

  protected endMarker(): string {
    // The end of one of two streams, if anything follows it.
    if (this.#heldDone) throw this.#endedAndWentOn();
    this.#heldDone = this.#finished && [...this.#choices.values()].some((choice) => choice.beganTwice || choice.finishedTwice);
    return this.#heldDone ? "" : this.#finish(true);
  }

  protected noObject(data: string, name: string | undefined): string {
    if (name === "error") throw this.upstream(data, name);
    if (!this.certified && name !== "ping")
      throw this.proof.fault("malformed_frame", "an event is no JSON object: content may be lost");
    this.proof.repair("unreadable_frame", "it came after the finish reason or is a ping, so no content can be in it");
    return "";
  }

  protected event(event: Json, name: string | undefined, data: string): string {
    if (
      name === "error" ||
      (event["error"] !== undefined && event["error"] !== null) ||
      event["object"] === "error" ||
      failedBase(event)
    ) {
      throw this.upstream(event["base_resp"] === undefined ? event : { error: baseError(event) }, name);
    }
    const hasChoices = Array.isArray(event["choices"]);
    if (!hasChoices && event["choices"] !== undefined && event["choices"] !== null) {
      throw this.proof.fault("malformed_frame", "the choices of a chunk are not a list");
    }
    const chunk = hasChoices || isObject(event["usage"]) || event["object"] === "chat.completion.chunk";
    if (!chunk) return this.#noChunk(event, name);
    if (hasChoices) return this.#chunk(event, data);
    if (!this.certified && holdsStrayText(event))
      throw this.proof.fault("malformed_frame", "a chunk has no choices and text under another name: content may be lost");
    this.proof.repairOnce("choices_missing", "a chunk without choices and without any text has none");
    return this.#chunk({ ...event, choices: [] }, undefined);
  }

  #noChunk(event: Json, name: string | undefined): string {
    const harmless =
      Object.keys(event).length === 0 ||
      event["type"] === "ping" ||
      (name !== undefined && name !== "message" && !/delta|content/.test(name));
    if (!harmless && !this.certified)
      throw this.proof.fault("malformed_frame", "an event is no chunk of this dialect: content may be lost");
    this.proof.repair("unknown_event", "an event that is no chunk carries nothing of the answer");
    return "";
  }

  #endedAndWentOn(): StreamError {
    return this.proof.fault("content_after_finish", "an answer that began or finished twice had ended and went on");
  }

  /** `data` is undefined if the chunk is to be written anew. */
  #chunk(event: Json, data: string | undefined): string {
    if (this.#heldDone) throw this.#endedAndWentOn();
    if (this.proof.state === "idle") this.proof.state = "open";
    let out = this.#identity.take(event);
    this.#usage(event["usage"]);
    const given: readonly unknown[] = Array.isArray(event["choices"]) ? event["choices"] : [];
    const taken = given.map((choice) => this.#choice(choice, given.length));
    if (taken.some(({ choice }, at) => choice !== given[at])) out = { ...out, choices: taken.map(({ choice }) => choice) };
    out = this.#lift(out, given);
    const text = out === event && data !== undefined ? data : JSON.stringify(out);
    if (taken.some(({ finished }) => finished) || this.#finished) {
      this.#fast = undefined;
      this.#ending.hold(out, text);
      return "";
    }
    this.#ending.passed(out);
    this.#fast = undefined;
    const role = this.#roles(taken, given);
    if (out === event && data !== undefined && taken.length === 1) this.#learn(taken[0], event, data);
    return role + dataFrame(text);
  }

  #choice(given: unknown, among: number): TakenChoice {
    if (!isObject(given)) throw this.proof.fault("malformed_frame", "a choice is not an object");
    let choice = given;
    let index = given["index"];
    if (index === undefined || index === null) {
      if (among > 1 || this.#choices.size > 1) throw this.proof.fault("malformed_frame", "one of several choices has no index");
      this.proof.repairOnce("choice_index", "the only choice is the first");
      index = 0;
      choice = { ...given, index };
    }
    if (typeof index !== "number" || !Number.isSafeInteger(index) || index < 0 || index >= maxChoices) {
      throw this.proof.fault("malformed_frame", "a choice has an index out of range");
    }
    let state = this.#choices.get(index);
    if (state === undefined) this.#choices.set(index, (state = new Choice(index, this.proof, this.#keep)));
    return state.take(choice);
  }

  #usage(usage: unknown): void {
    if (!isObject(usage)) return;
    this.#tally.merge(usage);
    this.#tally.final = true;
  }

  /** Counters inside a choice belong to the chunk. */
  #lift(out: Json, given: readonly unknown[]): Json {
    const inside = given.find((choice) => isObject(choice) && isObject(choice["usage"]));
    if (!isObject(inside)) return out;
    this.proof.repairOnce("usage_lifted", "counters inside a choice are the answer's counters");
    this.#usage(inside["usage"]);
    const choices = (Array.isArray(out["choices"]) ? out["choices"] : []).map((choice: unknown) => {
      const { usage: _usage, ...rest } = objectOr(choice);
      return rest;
    });
    return { ...out, choices, usage: this.#tally.raw() };
  }

  /** Role chunks for choices whose content came without one. */
  #roles(taken: readonly TakenChoice[], given: readonly unknown[]): string {
    let out = "";
    taken.forEach(({ choice, needsRole }, at) => {
      const state = this.#choices.get(Number(choice["index"]));
      if (!needsRole || state === undefined) return;
      state.roleSent = true;
      if (stringOr(objectOr(objectOr(given[at])["delta"])["role"], "") !== "") return;
      this.proof.repair("synthetic_role", "content came without the chunk that opens the message; only the envelope was missing");
      out += dataFrame(
        JSON.stringify(
          this.#identity.chunk([{ index: state.index, delta: { role: "assistant", content: "" }, finish_reason: null }]),
        ),
      );
    });
    return out;
  }

  #learn(taken: TakenChoice | undefined, event: Json, data: string): void {
    const single = taken?.single;
    const choice = this.#choices.get(Number(taken?.choice["index"]));
    if (
      taken === undefined ||
      single === undefined ||
      choice === undefined ||
      isObject(event["usage"]) ||
      taken.choice["logprobs"]
    )
      return;
    const delta = objectOr(taken.choice["delta"]);
    if (stringOr(delta["role"], "") !== "") return;
    const fragment = objectOr(Array.isArray(delta["tool_calls"]) ? delta["tool_calls"][0] : undefined);
    // Only a bare fragment says nothing but its arguments.
    if (
      single.call !== undefined &&
      (single.call.custom || fragment["id"] !== undefined || objectOr(fragment["function"])["name"] !== undefined)
    )
      return;
    if (Object.keys(delta).some((key) => key !== single.field && delta[key] !== null && delta[key] !== "")) return;
    const learnt = this.#template.learn(data, single.piece, (parsed) => pieceOf(parsed, single.field), undefined);
    if (learnt) this.#fast = { choice, field: single.field, call: single.call };
  }
}
