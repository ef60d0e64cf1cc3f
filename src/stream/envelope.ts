import type { AssembledMessage, StreamEnd } from "./event.ts";
import { assembledBlock } from "./block.ts";
import type { StartFacts } from "./block-bounds.ts";
import { emptyUsage } from "./head.ts";
import { type Json, objectOr, stringOr } from "./json.ts";
import type { Lanes } from "./lanes.ts";
import { MessageStart } from "./message-start.ts";
import type { Proof } from "./proof.ts";
import { StopFacts } from "./stop-facts.ts";
import { commonStopReason, cutByLimit } from "./stop-reason.ts";
import { anthropicUsage, UsageTally } from "./usage.ts";

/** An answer without a block and with this many tokens said something that did not arrive. */
const minLostTokens = 10;

/** The message round the blocks: its start, its stop reason and counters, its end, and whether all of it is one generation's. */
export class Envelope {
  readonly tally = new UsageTally();
  readonly #proof: Proof;
  readonly #lanes: Lanes;
  readonly #emit: (type: string, data: string) => void;
  readonly #keep: boolean;
  readonly #start: MessageStart;
  readonly #stop: StopFacts;
  #contentAfterReason = false;
  /** A `message_stop` came while something was irregular: only the end of the body proves that nothing follows. */
  #heldStop: string | undefined;
  #finalReason = "";

  constructor(proof: Proof, lanes: Lanes, emit: (type: string, data: string) => void, keep: boolean) {
    this.#proof = proof;
    this.#lanes = lanes;
    this.#emit = emit;
    this.#keep = keep;
    this.#stop = new StopFacts(proof, this.tally);
    this.#start = new MessageStart(proof, lanes, this.#stop, emit);
  }

  /** The provider has said how the answer ended and no content came since. */
  get certified(): boolean {
    return this.#stop.reason !== undefined && !this.#contentAfterReason;
  }

  /** Nothing has come that a delta would have to be judged against, but its own block. */
  get plain(): boolean {
    return this.#stop.reason === undefined && this.#heldStop === undefined;
  }

  start(event: Json, data: string): void {
    const message = objectOr(event["message"]);
    this.#start.refuseContent(message);
    this.#refuseAfterStop();
    this.tally.merge(message["usage"]);
    this.#start.take(message, data);
  }

  /** Called before any block is released: the start goes first. */
  openForContent(): void {
    this.#start.release();
  }

