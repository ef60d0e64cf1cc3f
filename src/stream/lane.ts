import { Fragments } from "./fragments.ts";
import { isObject, type Json, maxDepth, stringOr, tooDeep, tryParse } from "./json.ts";

/** What a lane carries. `opaque`: a block that comes whole in its start, such as `redacted_thinking` or a server tool's result. */
export type LaneKind = "text" | "thinking" | "tool" | "opaque";

export interface ParkedEvent {
  readonly event: Json;
  readonly data: string;
}

/** One content block on its way through: which index it came under, which it goes out under, and what it carried. */
export class Lane {
  readonly index: number;
  kind: LaneKind;
  /** The block as its start announced it, with missing fields filled in. */
  block: Record<string, unknown>;
  /** The start event as it came, if it may pass unchanged. */
  startData: string | undefined;
  stopData: string | undefined;
  /** Index under which it goes out; -1 until its start was released. */
  out = -1;
  closed = false;
  /** An empty block that another one took the place of. */
  superseded = false;
  /** Closed by us because too much was parked behind it. */
  overflowed = false;
  /** Its start came a second time. */
  startedTwice = false;
  /** The closed block whose index it took over. */
  before: Lane | undefined;
  hasContent = false;
  readonly content = new Fragments();
  readonly signatures: ParkedEvent[] = [];
  readonly citations: unknown[] = [];
  readonly parked: ParkedEvent[] = [];
  /** Its id is the provider's. */
  ownId = true;
  /** The proven tool input, once closed. */
  input: unknown;
  /** Detects text that is sent whole again and again instead of in pieces. */
  readonly growth = new Growth();

  constructor(index: number, kind: LaneKind, block: Record<string, unknown>, startData: string | undefined) {
    this.index = index;
    this.kind = kind;
    this.block = block;
    this.startData = startData;
  }

  get released(): boolean {
    return this.out >= 0;
  }

  /** Same kind of block, so that a second start means the block began again. */
  sameBlock(other: Lane): boolean {
    return this.block["type"] === other.block["type"];
  }

  /** The block whose index it took over came again, piece by piece. */
  get repeatsBefore(): boolean {
    const { before } = this;
    return before !== undefined && this.sameBlock(before) && this.content.seemsEqual(before.content) && this.#sameName(before);
  }

  /** Calls are told apart by their ids, unless the ids are ours. */
  #sameName(before: Lane): boolean {
    if (this.kind !== "tool") return this.kind !== "opaque" && this.content.count > 0;
    return !this.ownId && !before.ownId && this.block["name"] === before.block["name"];
  }

  /** The pieces bring once more what the start had brought. */
  get repeatsStart(): boolean {
    return (this.kind === "text" || this.kind === "thinking") && this.content.seemsText(stringOr(this.block[this.kind], ""));
  }

  /** The tool's input proven whole: all fragments parse as one object, or none came and the start held one. */
  proveInput(): string | undefined {
    const seed = this.block["input"];
    if (this.content.count === 0) {
      if (!isObject(seed)) return "its input is not an object";
      this.input = seed;
      return undefined;
    }
    const value = tryParse(this.content.join());
    if (!isObject(value)) return "its input is no whole JSON object";
    if (tooDeep(value)) return `its input is nested deeper than ${maxDepth} levels`;
    if (isObject(seed) && Object.keys(seed).length > 0 && JSON.stringify(seed) !== JSON.stringify(value)) {
      return "its start and its fragments carry different inputs";
    }
    this.input = value;
    return undefined;
  }
}

/** Below this a growing beginning is chance, such as "1", "12". */
const minGrowthChars = 8;

/**
 * Some bridges send the whole text so far in each "delta". Told by every piece since the block's start beginning with the piece
 * before it and being longer; the first piece that does not ends the suspicion for good, so it costs nothing afterwards.
 */
export class Growth {
  suspected = true;
  #last = "";
  #steps = 0;

  /** True when the text is certainly cumulative. */
  grows(piece: string): boolean {
    if (piece === "") return false;
    if (
      this.#last !== "" &&
      (piece.length <= this.#last.length || !piece.startsWith(this.#last) || !/[\p{L}\p{N}]/u.test(this.#last))
    ) {
      this.suspected = false;
      this.#last = "";
      return false;
    }
    if (this.#last !== "") this.#steps += 1;
    this.#last = piece;
    return this.#steps >= 2 && piece.length >= minGrowthChars;
  }

  /** At the block's end even one such step is doubtful if the beginning was long enough not to be chance. */
  doubtful(): boolean {
    return this.suspected && this.#steps >= 1 && this.#last.length >= minGrowthChars;
  }
}
