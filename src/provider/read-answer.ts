/** The body of a good status, read into one whole, proven message; streamed or not is the reader's to find out. */
import { ProviderError, type Repair, StreamError, type StreamRecording } from "../errors.ts";
import type { AssembledMessage } from "../stream/event.ts";
import { handledReader, type HandledReader } from "./event-handler/handled-reader.ts";
import type { EventHandler } from "./event-handler/host.ts";
import type { HttpAnswer } from "./http.ts";
import { OnlyKeepAlive } from "./keep-alive.ts";
import type { Dialect } from "./provider.ts";
import type { Recorder } from "./recording/recorder.ts";
import { createStreamReader, defaultGraceMs, type StreamReader, type StreamReaderOptions } from "./sse.ts";

export interface ReadAnswer {
  readonly message: AssembledMessage;
  /** Everything the reader released: the normalised events. */
  readonly sse: string;
  readonly repairs: readonly Repair[];
  readonly recording: StreamRecording | undefined;
}

/** A body that is not one whole answer. `cause` is a `StreamError`, or the `ProviderError` of a limit. */
export class BrokenBody extends Error {
  override readonly cause: StreamError | ProviderError;
  /** The head of the body where it may be an error document. */
  readonly document: string | undefined;
  readonly recording: StreamRecording | undefined;
  constructor(cause: StreamError | ProviderError, document: string | undefined, recording: StreamRecording | undefined) {
    super(cause.message);
    this.cause = cause;
    this.document = document;
    this.recording = recording;
  }
}

export interface ReadOptions {
  readonly dialect: Dialect;
  readonly tolerateOutOfOrderEvents: boolean;
  /** Records what comes, whole or broken. */
  readonly recorder?: Recorder | undefined;
  /** Sees the raw events of a stream first. */
  readonly handler?: EventHandler | undefined;
  /** What was asked for; another form is proven as well and recorded as a repair. */
  readonly stream: boolean;
}

/** Bytes of the body that are kept to find an error document in: 64 KiB. */
const headLimit = 64 * 1024;

/**
 * Reads until the reader has what it needs, not until the connection ends: some providers keep a finished stream open.
 * @throws BrokenBody
 */
export async function readAnswer(answer: HttpAnswer, options: ReadOptions): Promise<ReadAnswer> {
  const reader = readerFor(answer, options);
  const head = new Head();
  try {
    const sse = await drain(answer, reader, head, options.recorder);
    const document = head.text();
    // MiniMax: a failure with HTTP 200 and an envelope that looks like an answer.
    if (/"base_resp"\s*:\s*\{[^}]*"status_code"\s*:\s*[1-9]/.test(document) && reader.message().text === "") {
      throw new StreamError("empty_content", "the answer says it is a failure", {
        action: "retry",
        usage: reader.usage,
        repairs: reader.repairs,
      });
    }
    return { message: reader.message(), sse, repairs: reader.repairs, recording: options.recorder?.finish("done", undefined) };
  } catch (error) {
    if (error instanceof StreamError) {
      const recording = options.recorder?.finish("refused", error.reason);
      throw new BrokenBody(error, mayHoldAnError(error) ? head.document() : undefined, recording);
    }
    if (error instanceof ProviderError) {
      const recording = options.recorder?.finish("limit", error.code);
      throw new BrokenBody(withFacts(error, answer, reader), undefined, recording);
    }
    throw error;
  } finally {
    answer.stop();
  }
}

type AnyReader = StreamReader | HandledReader;

function readerFor(answer: HttpAnswer, { dialect, tolerateOutOfOrderEvents, stream, recorder, handler }: ReadOptions): AnyReader {
  const how: StreamReaderOptions = {
    tolerateOutOfOrderEvents,
    asked: stream ? "events" : "document",
    status: answer.status,
    ...(recorder === undefined ? {} : { watch: recorder }),
  };
  return handler === undefined ? createStreamReader(dialect, how) : handledReader(dialect, how, handler);
}

async function drain(answer: HttpAnswer, reader: AnyReader, head: Head, recorder: Recorder | undefined): Promise<string> {
  const released: string[] = [];
  const keepAlive = new OnlyKeepAlive();
  let grace: NodeJS.Timeout | undefined;
  let graceOver = false;
  try {
    for await (const chunk of answer.body) {
      head.add(chunk);
      recorder?.chunk(chunk);
      released.push(await reader.push(chunk));
      if (reader.done) return released.join("");
      const onlyKeepAlive = keepAlive.check(chunk);
      if (!reader.certified) continue;
      // The provider has said that it is finished; what is missing is the envelope, and it is not waited for long.
      grace ??= setTimeout(() => {
        graceOver = true;
        answer.stop();
      }, defaultGraceMs);
      if (!onlyKeepAlive) grace.refresh();
    }
    const how = graceOver ? "idle_after_stop_reason" : "eof";
    recorder?.ended(how);
    released.push(await reader.end(how));
  } catch (error) {
    if (!(error instanceof ProviderError) || error.fault === "aborted" || error.fault === "event_handler") throw error;
    if (error.fault !== "network" && !reader.certified) throw error;
    const how = error.fault === "network" ? "transport_error" : "idle_after_stop_reason";
    recorder?.ended(how);
    released.push(await reader.end(how));
  } finally {
    clearTimeout(grace);
  }
  return released.join("");
}

/** Reasons at which a body may be an error document; any other was an answer once and broke later. */
function mayHoldAnError(error: StreamError): boolean {
  return (
    !error.contentSeen &&
    ["upstream_error", "unexpected_body", "empty_stream", "empty_content", "malformed_frame", "truncated"].includes(error.reason)
  );
}

/** A limit that ran out in the middle of an answer: tokens were paid for, and the repairs tell how far it came. */
function withFacts(error: ProviderError, answer: HttpAnswer, reader: AnyReader): ProviderError {
  const { fault, code, reason, cause } = error;
  return new ProviderError(error.message, {
    fault,
    code,
    reason,
    cause,
    status: answer.status,
    usage: reader.usage,
    repairs: reader.repairs,
  });
}

class Head {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  add(chunk: Uint8Array): void {
    if (this.#bytes >= headLimit) return;
    this.#chunks.push(chunk.subarray(0, headLimit - this.#bytes));
    this.#bytes += Math.min(chunk.length, headLimit - this.#bytes);
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }

  /** The head if it is a document that was seen whole. */
  document(): string | undefined {
    const text = this.text();
    return this.#bytes < headLimit && /^\s*(?:\uFEFF)?(?:[[{"]|event|data)/.test(text) ? text : undefined;
  }
}
