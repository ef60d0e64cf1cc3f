import type { JsonObject } from "../provider.ts";

/** One server-sent event before it is bytes. Anthropic's frames have an `event:` line, OpenAI's have not. */
export interface ScriptedFrame {
  readonly event?: string | undefined;
  /** An object is sent as JSON, a string (`[DONE]`) as it is. */
  readonly data: JsonObject | string;
}

/** A frame whose data is an object. */
export interface JsonFrame extends ScriptedFrame {
  readonly data: JsonObject;
}

/** What happens on the wire, in order: a frame, bytes as they are, a pause, or an end that is not a proper one. */
export type Part =
  | ScriptedFrame
  | { readonly raw: string | Uint8Array }
  | { readonly waitMs: number }
  /** `hang`: silence until the client leaves. `reset`: a TCP reset. `close`: the connection closes in mid-body. */
  | { readonly act: "hang" | "reset" | "close" };

/** How frames are turned into bytes. */
export interface Style {
  readonly newline?: "\n" | "\r\n" | "\r";
  /** `data:{` instead of `data: {`. */
  readonly noSpace?: boolean;
  /** No `event:` lines. */
  readonly nameless?: boolean;
}

/** One HTTP answer, as a value. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: readonly Part[];
  readonly style?: Style;
  /** Nothing is sent, not even the status line, until the first bytes of a part. */
  readonly withoutHead?: boolean;
}

export function isFrame(part: Part): part is ScriptedFrame {
  return "data" in part;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list; none if it is no list. */
export function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((item) => isObject(item)) : [];
}

/** The first choice of a chunk of the OpenAI dialect. */
export function choiceOf(frame: ScriptedFrame): JsonObject | undefined {
  return isObject(frame.data) ? listOf(frame.data["choices"])[0] : undefined;
}

export function bytesOf(raw: string | Uint8Array): Uint8Array {
  return typeof raw === "string" ? Buffer.from(raw) : raw;
}

/** The bytes of one frame, as text. */
export function encodeFrame(frame: ScriptedFrame, style: Style = {}): string {
  const newline = style.newline ?? "\n";
  const colon = style.noSpace === true ? ":" : ": ";
  const data = typeof frame.data === "string" ? frame.data : JSON.stringify(frame.data);
  const name = frame.event === undefined || style.nameless === true ? "" : `event${colon}${frame.event}${newline}`;
  return `${name}data${colon}${data}${newline}${newline}`;
}

/** A whole body of frames, as text. */
export function encodeFrames(frames: readonly ScriptedFrame[], style?: Style): string {
  return frames.map((frame) => encodeFrame(frame, style)).join("");
}

export const sseHeaders = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" } as const;

export function jsonReply(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { "content-type": "application/json", ...headers }, parts: [{ raw: JSON.stringify(body) }] };
}

export function streamReply(
  parts: readonly Part[],
  style?: Style,
  headers: Readonly<Record<string, string>> = sseHeaders,
): Reply {
  return { status: 200, headers, parts, ...(style === undefined ? {} : { style }) };
}
