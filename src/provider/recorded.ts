/**
 * A recording played once more: the same events in the same order, with the words it holds (full) or with others of the same length
 * (shape), through the same proof. Pure: no clock, no provider, nothing is sent.
 */
import { type Repair, StreamError, type StreamRecording, type Usage } from "../errors.ts";
import type { AssembledMessage } from "../stream/event.ts";
import { isObject } from "../stream/json.ts";
import type { Dialect } from "./provider.ts";
import { badData, type EventEntry, type Head } from "./recording/entry.ts";
import { endlessWords, filledIn, jsonText, type Words } from "./recording/skeleton.ts";
import { ToolLanes } from "./recording/tool-lanes.ts";
import { createStreamReader } from "./sse.ts";

/** A recording as a body again. */
export interface RecordedBody {
  readonly asked: Head["asked"];
  readonly status: number;
  readonly dialect: Dialect;
  readonly chunks: readonly { readonly afterMs: number; readonly text: string }[];
  /** How the body ended; `done`: the answer was whole before. */
  readonly how: string;
  /** Why it was refused then. */
  readonly reason: string | undefined;
  /** Entries that the recording had no room for; its end is then not the stream's. */
  readonly cut: number;
}

export interface Replay {
  readonly outcome: "clean" | "repaired" | "refused";
  readonly repairs: readonly Repair[];
  /** Why it is refused; also where only the recording knows, because the fault lay in bytes that a shape does not hold. */
  readonly error?: { readonly reason: string; readonly message: string };
  readonly usage: Usage;
  /** The answer, of a full recording: its own words. */
  readonly message?: AssembledMessage;
}

export interface ReplayOptions {
  /** Default true; false: as in strict mode. */
  readonly tolerateOutOfOrderEvents?: boolean;
}

/** @throws Error for a text that is no recording of this dialect. */
export function replayRecording(recording: StreamRecording, dialect: Dialect, options: ReplayOptions = {}): Replay {
  const body = recordedBody(recording);
  if (body.dialect !== dialect) throw new Error(`the recording is of ${body.dialect}, not of ${dialect}`);
  const reader = createStreamReader(dialect, {
    asked: body.asked,
    status: body.status,
    tolerateOutOfOrderEvents: options.tolerateOutOfOrderEvents ?? true,
  });
  const facts = () => ({ repairs: reader.repairs, usage: reader.usage });
  try {
    for (const { text } of body.chunks) {
      if (!reader.done) reader.push(Buffer.from(text));
    }
    if (!reader.done && body.cut > 0) {
      const message = `the recording was cut: ${body.cut} more entries came`;
      return { outcome: "refused", ...facts(), error: { reason: "recording_cut", message } };
    }
    if (body.how === "limit" || byBytes[recording.mode].has(body.reason ?? "")) {
      const reason = body.reason ?? "idle_timeout";
      return { outcome: "refused", ...facts(), error: { reason, message: `as it was recorded: ${reason}` } };
    }
    if (!reader.done) reader.end(endOf(body.how));
    const outcome = reader.repairs.length > 0 ? "repaired" : "clean";
    return { outcome, ...facts(), ...(recording.mode === "full" ? { message: reader.message() } : {}) };
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return { outcome: "refused", ...facts(), error: { reason: error.reason, message: error.message } };
  }
}

/** Faults of the bytes; what does not hold them must say what was found. */
const lostInText = ["invalid_utf8", "compressed_body"];
const byBytes = {
  full: new Set(lostInText),
  shape: new Set([...lostInText, "html_body", "unexpected_body", "frame_too_large", "malformed_frame"]),
} as const;

function endOf(how: string): "eof" | "transport_error" | "idle_after_stop_reason" | "idle_timeout" {
  return how === "transport_error" || how === "idle_after_stop_reason" || how === "idle_timeout" ? how : "eof";
}

/** @throws Error for a text that is no recording. */
export function recordedBody(recording: StreamRecording): RecordedBody {
  const [head, ...lines] = recording.text.split("\n").map((line) => parsed(line));
  const dialect = isObject(head) ? head["dialect"] : undefined;
  if (!isObject(head) || head["v"] !== 1 || (dialect !== "anthropic-messages" && dialect !== "openai-completions"))
    throw new Error("this is no recording that this version of runner can read");
  const entries = lines.filter((line): line is unknown[] => Array.isArray(line));
  const end = entries.findLast(([kind]) => kind === "end");
  const cut = entries.find(([kind]) => kind === "cut");
  const how = typeof end?.[1] === "string" ? end[1] : "eof";
  const chunks = entries.some(([kind]) => kind === "text") ? textChunks(entries) : shapeChunks(entries, how);
  return {
    asked: head["asked"] === "document" ? "document" : "events",
    status: Number(head["status"] ?? 200),
    dialect,
    chunks,
    how,
    reason: typeof end?.[2] === "string" ? end[2] : undefined,
    cut: Number(cut?.[1] ?? (end === undefined ? 1 : 0)),
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    // The ledger cuts at whole lines; whatever else stands there is no entry.
    return undefined;
  }
}