  /** A block begins: gives the message a start if it has none, and tells what the blocks cannot know. */
  beforeBlock(event: Json): StartFacts {
    this.#refuseAfterStop();
    if (this.#proof.state === "idle") this.#start.standIn(event["index"]);
    return { ...this.#start.beforeBlock(), certified: this.certified };
  }

  /** Content comes: false if it is an empty delta before everything, which adds nothing. */
  beforeDelta(event: Json): boolean {
    const delta = objectOr(event["delta"]);
    const type = delta["type"];
    const piece = type === "text_delta" ? delta["text"] : type === "thinking_delta" ? delta["thinking"] : undefined;
    if (this.#heldStop !== undefined && piece !== "") this.#refuseAfterStop();
    if (this.#proof.state !== "idle") return true;
    if (type !== "text_delta" && type !== "thinking_delta") {
      throw this.#proof.fault("delta_without_block", "content that only its block start explains came before everything");
    }
    if (piece === undefined) throw this.#proof.fault("malformed_frame", `a ${type} came without its text`);
    if (piece === "" || piece === null) {
      this.#proof.repair("empty_delta", "an empty delta before the message adds nothing");
      return false;
    }
    this.#start.standIn(event["index"]);
    this.#start.headless = true;
    return true;
  }

  #refuseAfterStop(): void {
    if (this.#heldStop !== undefined)
      throw this.#proof.fault("content_after_finish", "the message had ended and went on: neither part is the whole answer");
  }

  contentCame(): void {
    if (this.#start.afterReason)
      throw this.#proof.fault("restarted_message", "a whole answer was followed by another start and more content");
    if (this.#stop.reason !== undefined) this.#contentAfterReason = true;
  }

  delta(event: Json, data: string): void {
    if (this.#proof.state === "idle") {
      this.#proof.repair("orphan_message_delta", "an end before any start and content cannot be this answer's");
      return;
    }
    if (this.#twins) this.#refuseAfterStop();
    if (this.#stop.take(event, data)) this.#contentAfterReason = false;
  }

  stop(data: string): void {
    if (this.#proof.state === "idle") {
      this.#proof.repair("orphan_message_stop", "an end before any start and content cannot be this answer's");
      return;
    }
    if (this.#heldStop !== undefined) {
      if (this.#twins) this.#refuseAfterStop();
      this.#proof.repair("dup_message_stop", "the message had ended already");
      return;
    }
    if (this.#stop.reason !== undefined && this.#contentAfterReason) {
      this.#proof.repair("early_stop_reason", "the stop reason came before the last content and the message's own end after it");
      this.#contentAfterReason = false;
    }
    // An end that is irregular in itself could be the early end of an answer that goes on: only silence proves it.
    const regular = this.#lanes.output.released.length > 0 && !this.#lanes.open && !this.#promisesMore() && !this.#twins;
    if (regular || !this.certified || this.#emptyOrDoomed()) this.#finish(data);
    else this.#heldStop = data;
  }

  /** Start and blocks came twice: two streams in one, of which one is being read, unless nothing follows its end. */
  get #twins(): boolean {
    return this.#start.twice && this.#lanes.mixed;
  }

  /** The end of a block comes. */
  beforeStop(): void {
    if (this.#twins) this.#refuseAfterStop();
  }

  /** The stop reason announces a tool call and none has come. */
  #promisesMore(): boolean {
    return this.#stop.reason === "tool_use" && this.#tools() === 0;
  }

  #emptyOrDoomed(): boolean {
    return this.#lanes.doom !== undefined || (this.#lanes.none && this.#says());
  }

  /** The counters or the stop reason say that there is content. */
  #says(): boolean {
    return (this.tally.count("output_tokens") ?? 0) >= minLostTokens || this.#stop.reason === "tool_use";
  }

  #tools(): number {
    return this.#lanes.toolCalls;
  }

  end(how: StreamEnd): void {
    if (how === "idle_timeout")
      throw this.#proof.fault("idle_timeout", "nothing came for the idle limit and the end was not certified");
    if (how === "transport_error" && !this.certified)
      throw this.#proof.fault("transport", "the connection broke before the end of the answer");
    this.#finish(this.#heldStop);
  }

  #finish(stopData: string | undefined): void {
    const proof = this.#proof;
    if (!this.certified) {
      if (this.#proof.state === "idle") throw proof.fault("empty_stream", "the stream held no message");
      throw this.#lanes.none
        ? proof.fault("empty_stream", "the stream ended after its start, without content and stop reason")
        : proof.fault("truncated", "the stream ended without a stop reason");
    }
    if (this.#start.missing) {
      throw proof.fault("truncated", "the answer has neither a message start nor a block start: its beginning may be missing");
    }
    this.#lanes.closeAll();
    this.#refuseDoomed();
    this.#refuseEmpty();
    this.#finalReason = this.#settledReason();
    if (stopData === undefined)
      proof.repair(
        "synthetic_message_stop",
        "the stop reason came, so the generator had finished; only the end marker was missing",
      );
    this.openForContent();
    this.#emit("message_delta", this.#stop.terminal(this.#finalReason, this.#start.head["usage"]));
    this.#emit("message_stop", stopData ?? JSON.stringify({ type: "message_stop" }));
    proof.state = "ended";
  }

  #refuseDoomed(): void {
    const { doom } = this.#lanes;
    if (doom === undefined) return;
    if (cutByLimit(this.#stop.reason)) {
      throw this.#proof.fault("output_truncated", "the answer met its token limit inside a tool call", { index: doom.index });
    }
    throw this.#proof.fault(doom.reason, doom.what, { index: doom.index });
  }

  #refuseEmpty(): void {
    if (this.#lanes.output.released.length > 0 || !this.#says()) return;
    throw this.#proof.fault(
      "empty_content",
      `no content came, though ${this.tally.count("output_tokens") ?? "some"} tokens or a tool call were announced`,
    );
  }

  /** The stop reason that fits the blocks. */
  #settledReason(): string {
    const reason = this.#stop.reason ?? "";
    if (reason === "tool_use" && (this.#lanes.lostBlock || (this.#promisesMore() && this.#lanes.lostStops > 0)))
      throw this.#proof.fault("tool_input_incomplete", "a tool call is announced, a block's end came and its start did not");
    if (this.#promisesMore()) {
      this.#proof.repair("stop_reason_demoted", "tool_use without a tool call, and with content: the turn had ended");
      return "end_turn";
    }
    if (reason === "end_turn" && this.#tools() > 0) {
      this.#proof.repair("stop_reason_promoted", "whole tool calls came, so the model waits for their results");
      return "tool_use";
    }
    return reason;
  }

  message(): AssembledMessage {
    if (this.#proof.state !== "ended") throw new Error("message() before the end of the stream");
    if (!this.#keep) throw new Error("message() of a stream whose content was not kept (assemble: false)");
    const blocks = this.#lanes.output.released.map(assembledBlock);
    const usage = { ...emptyUsage, ...objectOr(this.#start.head["usage"]), ...this.tally.raw() };
    const body = {
      ...this.#start.head,
      stop_sequence: null,
      ...this.#stop.fields,
      content: blocks,
      stop_reason: this.#finalReason,
      usage,
    };
    return {
      body,
      id: stringOr(this.#start.head["id"], ""),
      model: stringOr(this.#start.head["model"], ""),
      stopReason: commonStopReason(this.#finalReason),
      text: blocks.map((block) => (block["type"] === "text" ? stringOr(block["text"], "") : "")).join(""),
      toolCalls: this.#lanes.toolCalls,
      usage: anthropicUsage(this.tally),
    };
  }
}
