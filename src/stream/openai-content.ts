import { Fragments } from "./fragments.ts";
import { isObject, type Json, objectOr, stringOr } from "./json.ts";
import { Calls } from "./openai-calls.ts";
import type { Proof } from "./proof.ts";

/** Fields of a delta that are pieces of text. */
export const textFields = ["content", "reasoning_content", "reasoning", "refusal"] as const;
const handled = new Set<string>([...textFields, "role", "tool_calls", "function_call", "audio"]);

/** What one of the answers of a response has said so far, put together as the dialect writes a message that was not streamed. */
export class ChoiceContent {
  readonly calls: Calls;
  readonly #keep: boolean;
  readonly #text = new Map<string, Fragments>();
  /** `audio`, and the fields that this dialect does not have. */
  readonly #extra: Record<string, unknown> = {};
  readonly #functionArguments = new Fragments();
  #functionName = "";
  #logprobs: Record<string, unknown> | null = null;

  /** `keep` false: only what the proof needs is kept, whatever the length. */
  constructor(proof: Proof, keep: boolean) {
    this.calls = new Calls(proof);
    this.#keep = keep;
  }

  addText(field: string, piece: string): void {
    let fragments = this.#text.get(field);
    if (fragments === undefined) this.#text.set(field, (fragments = new Fragments()));
    if (this.#keep) fragments.push(piece);
    else fragments.countOnly(piece);
  }

  /** A piece of `function_call`, the one call of a message before there were `tool_calls`. */
  addFunction(call: Json): void {
    this.#functionName ||= stringOr(call["name"], "");
    this.#functionArguments.push(stringOr(call["arguments"], ""));
  }

  addAudio(audio: Json): void {
    this.#extra["audio"] = joinFields(objectOr(this.#extra["audio"]), audio);
  }

  /** The fields of a delta that this dialect does not have: lists grow, of anything else the last value stands. */
  addOther(delta: Json): void {
    if (!this.#keep) return;
    for (const [key, value] of Object.entries(delta)) {
      if (handled.has(key) || value === null) continue;
      const known = this.#extra[key];
      if (!Array.isArray(value)) this.#extra[key] = value;
      else if (Array.isArray(known)) for (const one of value as readonly unknown[]) known.push(one);
      else this.#extra[key] = [...(value as readonly unknown[])];
    }
  }

  addLogprobs(logprobs: unknown): void {
    if (!this.#keep || !isObject(logprobs)) return;
    this.#logprobs ??= {};
    for (const [key, value] of Object.entries(logprobs)) {
      const known = this.#logprobs[key];
      if (Array.isArray(known) && Array.isArray(value)) for (const one of value as readonly unknown[]) known.push(one);
      else this.#logprobs[key] = Array.isArray(value) ? [...value] : value;
    }
  }

  get text(): string {
    return this.#text.get("content")?.join() ?? "";
  }

  get legacyCall(): boolean {
    return this.#functionName !== "" || this.#functionArguments.count > 0;
  }

  /** The legacy call is not whole. */
  legacyIncomplete(): boolean {
    if (!this.legacyCall) return false;
    if (this.#functionName === "") return true;
    try {
      return this.#functionArguments.count > 0 && !isObject(JSON.parse(this.#functionArguments.join()));
    } catch {
      return true;
    }
  }

  assembled(index: number, finish: string | undefined): Json {
    const content = this.#text.get("content")?.join();
    const message: Record<string, unknown> = {
      role: "assistant",
      content: content ?? (this.calls.list.length > 0 ? null : ""),
      ...this.#extra,
    };
    for (const field of textFields) {
      const text = this.#text.get(field)?.join();
      if (text !== undefined) message[field] = text;
    }
    if (message["refusal"] === undefined) message["refusal"] = null;
    if (this.calls.list.length > 0) message["tool_calls"] = this.calls.assembled();
    if (this.legacyCall) message["function_call"] = { name: this.#functionName, arguments: this.#functionArguments.join() };
    return { index, message, logprobs: this.#logprobs, finish_reason: finish };
  }
}

function joinFields(known: Json, more: Json): Json {
  const joined: Record<string, unknown> = { ...known };
  for (const [key, value] of Object.entries(more)) {
    const old = joined[key];
    joined[key] =
      (key === "data" || key === "transcript") && typeof old === "string" && typeof value === "string"
        ? old + value
        : (value ?? old);
  }
  return joined;
}
