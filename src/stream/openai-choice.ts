import { isObject, type Json, objectOr, stringOr } from "./json.ts";
import { Growth } from "./lane.ts";
import type { Call } from "./openai-calls.ts";
import { ChoiceContent, textFields } from "./openai-content.ts";
import type { Proof } from "./proof.ts";
import { openaiFinishReason, safeWord } from "./stop-reason.ts";
import { readUpstreamError } from "./upstream.ts";

export interface TakenChoice {
  /** The choice as it is to go out: the same object if it may pass as it came. */
  readonly choice: Json;
  readonly finished: boolean;
  /** The only piece of content in it, if it has exactly one: what the next event of the same form will carry. */
  readonly single: { readonly field: string; readonly piece: string; readonly call?: Call } | undefined;
  /** It brought content and the role of the message has not been sent yet. */
  readonly needsRole: boolean;
}

/** The proof that one of the answers of a response, usually the only one, is one and whole. */
export class Choice {
  readonly index: number;
  readonly content: ChoiceContent;
  finish: string | undefined;
  hasContent = false;
  roleSent = false;
  readonly #proof: Proof;
  readonly #growth = new Growth();
  #chunks = 0;
  #chunksWithRole = 0;
  #roleRepeated = false;
  /** Chunks that opened the message. */
  #openings = 0;
  #finishes = 0;

  constructor(index: number, proof: Proof, keep: boolean) {
    this.index = index;
    this.#proof = proof;
    this.content = new ChoiceContent(proof, keep);
  }

