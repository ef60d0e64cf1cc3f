import type { StreamError, StreamFaultReason } from "../errors.ts";
import { deltaFields, emptyBlock, laneFor } from "./block.ts";
import { isIndex, isObject, type Json, objectOr, stringOr } from "./json.ts";
import { Lane, type LaneKind } from "./lane.ts";
import { LaneOutput } from "./lane-output.ts";
import type { Proof } from "./proof.ts";

/** What the message level knows when a block begins. */
export interface StartFacts {
  /** A second `message_start` has come after content. */
  readonly restarted: boolean;
  /** The provider has certified the end already. */
  readonly certified: boolean;
  /** Two message starts came before this message's blocks, and none since the last block start. */
  readonly twins: boolean;
}

/** A piece of content under a type that clients do not know, or under none: they would ignore it. */
function carriesText(type: string, delta: Json): boolean {
  if (Object.hasOwn(deltaFields, type)) return false;
  return Object.values(deltaFields).some(({ field }) => typeof delta[field] === "string" && delta[field] !== "");
}

/** Blocks one answer may have. */
const maxBlocks = 10_000;
/** Ends without a beginning that are remembered. */
const maxOrphans = 1000;

/** The blocks of one message: which may begin, go on and end, decided on content and never on names. */
export class Lanes {
  readonly output: LaneOutput;
  readonly #proof: Proof;
  readonly #keep: boolean;
  readonly #byIndex = new Map<number, Lane>();
  readonly #toolIds = new Set<string>();
  #blocks = 0;
  #irregular = false;
  #synthetic = false;
  #highest = -1;
  /** Indexes at which a block ended that had not begun. */
  readonly #orphans = new Set<number>();
  /** Pieces of content and starts of tool calls so far. */
  contentEvents = 0;
  /** A tool input was found incomplete; the message cannot succeed and nothing more of it is released. */
  doom: { reason: StreamFaultReason; what: string; index: number } | undefined;

  constructor(proof: Proof, emit: (type: string, data: string) => void, keep: boolean) {
    this.#proof = proof;
    this.#keep = keep;
    this.output = new LaneOutput(proof, (type, data) => {
      if (this.doom === undefined) emit(type, data);
    });
  }

  get none(): boolean {
    return this.#highest < 0;
  }

  /** Calls the client is to carry out. A provider's own tools are not among them. */
  get toolCalls(): number {
    return (
      this.output.waiting.filter((lane) => !lane.released && lane.block["type"] === "tool_use").length +
      this.output.released.filter((lane) => lane.block["type"] === "tool_use").length
    );
  }

