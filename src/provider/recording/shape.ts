/**
 * A stream's shape while it passes: which events came in which order, how long, how late; nothing that was said. Events that differ
 * in their text alone are not even parsed, as in the machine itself (`stream/template.ts`).
 */
import type { Frame } from "../../stream/event.ts";
import { isObject, stringOr, tryParse } from "../../stream/json.ts";
import { Template } from "../../stream/template.ts";
import { badData, type DocumentEntry, type EventEntry, roundedMs } from "./entry.ts";
import { type Hash, isJsonObject, singleOf, skeletonOf } from "./skeleton.ts";
import { ToolLanes } from "./tool-lanes.ts";

/** Most characters of tool input that are kept, per call, to say whether it was whole. */
const longestInput = 1_048_576;

interface Lane {
  readonly pieces: string[];
  readonly entries: Set<EventEntry>;
  chars: number;
}

interface Run {
  readonly key: string;
  readonly entry: EventEntry;
  readonly lane: Lane | undefined;
  readonly event: string | undefined;
}

export class ShapeRecorder {
  readonly entries: (EventEntry | DocumentEntry)[] = [];
  /** Entries that were left out when the limit was met. */
  cut = 0;
  readonly #hash: Hash;
  readonly #limit: number;
  readonly #template = new Template();
  readonly #lanes = new ToolLanes();
  readonly #laneTexts = new Map<number, Lane>();
  #chars = 0;
  #run: Run | undefined;
  #lastAt: number;

  /**
   * @param limit most characters of all entries together.
   * @param startMs when the body was begun to be waited for.
   */
  constructor(hash: Hash, limit: number, startMs: number) {
    this.#lastAt = startMs;
    this.#hash = cached(hash);
    this.#limit = limit;
  }

  frame(frame: Frame, atMs: number): void {
    const gap = roundedMs(atMs - this.#lastAt);
    this.#lastAt = atMs;
    const run = this.#run;
    if (
      run !== undefined &&
      frame.event === run.event &&
      this.#template.match(frame.data) !== undefined &&
      this.#template.piece !== ""
    ) {
      this.#more(run, this.#template.piece, gap);
      return;
    }
    this.#parsed(frame, gap);
  }

  document(body: unknown, length: number): void {
    this.#add(["document", body === undefined ? `${badData}${length}` : skeletonOf(body, this.#hash)]);
  }

  /** Says of every call whether its input was whole; after the last event. */
  finish(): void {
    for (const lane of this.#laneTexts.keys()) this.#close(lane);
  }

  #parsed(frame: Frame, gap: number): void {
    const parsed = tryParse(frame.data);
    if (!isObject(parsed)) {
      this.#run = undefined;
      this.#add([gap, this.#name(frame.event, undefined), this.#odd(frame.data, parsed)]);
      return;
    }
    const { lane: at, closed } = this.#lanes.take(parsed);
    if (closed !== undefined) this.#close(closed);
    const single = singleOf(parsed);
    const skeleton = skeletonOf(single === undefined ? parsed : single.rest, this.#hash);
    const name = this.#name(frame.event, parsed["type"]);
    if (single === undefined) {
      this.#run = undefined;
      this.#add([gap, name, skeleton]);
      return;
    }
    const lane = single.tool && at !== undefined ? this.#laneText(at) : undefined;
    const key = `${name} ${JSON.stringify(skeleton)}`;
    if (this.#run?.key === key && this.#run.lane === lane) {
      this.#more(this.#run, single.piece, gap);
    } else {
      const entry: EventEntry = [gap, name, skeleton, 1, single.piece.length];
      if (lane !== undefined) entry.push(0);
      this.#run = { key, entry, lane, event: frame.event };
      this.#keep(lane, entry, single.piece);
      this.#add(entry);
    }
    this.#template.learn(frame.data, single.piece, (event) => singleOf(event)?.piece, undefined);
  }

  #more(run: Run, piece: string, gap: number): void {
    const { entry } = run;
    entry[0] = Math.max(entry[0], gap);
    entry[3] = (entry[3] ?? 0) + 1;
    entry[4] = (entry[4] ?? 0) + piece.length;
    this.#keep(run.lane, entry, piece);
  }

  #keep(lane: Lane | undefined, entry: EventEntry, piece: string): void {
    if (lane === undefined) return;
    lane.entries.add(entry);
    lane.chars += piece.length;
    if (lane.chars <= longestInput) lane.pieces.push(piece);
  }

  #laneText(lane: number): Lane {
    const known = this.#laneTexts.get(lane) ?? { pieces: [], entries: new Set(), chars: 0 };
    this.#laneTexts.set(lane, known);
    return known;
  }

  #close(number: number): void {
    const lane = this.#laneTexts.get(number);
    this.#laneTexts.delete(number);
    if (lane === undefined || lane.chars > longestInput || !isJsonObject(lane.pieces.join(""))) return;
    for (const entry of lane.entries) entry[5] = 1;
  }

  /** Data that is no object: the end mark, nothing, a stray value, or no JSON at all. */
  #odd(data: string, parsed: unknown): unknown {
    if (data === "[DONE]" || data === "") return data;
    if (parsed !== undefined) return skeletonOf(parsed, this.#hash);
    const doubled = /^data:\s*/.exec(data)?.[0];
    if (doubled === undefined) return `${badData}${data.length}`;
    const inner = data.slice(doubled.length);
    return { "~data": this.#odd(inner, tryParse(inner)) };
  }

  #name(event: string | undefined, type: unknown): EventEntry[1] {
    if (event === undefined || event === "") return 0;
    if (event === type && /^[\w.-]{1,60}$/.test(event)) return 1;
    return /^[a-z][\w.-]{0,60}$/.test(event) ? event : this.#hash(event);
  }

  #add(entry: EventEntry | DocumentEntry): void {
    // Room for the counts that grow later.
    const chars = JSON.stringify(entry).length + 24;
    if (this.cut > 0 || this.#chars + chars > this.#limit) {
      this.cut += 1;
      return;
    }
    this.#chars += chars;
    this.entries.push(entry);
  }
}

/** The same few ids come in every event. */
function cached(hash: Hash): Hash {
  const known = new Map<string, string>();
  return (value) => {
    const found = known.get(value);
    if (found !== undefined) return found;
    if (known.size > 1_000) known.clear();
    const made = /^#[0-9a-f]{8}$/.test(value) ? value : stringOr(hash(value), "#00000000");
    known.set(value, made);
    return made;
  };
}
