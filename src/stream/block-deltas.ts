import { deltaFields, emptyBlock } from "./block.ts";
import { isIndex, isObject, type Json, objectOr, stringOr } from "./json.ts";
import { Lane, type LaneKind } from "./lane.ts";
import type { Lanes } from "./lanes.ts";
import type { Proof } from "./proof.ts";

/** A piece of content under a type that clients do not know, or under none: they would ignore it. */
function carriesText(type: string, delta: Json): boolean {
  if (Object.hasOwn(deltaFields, type)) return false;
  return Object.values(deltaFields).some(({ field }) => typeof delta[field] === "string" && delta[field] !== "");
}

/** What is inside blocks: the lane each piece belongs to, and whether it can belong there. */
export class BlockDeltas {
  readonly #proof: Proof;
  readonly #lanes: Lanes;

  constructor(proof: Proof, lanes: Lanes) {
    this.#proof = proof;
    this.#lanes = lanes;
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
      this.#lanes.content();
      if (field === "signature") {
        lane.signatures.push({ event, data });
        if (lane.signatures.length > 1000)
          throw this.#proof.fault("lane_overflow", "a signature in more than 1,000 pieces", { index });
        return;
      }
      this.#lanes.keep(lane, piece);
    }
    this.#lanes.output.delta(lane, field === "signature" ? "" : field, piece, event, data);
    this.#lanes.limitParked();
  }

  /** A signature ends thinking and begins no block: where none is open, the thinking it signs was lost. */
  #refuseUnsigned(index: number): void {
    const lane = this.#lanes.byIndex.get(index);
    if (lane === undefined)
      throw this.#proof.fault("delta_without_block", "a signature for a block that never began: its thinking is lost", { index });
    if (!lane.closed && lane.kind !== "thinking")
      throw this.#proof.fault("block_type_mismatch", `a signature for a ${lane.kind} block: its thinking is lost`, { index });
  }

  /** The lane a piece belongs to; undefined if the piece is empty and has no place. */
  #laneOf(index: number, kind: LaneKind, piece: string): Lane | undefined {
    const lane = this.#lanes.byIndex.get(index);
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
    if (index < this.#lanes.highest)
      throw this.#proof.fault("index_regression", `content at index ${index} after index ${this.#lanes.highest}`, { index });
    // One missing start is an envelope that was lost. With the end of the block before it, or a whole block, missing as well, a
    // stretch of the stream was lost, and content with it.
    if (index > this.#lanes.highest + 1 || this.#lanes.open)
      throw this.#proof.fault("delta_without_block", "content without a block start, and what stood before it is missing, too", {
        index,
      });
    this.#proof.repair("synthetic_block", `${kind} came without its block start; only the envelope was missing`);
    const lane = new Lane(index, kind, emptyBlock(kind), undefined);
    this.#lanes.begin(lane);
    this.#lanes.anySynthetic = true;
    return lane;
  }

  #otherKind(lane: Lane, kind: LaneKind, piece: string): Lane | undefined {
    const { index } = lane;
    this.#lanes.mixed = true;
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
      this.#lanes.output.dropParked(lane);
      return lane;
    }
    if (this.#lanes.output.waiting.length > 1)
      throw this.#proof.fault("block_type_mismatch", `${kind} content for a ${lane.kind} block while others are open`, { index });
    this.#proof.repair(
      "block_split",
      `${kind} followed ${lane.kind} under one index; the first block is complete and a new one begins`,
    );
    this.#lanes.close(lane, undefined);
    const next = new Lane(index, kind, emptyBlock(kind), undefined);
    this.#lanes.begin(next);
    return next;
  }

  #otherDelta(index: number, type: string, event: Json, data: string): void {
    const lane = this.#lanes.byIndex.get(index);
    if (lane === undefined || lane.closed) {
      throw this.#proof.fault(
        lane === undefined ? "delta_without_block" : "delta_after_stop",
        "a delta of unknown type for a block that is not open",
        { index },
      );
    }
    lane.hasContent = true;
    this.#lanes.content();
    const delta = objectOr(event["delta"]);
    if (type === "citations_delta" && this.#lanes.keeps) lane.citations.push(delta["citation"]);
    // The delta of a compaction block carries the block's final value, not a piece.
    if (type === "compaction_delta") {
      const { type: _type, ...values } = delta;
      lane.block = { ...lane.block, ...values };
    }
    this.#lanes.output.delta(lane, "", "", event, data);
    this.#lanes.limitParked();
  }
}
