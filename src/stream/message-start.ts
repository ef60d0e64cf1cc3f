import { completeHead, standInHead } from "./head.ts";
import { isIndex, type Json, stringOr } from "./json.ts";
import type { Lanes } from "./lanes.ts";
import type { Proof } from "./proof.ts";
import type { StopFacts } from "./stop-facts.ts";

function saysNothing(content: unknown): boolean {
  return content === undefined || content === null || content === "" || (Array.isArray(content) && content.length === 0);
}

/** How the message begins: once, more than once, too late or not at all, and whether what follows can be the same generation's. */
export class MessageStart {
  readonly #ids = new Set<string>();
  /** The message as the released start announced it. */
  head: Json = {};
  /** The start to release before any block; undefined once it was. */
  #pendingHead: string | undefined;
  #headReleased = false;
  /** No `message_start` has come; ours stands in for it. */
  #synthetic = false;
  /** The first content had neither a message start nor a block start before it. */
  headless = false;
  #restarted = false;
  /** A start came after content and its stop reason: the answer is whole, and what follows would be another one. */
  afterReason = false;
  /** The start came more than once before any content. */
  twice = false;
  #sinceBlock = false;
  readonly #proof: Proof;
  readonly #lanes: Lanes;
  readonly #stop: StopFacts;
  readonly #emit: (type: string, data: string) => void;

  constructor(proof: Proof, lanes: Lanes, stop: StopFacts, emit: (type: string, data: string) => void) {
    this.#proof = proof;
    this.#lanes = lanes;
    this.#stop = stop;
    this.#emit = emit;
  }

  /** Neither a message start nor a block start has come. */
  get missing(): boolean {
    return this.headless && this.#synthetic;
  }

  /** Clients double what a start carries and its events bring again. */
  refuseContent(message: Json): void {
    if (!saysNothing(message["content"])) {
      throw this.#proof.fault("malformed_frame", "a message_start carries content, which its events would double");
    }
  }

  take(message: Json, data: string): void {
    const id = stringOr(message["id"], "") || undefined;
    if (this.#proof.state === "idle") this.#first(message, data);
    else if (this.#synthetic) this.#late(message, data);
    else this.#again(id);
    if (id !== undefined) this.#ids.add(id);
  }

  /** What the start says about a block that begins now. */
  beforeBlock(): { restarted: boolean; twins: boolean } {
    const twins = this.twice && !this.#sinceBlock;
    this.#sinceBlock = false;
    return { restarted: this.#restartedNow, twins };
  }

  #first(message: Json, data: string): void {
    this.#proof.state = "open";
    this.#headData(message, data);
    this.release();
  }

  #headData(message: Json, data: string): void {
    const { head, regular } = completeHead(message);
    if (!regular) {
      this.#proof.repair(
        "start_fields",
        "the message start lacked fields that carry no content; they were given their empty values",
      );
    }
    this.head = head;
    this.#pendingHead = regular ? data : JSON.stringify({ type: "message_start", message: head });
  }

  /** Lets the start go, before anything else does. */
  release(): void {
    if (this.#pendingHead === undefined) return;
    this.#headReleased = true;
    this.#emit("message_start", this.#pendingHead);
    this.#pendingHead = undefined;
  }

  /** A second start came after something was released or said: a block that begins again would be another generation's. */
  get #restartedNow(): boolean {
    return this.#restarted || (this.twice && !this.#proof.contentSeen && this.#lanes.anyBehind);
  }

  /** The real start after content that had to do without it. */
  #late(message: Json, data: string): void {
    this.#synthetic = false;
    if (!this.#headReleased) {
      this.#proof.repair("late_start", "the message start came after its first block start and before any content");
      this.#headData(message, data);
      this.release();
      return;
    }
    this.#proof.repair(
      "late_start",
      "the message start came after the first content; a block that begins again after it is refused",
    );
    this.#restarted = true;
  }

  #again(id: string | undefined): void {
    const known = id === undefined || this.#ids.size === 0 || this.#ids.has(id);
    if (!this.#proof.contentSeen) {
      this.#proof.repair(
        known ? "dup_start" : "id_replaced",
        "nothing had been said yet, so whatever generation follows is whole",
      );
      // A stop reason before the start belongs to what the start replaces, and so does an empty block.
      this.#stop.forget();
      this.twice = true;
      this.#sinceBlock = true;
      return;
    }
    if (!known)
      throw this.#proof.fault(
        "spliced_message",
        "after content a message_start with another id began: two answers in one stream",
      );
    this.#restarted = true;
    if (this.#lanes.anySynthetic)
      throw this.#proof.fault(
        "restarted_message",
        "after a second message_start a restart could not be told: block starts are missing",
      );
    this.afterReason = this.#stop.reason !== undefined;
    this.#proof.repair("dup_start", "the same start again and no block begins again after it, so the content goes on");
  }

  /** A start of ours for content that came without one. @throws StreamError if that is not the first block's */
  standIn(index: unknown): void {
    if (!isIndex(index) || index > 0) {
      throw this.#proof.fault("truncated", "the first content is not of the first block: the beginning of the answer is missing");
    }
    this.#proof.state = "open";
    this.#synthetic = true;
    this.head = standInHead();
    this.#pendingHead = JSON.stringify({ type: "message_start", message: this.head });
    this.#proof.repair("synthetic_start", "content came without message_start; only the envelope was missing");
  }
}
