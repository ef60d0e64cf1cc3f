/** The text of a body that is server-sent events, as whole events; text in which a piece of one was lost is refused. */
import { createParser, type EventSourceMessage, type EventSourceParser, type ParseError } from "eventsource-parser";
import type { StreamFaultReason } from "../errors.ts";
import type { Frame, Normalizer } from "../stream/event.ts";
import type { WaitingText } from "./waiting-text.ts";

/** A single event may be this long, in UTF-16 units. */
export const maxFrameChars = 16 * 1024 * 1024;

export interface EventTextParts {
  /** Proves the events. */
  readonly machine: Normalizer;
  /** Holds the line that is not complete yet. */
  readonly waiting: WaitingText;
  /** Takes what the machine releases for an event. */
  readonly release: (text: string) => void;
  /** Sees each event before it is proven. */
  readonly watch: (frame: Frame) => void;
}

/** Both methods throw a `StreamError` when the events cannot be one whole answer. */
export class EventText {
  readonly #parts: EventTextParts;
  readonly #machine: Normalizer;
  readonly #parser: EventSourceParser;
  #lastFrame = false;

  constructor(parts: EventTextParts) {
    this.#parts = parts;
    this.#machine = parts.machine;
    this.#parser = createParser({
      maxBufferSize: maxFrameChars,
      onEvent: (event) => this.#onEvent(event),
      onComment: (comment) => this.#onComment(comment),
      onError: (error) => this.#onParseError(error),
    });
  }

  /** Only whole lines reach the parser: what it does with half a line depends on where the bytes were cut. */
  push(text: string): void {
    const { waiting } = this.#parts;
    const end = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1;
    if (end === 0) {
      waiting.add(text);
    } else {
      const whole = end === text.length ? text : text.slice(0, end);
      this.#parser.feed(waiting.chars === 0 ? whole : waiting.take() + whole);
      if (end < text.length) waiting.add(text.slice(end));
    }
    if (waiting.chars > maxFrameChars && !this.#machine.done) this.#refuseFrame();
  }

  /** The last frame may lack its blank line, and its last line the line end. `insideCharacter`: the last character lacks bytes. */
  end(insideCharacter: boolean): void {
    this.#lastFrame = true;
    const rest = this.#parts.waiting.take();
    if (!insideCharacter) this.#parser.feed(`${rest}\n\n`);
    else if (!this.#machine.certified) this.#refuse("truncated", "the body ends inside a character");
  }

  #onEvent(event: EventSourceMessage): void {
    if (this.#machine.done) return;
    this.#parts.watch(event);
    if (this.#lastFrame && !wholeFrame(event.data)) {
      if (this.#machine.certified) return;
      this.#refuse("truncated", "the body ends inside an event");
    }
    this.#parts.release(this.#machine.push(event));
  }

  /** A frame that lost its first half can look like a comment or an unknown field; both are ignored by the standard. */
  #onComment(comment: string): void {
    const { done, certified } = this.#machine;
    if (done || certified || !/"(?:delta|content_block|choices|partial_json)"/.test(comment)) return;
    this.#refuse("malformed_frame", "a comment line holds a piece of an event: content was lost");
  }

  #onParseError(error: ParseError): void {
    if (this.#machine.done) return;
    if (error.type === "max-buffer-size-exceeded") this.#refuseFrame();
    if (error.type === "invalid-retry" || this.#machine.certified) return;
    if (this.#machine.frames === 0) this.#refuse("unexpected_body", "the body is neither events nor JSON");
    if (!this.#lastFrame) this.#refuse("malformed_frame", "a line is no field of an event: content was lost");
  }

  #refuseFrame(): never {
    this.#refuse("frame_too_large", `an event is longer than ${maxFrameChars} characters`);
  }

  #refuse(reason: StreamFaultReason, what: string): never {
    throw this.#machine.refuse(reason, what);
  }
}

function wholeFrame(data: string): boolean {
  if (data.trim() === "[DONE]" || data === "") return true;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}
