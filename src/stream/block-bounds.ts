import { laneFor } from "./block.ts";
import { isIndex, isObject, type Json } from "./json.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";
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

/** Ends without a beginning that are remembered. */
const maxOrphans = 1000;

/** Where blocks begin and end: which start is a new block, which says nothing new, and which means that something was lost or doubled. */
export class BlockBounds {
  readonly #proof: Proof;
  readonly #lanes: Lanes;

  constructor(proof: Proof, lanes: Lanes) {
    this.#proof = proof;
    this.#lanes = lanes;
  }

  start(event: Json, data: string, facts: StartFacts): void {
    const index = event["index"];
    if (!isIndex(index) || !isObject(event["content_block"]) || typeof event["content_block"]["type"] !== "string") {
      throw this.#proof.fault("malformed_frame", "a block start without index or type");
    }
    const known = this.#lanes.byIndex.get(index);
    if (index <= this.#lanes.highest && facts.restarted) {
      throw this.#proof.fault("restarted_message", "after a second message_start a block began again at an index already seen", {
        index,
      });
    }
    if (index <= this.#lanes.highest && facts.certified) {
      throw this.#proof.fault("restarted_message", "after the stop reason a block began again at an index already seen", {
        index,
      });
    }
    if (known === undefined && index < this.#lanes.highest) {
      throw this.#proof.fault("index_regression", `a block began at index ${index} after index ${this.#lanes.highest}`, {
        index,
      });
    }
    if (this.#lanes.none && index > 0 && this.#lanes.orphans.size > 0) {
      throw this.#proof.fault("truncated", "the end of an earlier block came and the block did not", { index });
    }
    const lane = laneFor(index, event, data, this.#proof);
    if (known !== undefined || this.#lanes.open) this.#lanes.mixed = true;
    if (known !== undefined && !known.closed && facts.twins) {
      throw this.#proof.fault("block_restarted", "two message starts and two starts of one block: two streams in one", { index });
    }
    if (known !== undefined && this.#again(known, lane)) return;
    this.#lanes.begin(lane);
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
    if (index < this.#lanes.highest)
      throw this.#proof.fault("index_regression", `a block began again at index ${index} after index ${this.#lanes.highest}`, {
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
      this.#lanes.close(known, undefined);
    }
    return false;
  }

  /** A tool call's start counts as content, but its exact repetition before any input carries nothing. */
  #sameStart(known: Lane, lane: Lane): boolean {
    if (known.kind === "tool" || known.kind === "opaque")
      return known.content.count === 0 && JSON.stringify(known.block) === JSON.stringify(lane.block);
    return !known.hasContent && !lane.hasContent;
  }

  stop(event: Json, data: string): void {
    const index = event["index"];
    const lane = isIndex(index) ? this.#lanes.byIndex.get(index) : undefined;
    if (lane === undefined || lane.closed) {
      if (lane === undefined && isIndex(index) && this.#lanes.orphans.size < maxOrphans) this.#lanes.orphans.add(index);
      if (lane !== undefined) this.#lanes.mixed = true;
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
    this.#lanes.close(lane, data);
  }
}
