import { joinedSignature } from "./block.ts";
import { isObject, type Json } from "./json.ts";
import type { Lane } from "./lane.ts";
import type { Proof } from "./proof.ts";
import { Template } from "./template.ts";

/** Interleaved blocks wait for their turn up to these limits, all together. */
const maxParkedEvents = 1000;
const maxParkedChars = 4 * 1024 * 1024;
/** Empty deltas held before the first content of a block; some providers send them to keep the connection alive. */
const maxEmptyDeltas = 100;

/**
 * Releases blocks one after another, indexes dense from 0 in the order the blocks began, because clients of the official SDKs
 * append blocks in the order of their starts whatever index they name.
 */
export class LaneOutput {
  /** Lanes not yet released to their end, in order; the first is the current one. */
  readonly waiting: Lane[] = [];
  /** Lanes whose start was released, in order. */
  readonly released: Lane[] = [];
  readonly #proof: Proof;
  readonly #emit: (type: string, data: string) => void;
  readonly #template = new Template();
  #parkedEvents = 0;
  #parkedChars = 0;

  constructor(proof: Proof, emit: (type: string, data: string) => void) {
    this.#proof = proof;
    this.#emit = emit;
  }

  get overflow(): boolean {
    return this.#parkedEvents > maxParkedEvents || this.#parkedChars > maxParkedChars;
  }

  /** The lane whose events may go straight through. */
  get current(): Lane | undefined {
    return this.waiting[0];
  }

  /** What the last matched event adds to the current lane. */
  get piece(): string {
    return this.#template.piece;
  }

  /** The data to release for an event of the current lane's known form; undefined if it must be parsed. */
  match(data: string): string | undefined {
    return this.#template.match(data);
  }

  add(lane: Lane): void {
    this.waiting.push(lane);
    if (this.waiting.length === 1) {
      this.#activate(lane);
      return;
    }
    this.#parkedEvents += 1;
    this.#parkedChars += lane.startData?.length ?? 0;
  }

  /** `field` is the name of the piece's field, "" if the event is to pass without being learnt. */
  delta(lane: Lane, field: string, piece: string, event: Json, data: string): void {
    if (lane !== this.waiting[0]) {
      this.#park(lane, event, data);
      return;
    }
    // Empty deltas alone do not open a block: it may still turn out to be of another type.
    if (!lane.released && !lane.hasContent && lane.parked.length < maxEmptyDeltas) {
      this.#hold(lane, event, data);
      return;
    }
    this.#open(lane);
    this.#emitDelta(lane, event, data);
    if (field !== "") {
      const write = lane.out === lane.index ? undefined : (parsed: Json) => JSON.stringify({ ...parsed, index: lane.out });
      this.#template.learn(data, piece, (parsed) => (isObject(parsed["delta"]) ? parsed["delta"][field] : undefined), write);
    }
  }

  #emitDelta(lane: Lane, event: Json, data: string): void {
    this.#emit("content_block_delta", lane.out === lane.index ? data : JSON.stringify({ ...event, index: lane.out }));
  }

  #park(lane: Lane, event: Json, data: string): void {
    if (lane.parked.length === 0)
      this.#proof.repairOnce("lanes_serialised", "blocks were interleaved; each is released whole in the order of their starts");
    this.#hold(lane, event, data);
  }

  #hold(lane: Lane, event: Json, data: string): void {
    lane.parked.push({ event, data });
    this.#parkedEvents += 1;
    this.#parkedChars += data.length;
  }

  /** Empty deltas of a block that turned out to be of another type. */
  dropParked(lane: Lane): void {
    this.#parkedEvents -= lane.parked.length;
    for (const { data } of lane.parked) this.#parkedChars -= data.length;
    lane.parked.length = 0;
  }

  /** Releases the current block's start even though it is empty, so that what follows keeps its place. */
  openCurrent(): void {
    const lane = this.waiting[0];
    if (lane !== undefined && !lane.released) this.#open(lane);
  }

  /** Lets go of every block at the front that has ended. */
  advance(): void {
    for (let lane = this.waiting[0]; lane?.closed === true; lane = this.waiting[0]) {
      this.#end(lane);
      this.#template.forget();
      this.waiting.shift();
      const next = this.waiting[0];
      if (next === undefined) return;
      this.#parkedEvents -= 1;
      this.#parkedChars -= next.startData?.length ?? 0;
      this.#activate(next);
    }
  }

  #activate(lane: Lane): void {
    if (lane.hasContent) this.#open(lane);
  }

  #open(lane: Lane): void {
    if (lane.released) return;
    lane.out = this.released.length;
    this.released.push(lane);
    if (lane.out !== lane.index)
      this.#proof.repair("index_remapped", "the block goes out under the next free index; the order of blocks is kept");
    const data =
      lane.startData !== undefined && lane.out === lane.index
        ? lane.startData
        : JSON.stringify({ type: "content_block_start", index: lane.out, content_block: lane.block });
    this.#emit("content_block_start", data);
    for (const parked of lane.parked) this.#emitDelta(lane, parked.event, parked.data);
    this.dropParked(lane);
  }

  #end(lane: Lane): void {
    if (!lane.released) {
      if (lane.superseded || lane.kind === "text" || (lane.kind === "thinking" && lane.before !== undefined)) {
        this.#proof.repair(
          "empty_block",
          "the block carried nothing; providers refuse empty text blocks when they are sent back",
        );
        return;
      }
      this.#open(lane);
    }
    this.#signature(lane);
    const data =
      lane.stopData !== undefined && lane.out === lane.index
        ? lane.stopData
        : JSON.stringify({ type: "content_block_stop", index: lane.out });
    this.#emit("content_block_stop", data);
  }

  /** Clients take the last piece of a signature for the whole, so it goes out in one. */
  #signature(lane: Lane): void {
    const [first] = lane.signatures;
    if (first === undefined) return;
    if (lane.signatures.length === 1) {
      this.#emitDelta(lane, first.event, first.data);
      return;
    }
    this.#proof.repair("signature_joined", "the pieces of one signature go out as one value; an exact repetition counts once");
    const event = {
      type: "content_block_delta",
      index: lane.index,
      delta: { type: "signature_delta", signature: joinedSignature(lane) },
    };
    this.#emitDelta(lane, event, JSON.stringify(event));
  }
}
