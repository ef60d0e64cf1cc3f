import type { Repair, StreamFaultReason, Usage } from "../errors.ts";
import type {
  AssembledMessage,
  Frame,
  Normalizer,
  NormalizerOptions,
  StreamDialect,
  StreamEnd,
  StreamFacts,
} from "../stream/event.ts";
import { createNormalizer, framesOf } from "../stream/normalizer.ts";
import { EventText } from "./event-text.ts";
import { Utf8 } from "./utf8.ts";
import { WaitingText } from "./waiting-text.ts";

/** A whole body may be this long, in bytes, unless the options say otherwise. */
const defaultMaxBodyBytes = 256 * 1024 * 1024;
/** How long to wait after the provider certified the end and then only pings or silence came. */
export const defaultGraceMs = 2000;

export interface StreamReaderOptions extends NormalizerOptions {
  /** Default `defaultMaxBodyBytes`. A longer body is a `StreamError` with reason `frame_too_large`. */
  readonly maxBodyBytes?: number;
  /** What the request asked for. An answer in the other form is proven all the same and recorded as a repair. */
  readonly asked?: "events" | "document";
  /** Takes the events in place of the dialect's own machine. */
  readonly machine?: Normalizer;
  /** Sees the events of the body, or the document it is, before they are proven. */
  readonly watch?: BodyWatch;
  /** HTTP status of the response, which tells an HTML error page that may pass from a wrong address. Default 200. */
  readonly status?: number;
}

interface BodyWatch {
  frame(frame: Frame): void;
  /** `undefined` for a text that is no JSON. */
  document(body: unknown, length: number): void;
}

/**
 * The byte shell round the pure machine: bytes in, normalised events out, whatever shape the body has. The first bytes decide,
 * not the content type: server-sent events are proven event by event; a JSON document is held until its end, proven, and
 * comes out as the same events; HTML, compressed bytes and anything else are refused.
 *
 * The owner of the connection calls `push` for each chunk and `end` once, stops reading as soon as `done` is true, and calls
 * `end("idle_after_stop_reason")` when `certified` is true and nothing but pings came for `defaultGraceMs`.
 */
export interface StreamReader extends StreamFacts {
  /**
   * Takes one chunk of the body and returns the text to release for it ("" for nothing).
   * @throws StreamError when the stream cannot be proven; `unreleased()` then holds what the same chunk had proven before.
   */
  push(bytes: Uint8Array): string;
  /** The body has ended. Returns the rest to release. @throws StreamError like `push`. */
  end(how: StreamEnd): string;
  /** Text proven by the chunk that failed, before the place of the fault. Empty after a `push` that returned. */
  unreleased(): string;
}

export function createStreamReader(dialect: StreamDialect, options: StreamReaderOptions = {}): StreamReader {
  return new Reader(dialect, options);
}

/** Enough of an HTML page to tell an overloaded edge from a wrong address. */
const htmlHeadChars = 4096;

type BodyKind = "unknown" | "events" | "document" | "html";

class Reader implements StreamReader {
  readonly #dialect: StreamDialect;
  readonly #options: StreamReaderOptions;
  readonly #machine: Normalizer;
  readonly #utf8 = new Utf8();
  readonly #events: EventText;
  /** Text of a line, document or page that is not complete yet. */
  readonly #waiting = new WaitingText();
  #kind: BodyKind = "unknown";
  #bytes = 0;
  #out = "";
  #failure: unknown;