function textChunks(entries: readonly (readonly unknown[])[]): RecordedBody["chunks"] {
  return entries
    .filter(([kind]) => kind === "text")
    .map(([, afterMs, text]) => ({ afterMs: Number(afterMs), text: String(text) }));
}

function shapeChunks(entries: readonly (readonly unknown[])[], how: string): RecordedBody["chunks"] {
  const words = endlessWords();
  const document = entries.find(([kind]) => kind === "document");
  if (document !== undefined) return [{ afterMs: 0, text: dataOf(document[1], words) }];
  const events = entries.filter(isEvent);
  const inputs = new ToolInputs(events, words);
  return events.map((entry, at) => {
    const [afterMs, , , count] = entry;
    const frames = Array.from({ length: count ?? 1 }, (_, number) =>
      frameOf(entry, inputs.pieceOf(entry, number) ?? pieceOf(entry, number, words), words),
    );
    const text = frames.join("");
    // A last event that the body's end has cut has no blank line behind it.
    const broken = at === events.length - 1 && how !== "done" && String(entry[2]).startsWith(badData) && how !== "refused";
    return { afterMs, text: broken ? text.replace(/\n\n$/, "") : text };
  });
}

function isEvent(entry: readonly unknown[]): entry is EventEntry {
  return typeof entry[0] === "number" && entry.length >= 3;
}

/** So many characters of the run belong to its event of this number. */
function share([, , , count = 1, chars = 0]: EventEntry, number: number): number {
  const even = Math.floor(chars / count);
  return number === 0 ? chars - even * (count - 1) : even;
}

function pieceOf(entry: EventEntry, number: number, words: Words): string {
  return entry[3] === undefined ? "" : words(share(entry, number));
}

function frameOf([, name, skeleton]: EventEntry, piece: string, words: Words): string {
  const data = dataOf(skeleton, words, piece);
  const type = isObject(skeleton) ? skeleton["type"] : undefined;
  const event = name === 1 ? String(type) : name;
  return `${event === 0 ? "" : `event: ${event}\n`}data: ${data}\n\n`;
}

function dataOf(skeleton: unknown, words: Words, piece = ""): string {
  if (skeleton === "[DONE]" || skeleton === "") return skeleton;
  if (typeof skeleton === "string" && skeleton.startsWith(badData))
    return `{${words(Math.max(0, Number(skeleton.slice(badData.length)) - 1))}`;
  if (isObject(skeleton) && "~data" in skeleton) return `data: ${dataOf(skeleton["~data"], words)}`;
  return JSON.stringify(filledIn(skeleton, words, piece));
}

/** Pieces of tool input that put together are a whole JSON object where they were one, and only there. */
class ToolInputs {
  readonly #texts = new Map<EventEntry, string>();

  constructor(events: readonly EventEntry[], words: Words) {
    const lanes = new ToolLanes();
    const byLane = new Map<number, EventEntry[]>();
    for (const entry of events) {
      const [, , skeleton, count] = entry;
      const { lane } = isObject(skeleton) ? lanes.take(skeleton) : {};
      if (lane !== undefined && count !== undefined && entry[5] !== undefined)
        byLane.set(lane, [...(byLane.get(lane) ?? []), entry]);
    }
    for (const entries of byLane.values()) this.#cut(entries, words);
  }

  #cut(entries: readonly EventEntry[], words: Words): void {
    const chars = entries.reduce((sum, entry) => sum + (entry[4] ?? 0), 0);
    const text = entries.every((entry) => entry[5] === 1) ? jsonText(chars, words) : `{"a":"${words(chars)}`.slice(0, chars);
    let from = 0;
    for (const entry of entries) {
      this.#texts.set(entry, text.slice(from, from + (entry[4] ?? 0)));
      from += entry[4] ?? 0;
    }
  }

  pieceOf(entry: EventEntry, number: number): string | undefined {
    const text = this.#texts.get(entry);
    if (text === undefined) return undefined;
    const first = share(entry, 0);
    return number === 0
      ? text.slice(0, first)
      : text.slice(first + (number - 1) * share(entry, 1), first + number * share(entry, 1));
  }
}
