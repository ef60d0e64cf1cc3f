import { type Json, objectOr, stringOr } from "./json.ts";
import type { Proof } from "./proof.ts";

/** A piece of content or a role is in one of the choices. */
function saysSomething(choices: unknown): boolean {
  if (!Array.isArray(choices)) return false;
  return choices.some((choice) =>
    Object.values(objectOr(objectOr(choice)["delta"])).some((value) => value !== null && value !== ""),
  );
}

/**
 * Whether the chunks of a stream can be of one generation, told by their ids: a change after content is another generation,
 * unless the provider gives every chunk an id of its own.
 */
export class ChunkIdentity {
  /** Fields of the first chunk that named them, for chunks we write ourselves and for the assembled answer. */
  readonly head: Record<string, unknown> = {};
  readonly #proof: Proof;
  #first = "";
  #last = "";
  #model = "";
  #withId = 0;
  #changes = 0;
  #standIn = false;
  #tolerated = false;

  constructor(proof: Proof) {
    this.#proof = proof;
  }

  /** Judges a chunk and returns it with an id: the official SDK ignores the counters of a chunk without one. */
  take(chunk: Json): Json {
    const { choices: _choices, usage: _usage, ...rest } = chunk;
    for (const [key, value] of Object.entries(rest)) {
      if (this.head[key] === undefined || this.head[key] === null || this.head[key] === "") this.head[key] = value;
    }
    this.#sameModel(stringOr(chunk["model"], ""));
    const id = stringOr(chunk["id"], "");
    if (id === "") return this.#withoutId(chunk);
    if (this.#first === "" && this.#standIn && this.#proof.contentSeen) throw this.#spliced();
    this.#sameId(id);
    this.#first ||= id;
    this.#last = id;
    this.#withId += 1;
    return chunk;
  }

  #sameModel(model: string): void {
    if (model === "") return;
    if (this.#model !== "" && this.#model !== model && this.#proof.contentSeen) {
      throw this.#proof.fault("spliced_message", "after content the chunks name another model: two answers in one stream");
    }
    this.#model = model;
  }

  #sameId(id: string): void {
    if (id === this.#last) {
      // An id a chunk, and suddenly the same twice: the ids now come from somewhere else.
      if (this.#tolerated) throw this.#spliced();
      return;
    }
    if (this.#last === "") return;
    const perChunk = this.#perChunk;
    this.#changes += 1;
    if (!this.#proof.contentSeen) {
      this.#proof.repairOnce("id_replaced", "nothing had been said yet, so whatever generation follows is whole");
      return;
    }
    if (!perChunk) throw this.#spliced();
    this.#tolerated = true;
    this.#proof.repairOnce("id_per_chunk", "every chunk has had an id of its own from the first, so a new id says nothing");
  }

  get #perChunk(): boolean {
    return this.#withId >= 2 && this.#changes === this.#withId - 1;
  }

  #spliced(): Error {
    return this.#proof.fault("spliced_message", "after content the chunks have another id: two answers in one stream");
  }

  #withoutId(chunk: Json): Json {
    const choices = chunk["choices"];
    // Azure's first chunk holds filter results and an empty id; nothing is lost with it.
    if (this.#first === "" && Array.isArray(choices) && choices.length === 0) return chunk;
    if (this.#withId > 1 && this.#proof.contentSeen && saysSomething(choices))
      throw this.#proof.fault("spliced_message", "after chunks with an id content came without one: two answers in one stream");
    this.#proof.repairOnce("id_missing", "a chunk without an id belongs to the only answer there is");
    if (this.#first === "") this.#standIn = true;
    return { ...chunk, id: this.#first === "" ? "chatcmpl-unnamed" : this.#first };
  }

  get id(): string {
    return this.#first === "" ? "chatcmpl-unnamed" : this.#first;
  }

  get model(): string {
    return this.#model;
  }

  /** A chunk of ours. */
  chunk(choices: readonly Json[], more: Json = {}): Json {
    return {
      ...this.head,
      id: this.id,
      object: "chat.completion.chunk",
      created: this.head["created"] ?? 0,
      model: this.#model,
      choices,
      ...more,
    };
  }
}