  constructor(dialect: StreamDialect, options: StreamReaderOptions) {
    this.#dialect = dialect;
    this.#options = options;
    this.#machine = options.machine ?? createNormalizer(dialect, options);
    this.#events = new EventText({
      machine: this.#machine,
      waiting: this.#waiting,
      release: (text) => void (this.#out += text),
      watch: (frame) => options.watch?.frame(frame),
    });
  }

  get done(): boolean {
    return this.#machine.done;
  }
  get certified(): boolean {
    return this.#machine.certified;
  }
  get repairs(): readonly Repair[] {
    return this.#machine.repairs;
  }
  get frames(): number {
    return this.#machine.frames;
  }
  get contentSeen(): boolean {
    return this.#machine.contentSeen;
  }
  get usage(): Usage {
    return this.#machine.usage;
  }
  message(): AssembledMessage {
    return this.#machine.message();
  }
  unreleased(): string {
    return this.#out;
  }

  push(bytes: Uint8Array): string {
    return this.#guard(() => {
      this.#bytes += bytes.length;
      if (this.#bytes > (this.#options.maxBodyBytes ?? defaultMaxBodyBytes)) {
        this.#refuse("frame_too_large", `the body is longer than ${this.#options.maxBodyBytes ?? defaultMaxBodyBytes} bytes`);
      }
      const { text, broken } = this.#utf8.decode(bytes);
      this.#text(text);
      if (broken && !this.done) this.#refuseBytes();
    });
  }

  end(how: StreamEnd): string {
    return this.#guard(() => {
      if (this.#kind === "html") this.#refuseHtml();
      if (this.#kind === "document" && how === "eof") this.#document();
      else if (this.#kind === "events") this.#events.end(this.#utf8.incomplete);
      if (!this.done) this.#out += this.#machine.end(how);
    });
  }

  /** Collects what a step releases; a failure stays and is thrown again. */
  #guard(step: () => void): string {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.done) return "";
    try {
      step();
    } catch (error) {
      this.#failure = error;
      this.#waiting.drop();
      throw error;
    }
    const out = this.#out;
    this.#out = "";
    return out;
  }

  #text(decoded: string): void {
    let text = decoded;
    if (this.#kind === "unknown") {
      // White space before the body means nothing, and must not where the bytes are cut between the two.
      const first = text.search(/[^\s\uFEFF]/);
      if (first < 0) return;
      text = text.slice(first);
      this.#kind = this.#sniff(text.charAt(0));
      this.#askedFor(this.#kind);
    }
    if (text === "") return;
    if (this.#kind === "events") this.#events.push(text);
    else this.#waiting.add(text);
    if (this.#kind === "html" && this.#waiting.chars >= htmlHeadChars) this.#refuseHtml();
  }

  /** What the body is, told by its first visible character, whatever its content type says. */
  #sniff(first: string): BodyKind {
    if (first === "{" || first === "[") return "document";
    if (first === "<") return "html";
    // The gzip magic 1f 8b; decoded by a proxy as text its second byte became U+FFFD.
    if (first === "\u001F")
      this.#refuse("compressed_body", "the body is compressed though `accept-encoding: identity` was asked for");
    return "events";
  }

  #askedFor(kind: BodyKind): void {
    const asked = this.#options.asked;
    if (kind === "html" || asked === undefined || asked === kind) return;
    this.#machine.note(
      "other_form",
      `the request asked for ${asked} and the body is ${kind}; both forms are proven by the same rules`,
    );
  }

  /** JSON where events or JSON were asked for; some relays append the end marker of a stream to it. */
  #document(): void {
    const text = withoutEndMarker(this.#waiting.take());
    let body: unknown;
    try {
      body = JSON.parse(text.replace(/^\uFEFF/, ""));
    } catch {
      this.#options.watch?.document(undefined, text.length);
      this.#refuse("truncated", "the body starts like a JSON document and is not a whole one");
    }
    this.#options.watch?.document(body, text.length);
    const frames = framesOf(this.#dialect, body);
    if (frames === undefined) this.#refuse("unexpected_body", "the body is JSON and no answer of this dialect");
    for (const frame of frames) this.#out += this.#machine.push(frame);
  }

  #refuseBytes(): never {
    if (this.#kind === "unknown") this.#refuse("compressed_body", "the body is not text; it may be compressed");
    this.#refuse("invalid_utf8", "the body holds bytes that are not UTF-8");
  }

  #refuseHtml(): never {
    const head = this.#waiting.take().slice(0, htmlHeadChars);
    const status = this.#options.status ?? 200;
    const passing = status >= 500 || /\b5\d\d\b|bad gateway|unavailable|time-?out|overloaded/i.test(head);
    throw this.#machine.refuse("html_body", "the body is an HTML page", passing ? "retry" : "fall_back");
  }

  #refuse(reason: StreamFaultReason, what: string): never {
    throw this.#machine.refuse(reason, what);
  }
}

/** By its place and not by a pattern over the whole text, which would take quadratic time where there is much white space. */
function withoutEndMarker(text: string): string {
  const at = text.lastIndexOf("data:");
  return at >= 0 && text.slice(at + "data:".length).trim() === "[DONE]" ? text.slice(0, at) : text;
}