  take(given: Json): TakenChoice {
    if (given["error"] !== undefined && given["error"] !== null) {
      const { action, facts } = readUpstreamError(given["error"], undefined);
      throw this.#proof.fault("upstream_error", "the provider ended the answer with an error", {
        action,
        upstream: facts,
        index: this.index,
      });
    }
    const delta = objectOr(given["delta"]);
    this.#readable(given, delta);
    if (!isObject(given["delta"]) && isObject(given["message"])) {
      throw this.#proof.fault("unexpected_body", "a choice holds a whole message where pieces are expected", {
        index: this.index,
      });
    }
    const word = stringOr(given["finish_reason"], "");
    const before = this.hasContent;
    const out: Record<string, unknown> = { ...given };
    const single = this.#takeContent(delta, out);
    this.#role(delta, before, word !== "");
    this.content.addLogprobs(given["logprobs"]);
    if (given["finish_reason"] === "") {
      this.#proof.repairOnce("empty_finish", "an empty finish reason says nothing, like null");
      out["finish_reason"] = null;
    }
    if (word !== "") this.#finished(word);
    const changed = Object.keys(out).some((key) => out[key] !== given[key]);
    return { choice: changed ? out : given, finished: word !== "", single, needsRole: this.hasContent && !this.roleSent };
  }

  /** Content in a shape that would be passed over. */
  #readable(given: Json, delta: Json): void {
    const calls = delta["tool_calls"] ?? [];
    const legacy = delta["function_call"] ?? {};
    if (!isObject(given["delta"] ?? {}) || !Array.isArray(calls) || !isObject(legacy) || stringOr(given["text"], "") !== "") {
      throw this.#proof.fault("malformed_frame", "a choice holds content in a shape of another dialect: it would be lost", {
        index: this.index,
      });
    }
  }

  /** It finished more than once. */
  get finishedTwice(): boolean {
    return this.#finishes > 1;
  }

  /** It was opened more than once, or in every chunk: two answers may be in one stream. */
  get beganTwice(): boolean {
    return this.#openings > 1 || this.#roleRepeated;
  }

  #takeContent(delta: Json, out: Record<string, unknown>): TakenChoice["single"] {
    const singles: NonNullable<TakenChoice["single"]>[] = [];
    for (const field of textFields) {
      const piece = delta[field] ?? "";
      if (typeof piece !== "string")
        throw this.#proof.fault("malformed_frame", `the ${field} of a delta is not text`, { index: this.index });
      if (piece === "") continue;
      this.add(field, piece);
      singles.push({ field, piece });
    }
    const given = delta["tool_calls"];
    if (Array.isArray(given) && given.length > 0) {
      const taken = given.map((fragment) => this.content.calls.take(fragment));
      this.#said();
      for (const { call, piece } of taken) singles.push({ field: "tool_calls", piece, call });
      if (taken.some(({ fragment }, at) => fragment !== given[at]))
        out["delta"] = { ...delta, tool_calls: taken.map(({ fragment }) => fragment) };
    }
    this.#takeFunctionAndAudio(delta);
    this.content.addOther(delta);
    return singles.length === 1 ? singles[0] : undefined;
  }

  /** Adds a piece of text, after the first of its field only. */
  add(field: string, piece: string): void {
    this.#said();
    if (field === "content" && this.#growth.suspected && this.#growth.grows(piece)) {
      throw this.#proof.fault("cumulative_text", "each delta repeats the whole text so far", { index: this.index });
    }
    this.content.addText(field, piece);
  }

  #said(): void {
    if (this.finish !== undefined)
      throw this.#proof.fault("content_after_finish", "content came after the finish reason", { index: this.index });
    this.hasContent = true;
    this.#proof.contentSeen = true;
  }

  #takeFunctionAndAudio(delta: Json): void {
    if (isObject(delta["function_call"])) {
      this.#said();
      this.content.addFunction(delta["function_call"]);
    }
    if (isObject(delta["audio"])) {
      this.#said();
      this.content.addAudio(delta["audio"]);
    }
  }

  /**
   * The role opens a message, so once content has come, another one is the only sign of another generation. Some providers repeat
   * it in every chunk, where it says nothing.
   */
  #role(delta: Json, contentBefore: boolean, finishing: boolean): void {
    const role = stringOr(delta["role"], "");
    const everyChunk = this.#chunks > 0 && this.#chunksWithRole === this.#chunks;
    const empty = !textFields.some((field) => stringOr(delta[field], "") !== "") && !Array.isArray(delta["tool_calls"]);
    this.#chunks += 1;
    if (role === "") {
      if (this.#roleRepeated && !empty) throw this.#restarted();
      return;
    }
    this.#chunksWithRole += 1;
    if (!contentBefore && !finishing) this.#openings += 1;
    const closing = empty && (finishing || this.finish !== undefined);
    if (contentBefore && !closing) {
      if (!everyChunk || (empty && this.#chunks === 2)) throw this.#restarted();
      this.#roleRepeated = true;
    }
    this.roleSent = true;
  }

  #restarted(): Error {
    return this.#proof.fault("restarted_message", "after content the message began again", { index: this.index });
  }

  #finished(word: string): void {
    const reason = openaiFinishReason(word);
    if (reason === undefined) {
      throw this.#proof.fault("upstream_error", `the answer ended with the finish reason ${safeWord(word)}`, {
        index: this.index,
        upstream: { type: safeWord(word) },
      });
    }
    this.#finishes += 1;
    if (this.finish !== undefined && this.beganTwice && this.hasContent)
      throw this.#proof.fault("restarted_message", "the answer began twice and finished twice: two copies of it are mixed", {
        index: this.index,
      });
    if (this.finish !== undefined)
      this.#proof.repair("dup_finish", "the answer had finished; a second finish without content adds nothing");
    if (this.finish === undefined || severity(reason) > severity(this.finish)) this.finish = reason;
    if (this.#growth.doubtful())
      throw this.#proof.fault("cumulative_text", "the second delta repeats the first and goes on", { index: this.index });
  }
}

/** Of two finish reasons the more cautious one stands. */
function severity(reason: string): number {
  return ["stop", "function_call", "tool_calls", "length", "content_filter"].indexOf(reason);
}