  /** A block has ended or was released, so that it cannot be taken back. */
  get anyBehind(): boolean {
    return this.output.released.length > 0 || [...this.#byIndex.values()].some((lane) => lane.closed);
  }

  /** Blocks began again, followed each other without an end, or were mixed: as when two streams come in one. */
  get mixed(): boolean {
    return this.#irregular;
  }

  /** A block came without its start, so that one which begins again may come without it, too. */
  get anySynthetic(): boolean {
    return this.#synthetic;
  }

  /** Blocks ended that had not begun. */
  get lostStops(): number {
    return this.#orphans.size;
  }

  /** The block after the last one ended and had not begun: it may have been a whole one. (Before others some gateways leave gaps.) */
  get lostBlock(): boolean {
    return this.#orphans.has(this.#highest + 1);
  }

  get open(): boolean {
    return this.output.waiting.some((lane) => !lane.closed);
  }

  start(event: Json, data: string, facts: StartFacts): void {
    const index = event["index"];
    if (!isIndex(index) || !isObject(event["content_block"]) || typeof event["content_block"]["type"] !== "string") {
      throw this.#proof.fault("malformed_frame", "a block start without index or type");
    }
    const known = this.#byIndex.get(index);
    if (index <= this.#highest && facts.restarted) {
      throw this.#proof.fault("restarted_message", "after a second message_start a block began again at an index already seen", {
        index,
      });
    }
    if (index <= this.#highest && facts.certified) {
      throw this.#proof.fault("restarted_message", "after the stop reason a block began again at an index already seen", {
        index,
      });
    }
    if (known === undefined && index < this.#highest) {
      throw this.#proof.fault("index_regression", `a block began at index ${index} after index ${this.#highest}`, { index });
    }
    if (this.none && index > 0 && this.#orphans.size > 0) {
      throw this.#proof.fault("truncated", "the end of an earlier block came and the block did not", { index });
    }
    const lane = laneFor(index, event, data, this.#proof);
    if (known !== undefined || this.open) this.#irregular = true;
    if (known !== undefined && !known.closed && facts.twins) {
      throw this.#proof.fault("block_restarted", "two message starts and two starts of one block: two streams in one", { index });
    }
    if (known !== undefined && this.#again(known, lane)) return;
    this.#begin(lane);
  }

  /** A start at an index already seen. True if it says nothing new. */
  #again(known: Lane, lane: Lane): boolean {
    const { index } = lane;
    if (!known.closed && known.sameBlock(lane)) {
      if (this.#sameStart(known, lane)) {
        known.startedTwice = true;
        this.#proof.repair("dup_block_start", "the block had begun and carried nothing yet, so its second start changes nothing");
        return true;
      }
      throw this.#proof.fault("block_restarted", "an open block that already has content began again", { index });
    }
    if (index < this.#highest)
      throw this.#proof.fault("index_regression", `a block began again at index ${index} after index ${this.#highest}`, {
        index,
      });
    if (known.closed) {
      lane.before = known;
      this.#proof.repair(
        "index_reused",
        "the last block was closed, so the same index names a new block; the order of content is kept",
      );
    } else {
      if (!known.hasContent) known.superseded = true;
      this.#proof.repair(
        "implicit_close",
        "a block of another type began at the index of the open one, which is thereby complete",
      );
      this.#close(known, undefined);
    }
    return false;
  }

  /** A tool call's start counts as content, but its exact repetition before any input carries nothing. */
  #sameStart(known: Lane, lane: Lane): boolean {
    if (known.kind === "tool" || known.kind === "opaque")
      return known.content.count === 0 && JSON.stringify(known.block) === JSON.stringify(lane.block);
    return !known.hasContent && !lane.hasContent;
  }

  #begin(lane: Lane): void {
    this.#blocks += 1;
    if (this.#blocks > maxBlocks)
      throw this.#proof.fault("lane_overflow", `more than ${maxBlocks} blocks`, { index: lane.index });
    if (lane.kind === "tool") {
      const id = stringOr(lane.block["id"], "");
      if (this.#toolIds.has(id))
        throw this.#proof.fault("repeated_tool_id", "two tool calls have the same id", { index: lane.index });
      this.#toolIds.add(id);
    }
    this.#byIndex.set(lane.index, lane);
    this.#highest = Math.max(this.#highest, lane.index);
    if (lane.hasContent) this.#content();
    this.output.add(lane);
    this.#limitParked();
  }

  #content(): void {
    this.contentEvents += 1;
    this.#proof.contentSeen = true;
  }

  delta(event: Json, data: string): void {
    const { index, delta } = event;
    if (!isIndex(index) || !isObject(delta)) throw this.#proof.fault("malformed_frame", "a block delta without index or delta");
    const type = stringOr(delta["type"], "");
    if (type === "" || carriesText(type, delta))
      throw this.#proof.fault("malformed_frame", "a delta of a type nobody knows carries text: it would be lost", { index });
    const known = Object.hasOwn(deltaFields, type) ? deltaFields[type] : undefined;
    if (known === undefined) return this.#otherDelta(index, type, event, data);
    const piece = delta[known.field] === null ? "" : delta[known.field];
    // Null says that nothing came; of a field that is not there nobody knows whether it was empty or lost.
    if (typeof piece !== "string")
      throw this.#proof.fault("malformed_frame", `the ${known.field} of a delta is not text`, { index });
    if (typeof delta[known.field] === "string") return this.#piece(index, known.kind, known.field, piece, event, data);
    this.#proof.repairOnce("null_delta", "a delta carried null instead of text; both add nothing");
    const whole = { ...event, delta: { ...delta, [known.field]: "" } };
    return this.#piece(index, known.kind, known.field, "", whole, JSON.stringify(whole));
  }

  #piece(index: number, kind: LaneKind, field: string, piece: string, event: Json, data: string): void {
    if (field === "signature" && piece !== "") this.#refuseUnsigned(index);
    const lane = this.#laneOf(index, kind, piece);
    if (lane === undefined) return;
    if (piece !== "") {
      lane.hasContent = true;
      this.#content();
      if (field === "signature") {
        lane.signatures.push({ event, data });
        if (lane.signatures.length > 1000)
          throw this.#proof.fault("lane_overflow", "a signature in more than 1,000 pieces", { index });
        return;
      }
      this.keep(lane, piece);
    }
    this.output.delta(lane, field === "signature" ? "" : field, piece, event, data);
    this.#limitParked();
  }

  /** Adds a piece to what the lane carried. */
  keep(lane: Lane, piece: string): void {
    if (lane.kind !== "tool" && lane.growth.suspected && lane.growth.grows(piece)) {
      throw this.#proof.fault("cumulative_text", "each delta repeats the whole text so far", { index: lane.index });
    }
    if (this.#keep || lane.kind === "tool") lane.content.push(piece);
    else lane.content.countOnly(piece);
  }

  /** A signature ends thinking and begins no block: where none is open, the thinking it signs was lost. */
  #refuseUnsigned(index: number): void {
    const lane = this.#byIndex.get(index);
    if (lane === undefined)
      throw this.#proof.fault("delta_without_block", "a signature for a block that never began: its thinking is lost", { index });
    if (!lane.closed && lane.kind !== "thinking")
      throw this.#proof.fault("block_type_mismatch", `a signature for a ${lane.kind} block: its thinking is lost`, { index });
  }

  /** The lane a piece belongs to; undefined if the piece is empty and has no place. */
  #laneOf(index: number, kind: LaneKind, piece: string): Lane | undefined {
    const lane = this.#byIndex.get(index);
    if (lane === undefined) return this.#withoutStart(index, kind, piece);
    if (lane.closed) {
      if (piece === "") {
        this.#proof.repair("empty_delta", "an empty delta after the end of its block adds nothing");
        return undefined;
      }
      if (lane.overflowed) throw this.#proof.fault("lane_overflow", "too much was interleaved with an open block", { index });
      throw this.#proof.fault("delta_after_stop", "content for a block that was closed", { index });
    }
    return lane.kind === kind ? lane : this.#otherKind(lane, kind, piece);
  }

  #withoutStart(index: number, kind: LaneKind, piece: string): Lane | undefined {
    if (kind !== "text" && kind !== "thinking") {
      throw this.#proof.fault("delta_without_block", "tool input for a block that never began: its name is lost", { index });
    }
    if (piece === "") {
      this.#proof.repair("empty_delta", "an empty delta for a block that never began adds nothing");
      return undefined;
    }
    if (index < this.#highest)
      throw this.#proof.fault("index_regression", `content at index ${index} after index ${this.#highest}`, { index });
    // One missing start is an envelope that was lost. With the end of the block before it, or a whole block, missing as well, a
    // stretch of the stream was lost, and content with it.
    if (index > this.#highest + 1 || this.open)
      throw this.#proof.fault("delta_without_block", "content without a block start, and what stood before it is missing, too", {
        index,
      });
    this.#proof.repair("synthetic_block", `${kind} came without its block start; only the envelope was missing`);
    const lane = new Lane(index, kind, emptyBlock(kind), undefined);
    this.#begin(lane);
    this.#synthetic = true;
    return lane;
  }

  #otherKind(lane: Lane, kind: LaneKind, piece: string): Lane | undefined {
    const { index } = lane;
    this.#irregular = true;
    const prose = (kind === "text" || kind === "thinking") && (lane.kind === "text" || lane.kind === "thinking");
    if (!prose) throw this.#proof.fault("block_type_mismatch", `${kind} content for a ${lane.kind} block`, { index });
    if (piece === "") {
      this.#proof.repair("empty_delta", "an empty delta of another type adds nothing");
      return undefined;
    }
    if (!lane.hasContent && !lane.released) {
      this.#proof.repair("block_retyped", `a ${lane.kind} block that carried nothing turned out to be ${kind}`);
      lane.kind = kind;
      lane.block = emptyBlock(kind);
      lane.startData = undefined;
      this.output.dropParked(lane);
      return lane;
    }
    if (this.output.waiting.length > 1)
      throw this.#proof.fault("block_type_mismatch", `${kind} content for a ${lane.kind} block while others are open`, { index });
    this.#proof.repair(
      "block_split",
      `${kind} followed ${lane.kind} under one index; the first block is complete and a new one begins`,
    );
    this.#close(lane, undefined);
    const next = new Lane(index, kind, emptyBlock(kind), undefined);
    this.#begin(next);
    return next;
  }

  #otherDelta(index: number, type: string, event: Json, data: string): void {
    const lane = this.#byIndex.get(index);
    if (lane === undefined || lane.closed) {
      throw this.#proof.fault(
        lane === undefined ? "delta_without_block" : "delta_after_stop",
        "a delta of unknown type for a block that is not open",
        { index },
      );
    }
    lane.hasContent = true;
    this.#content();
    const delta = objectOr(event["delta"]);
    if (type === "citations_delta" && this.#keep) lane.citations.push(delta["citation"]);
    // The delta of a compaction block carries the block's final value, not a piece.
    if (type === "compaction_delta") {
      const { type: _type, ...values } = delta;
      lane.block = { ...lane.block, ...values };
    }
    this.output.delta(lane, "", "", event, data);
    this.#limitParked();
  }

  stop(event: Json, data: string): void {
    const index = event["index"];
    const lane = isIndex(index) ? this.#byIndex.get(index) : undefined;
    if (lane === undefined || lane.closed) {
      if (lane === undefined && isIndex(index) && this.#orphans.size < maxOrphans) this.#orphans.add(index);
      if (lane !== undefined) this.#irregular = true;
      if (lane?.startedTwice === true && lane.content.count > 0)
        throw this.#proof.fault("block_restarted", "a block began twice and ended twice: two copies of it are mixed", {
          index: lane.index,
        });
      this.#proof.repair(
        lane === undefined ? "orphan_stop" : "dup_stop",
        lane === undefined
          ? "the end of a block that never began carries no content"
          : "the block was closed already; its second end carries no content",
      );
      return;
    }
    this.#close(lane, data);
  }

  #close(lane: Lane, stopData: string | undefined): void {
    lane.closed = true;
    lane.stopData = stopData;
    if (lane.repeatsBefore)
      throw this.#proof.fault("block_restarted", "a block came again whole at the index of its first copy", {
        index: lane.index,
      });
    if (lane.repeatsStart)
      throw this.#proof.fault("cumulative_text", "the pieces of a block repeat the text of its start", { index: lane.index });
    if (lane.growth.doubtful()) {
      throw this.#proof.fault("cumulative_text", "the second delta repeats the first and goes on", { index: lane.index });
    }
    if (lane.kind === "tool") {
      const missing = lane.proveInput();
      // Not thrown yet: the stop reason tells whether the answer was cut by its limit, which calls for another action.
      if (missing !== undefined)
        this.doom ??= { reason: "tool_input_incomplete", what: `a tool call is not whole: ${missing}`, index: lane.index };
    }
    this.output.advance();
  }

  /** Everything behind the current block waits for its end, within limits. */
  #limitParked(): void {
    if (!this.output.overflow) return;
    const current = this.output.waiting[0];
    if (current === undefined || current.closed) return;
    if (current.kind === "tool" && current.proveInput() !== undefined) throw this.overflowFault(current.index);
    current.overflowed = true;
    this.#proof.repair(
      "implicit_close",
      "much came for later blocks and nothing more for the open one, which is taken as complete",
    );
    this.#close(current, undefined);
  }

  overflowFault(index: number): StreamError {
    return this.#proof.fault("lane_overflow", "too much was interleaved with an open block", { index });
  }

  /** The provider has certified the end: blocks still open are complete. */
  closeAll(): void {
    for (let lane = this.#stillOpen(); lane !== undefined; lane = this.#stillOpen()) {
      this.#proof.repair("implicit_close", "the stop reason came, so the generator had finished the block that was left open");
      this.#close(lane, undefined);
    }
  }

  #stillOpen(): Lane | undefined {
    return this.output.waiting.find((lane) => !lane.closed);
  }
}
