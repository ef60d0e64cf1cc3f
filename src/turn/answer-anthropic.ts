/** anthropic-messages, strictly read: message_start, whole blocks, message_delta with a stop reason, message_stop. */
import {
  AnswerError,
  errorIn,
  noReason,
  outOfOrder,
  parseJson,
  recordAt,
  stringAt,
  type Answer,
  type AnswerReader,
} from "./answer.ts";

export function readAnthropicMessage(body: unknown): Answer {
  const message = recordAt(body, "a message");
  if (message["type"] !== "message") throw new AnswerError("stream_broken", "the gateway's answer is not a message");
  const content = message["content"];
  if (!Array.isArray(content)) throw new AnswerError("stream_broken", "the gateway's answer has no content");
  let text = "";
  let toolCalls = 0;
  for (const item of content) {
    const block = recordAt(item, "a content block");
    if (block["type"] === "text") text += stringAt(block, "text");
    if (block["type"] === "tool_use") toolCalls += 1;
  }
  return { text, toolCalls, stopReason: stringAt(message, "stop_reason"), model: stringAt(message, "model") };
}

type Event = Record<string, unknown>;

class AnthropicReader implements AnswerReader {
  #phase: "idle" | "open" | "ended" = "idle";
  #model = "";
  #stopReason: string | undefined;
  #toolCalls = 0;
  /** Types of the blocks that are open, by index. */
  readonly #open = new Map<number, string>();
  readonly #seen = new Set<number>();
  readonly #texts: string[] = [];

  push(name: string | undefined, data: string): void {
    const event = recordAt(parseJson(data), "an event");
    const type = typeof event["type"] === "string" ? event["type"] : (name ?? "");
    if (name !== undefined && name !== type) throw outOfOrder(name, `carries an event of type ${type}`);
    if (type === "error") {
      const { fault, message } = errorIn(event) ?? { fault: "unknown", message: noReason };
      throw new AnswerError(fault, message);
    }
    // Pings, and event types that may be added to the format, say nothing about the message.
    if (!lifecycle.has(type)) return;
    if (this.#phase === "ended") throw outOfOrder(type, "came after message_stop");
    if ((this.#phase === "idle") !== (type === "message_start")) {
      throw outOfOrder(type, this.#phase === "idle" ? "came before message_start" : "came twice");
    }
    this.#take(type, event);
  }

  end(): Answer {
    if (this.#phase !== "ended") throw new AnswerError("stream_broken", "the gateway's stream ended before message_stop");
    return { text: this.#texts.join(""), stopReason: this.#stopReason ?? "", model: this.#model, toolCalls: this.#toolCalls };
  }

  #take(type: string, event: Event): void {
    switch (type) {
      case "message_start":
        this.#phase = "open";
        this.#model = stringAt(recordAt(event["message"], "a message"), "model");
        return;
      case "content_block_start":
        return this.#openBlock(type, event);
      case "content_block_delta":
        return this.#takeDelta(type, event);
      case "content_block_stop":
        if (!this.#open.delete(indexOf(type, event))) throw outOfOrder(type, "came for a block that is not open");
        return;
      case "message_delta":
        if (this.#open.size > 0) throw outOfOrder(type, "came while a block was open");
        this.#stopReason = stopReasonIn(event) ?? this.#stopReason;
        return;
      default:
        if (this.#open.size > 0 || this.#stopReason === undefined) throw outOfOrder(type, "came before the message was whole");
        this.#phase = "ended";
    }
  }

  #openBlock(type: string, event: Event): void {
    const index = indexOf(type, event);
    if (this.#seen.has(index)) throw outOfOrder(type, "came for a block that had been");
    if (this.#stopReason !== undefined) throw outOfOrder(type, "came after the stop reason");
    const block = recordAt(event["content_block"], "a content block");
    const kind = stringAt(block, "type");
    this.#seen.add(index);
    this.#open.set(index, kind);
    if (kind === "tool_use") this.#toolCalls += 1;
    if (kind === "text") this.#texts.push(stringAt(block, "text"));
  }

  #takeDelta(type: string, event: Event): void {
    const kind = this.#open.get(indexOf(type, event));
    if (kind === undefined) throw outOfOrder(type, "came for a block that is not open");
    const delta = recordAt(event["delta"], "a delta");
    if (delta["type"] !== "text_delta") return;
    if (kind !== "text") throw outOfOrder(type, `brought text to a block of type ${kind}`);
    this.#texts.push(stringAt(delta, "text"));
  }
}

const lifecycle: ReadonlySet<string> = new Set([
  "message_start",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop",
]);

function indexOf(type: string, event: Event): number {
  const index = event["index"];
  if (typeof index !== "number") throw outOfOrder(type, "names no block");
  return index;
}

function stopReasonIn(event: Event): string | undefined {
  const reason = recordAt(event["delta"], "a delta")["stop_reason"];
  return typeof reason === "string" ? reason : undefined;
}

export function anthropicReader(): AnswerReader {
  return new AnthropicReader();
}
