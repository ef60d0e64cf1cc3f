import type { StreamError, StreamFaultReason } from "../errors.ts";
import { stringOr } from "./json.ts";
import type { Lane } from "./lane.ts";
import { LaneOutput } from "./lane-output.ts";
import type { Proof } from "./proof.ts";

/** Blocks one answer may have. */
const maxBlocks = 10_000;

/**
 * The blocks of one message as far as they have come: what is open, what ended, what each one carried, and the limits of all of them. Which
 * event begins, continues or ends one is decided by `BlockBounds` and `BlockDeltas`, on content and never on names.
 */
export class Lanes {
  readonly output: LaneOutput;
  /** The latest lane at each index. */
  readonly byIndex = new Map<number, Lane>();
  /** Whether text is kept for the assembled message. */
  readonly keeps: boolean;
  readonly #proof: Proof;
  readonly #toolIds = new Set<string>();
  #blocks = 0;
  /** Blocks began again, followed each other without an end, or were mixed: as when two streams come in one. */
  mixed = false;
  /** A block came without its start, so that one which begins again may come without it, too. */
  anySynthetic = false;
  /** The highest index at which a block began; -1 before the first. */
  highest = -1;
  /** Indexes at which a block ended that had not begun. */
  readonly orphans = new Set<number>();
  /** Pieces of content and starts of tool calls so far. */
  contentEvents = 0;
  /** A tool input was found incomplete; the message cannot succeed and nothing more of it is released. */
  doom: { reason: StreamFaultReason; what: string; index: number } | undefined;

  constructor(proof: Proof, emit: (type: string, data: string) => void, keep: boolean) {
    this.#proof = proof;
    this.keeps = keep;
    this.output = new LaneOutput(proof, (type, data) => {
      if (this.doom === undefined) emit(type, data);
    });
  }

  get none(): boolean {
    return this.highest < 0;
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
    return this.output.released.length > 0 || [...this.byIndex.values()].some((lane) => lane.closed);
  }

  /** Blocks ended that had not begun. */
  get lostStops(): number {
    return this.orphans.size;
  }

  /** The block after the last one ended and had not begun: it may have been a whole one. (Before others some gateways leave gaps.) */
  get lostBlock(): boolean {
    return this.orphans.has(this.highest + 1);
  }

  get open(): boolean {
    return this.output.waiting.some((lane) => !lane.closed);
  }

  /** A new block, in its turn. */
  begin(lane: Lane): void {
    this.#blocks += 1;
    if (this.#blocks > maxBlocks)
      throw this.#proof.fault("lane_overflow", `more than ${maxBlocks} blocks`, { index: lane.index });
    if (lane.kind === "tool") {
      const id = stringOr(lane.block["id"], "");
      if (this.#toolIds.has(id))
        throw this.#proof.fault("repeated_tool_id", "two tool calls have the same id", { index: lane.index });
      this.#toolIds.add(id);
    }
    this.byIndex.set(lane.index, lane);
    this.highest = Math.max(this.highest, lane.index);
    if (lane.hasContent) this.content();
    this.output.add(lane);
    this.limitParked();
  }

  /** Content has come. */
  content(): void {
    this.contentEvents += 1;
    this.#proof.contentSeen = true;
  }

  /** Adds a piece to what the lane carried. */
  keep(lane: Lane, piece: string): void {
    if (lane.kind !== "tool" && lane.growth.suspected && lane.growth.grows(piece)) {
      throw this.#proof.fault("cumulative_text", "each delta repeats the whole text so far", { index: lane.index });
    }
    if (this.keeps || lane.kind === "tool") lane.content.push(piece);
    else lane.content.countOnly(piece);
  }

  /** The block is complete: what it carried is proven as a whole. */
  close(lane: Lane, stopData: string | undefined): void {
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
  limitParked(): void {
    if (!this.output.overflow) return;
    const current = this.output.waiting[0];
    if (current === undefined || current.closed) return;
    if (current.kind === "tool" && current.proveInput() !== undefined) throw this.overflowFault(current.index);
    current.overflowed = true;
    this.#proof.repair(
      "implicit_close",
      "much came for later blocks and nothing more for the open one, which is taken as complete",
    );
    this.close(current, undefined);
  }

  overflowFault(index: number): StreamError {
    return this.#proof.fault("lane_overflow", "too much was interleaved with an open block", { index });
  }

  /** The provider has certified the end: blocks still open are complete. */
  closeAll(): void {
    for (let lane = this.#stillOpen(); lane !== undefined; lane = this.#stillOpen()) {
      this.#proof.repair("implicit_close", "the stop reason came, so the generator had finished the block that was left open");
      this.close(lane, undefined);
    }
  }

  #stillOpen(): Lane | undefined {
    return this.output.waiting.find((lane) => !lane.closed);
  }
}
