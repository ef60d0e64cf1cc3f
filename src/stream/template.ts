import { isObject, type Json, tryParse } from "./json.ts";

/** Longer pieces are checked by the JSON parser itself, which is faster than a loop over characters. */
const loopLimit = 96;
/** Tries to learn a form that keeps changing (a nonce in each event) stop here; each confirmed use of a form gives one back. */
const maxLearning = 8;

/** A probe that no provider sends and that survives JSON unchanged. */
const probe = "\uE000probe\uE000";

/**
 * The form of one lane's content events: everything before the piece of text, and everything after it. An event of the same
 * form differs from the one that was parsed in that one string and nowhere else, so it needs no parsing. A form is used only
 * after the JSON parser has confirmed that the place is the value of exactly that field.
 */
export class Template {
  #prefix = "";
  #suffix = "";
  #outPrefix = "";
  #outSuffix = "";
  #same = true;
  #known = false;
  #budget = maxLearning;
  /** The piece found by the last successful `match`. */
  piece = "";

  /** Forgets the form: another lane or another kind of content is current now. */
  forget(): void {
    this.#known = false;
  }

  /**
   * Learns the form from an event that was parsed and judged.
   * @param read takes the piece out of a parsed event
   * @returns whether it is known now
   * @param write the event to release for a parsed event, or `undefined` if it passes as it came
   */
  learn(data: string, piece: string, read: (event: Json) => unknown, write: ((event: Json) => string) | undefined): boolean {
    // The last form is of no use any more, whatever comes of this one: the events have changed.
    this.#known = false;
    if (this.#budget <= 0 || piece === "" || data.length > 4096) return false;
    this.#budget -= 1;
    const literal = JSON.stringify(piece);
    const at = data.lastIndexOf(literal);
    if (at < 0) return false;
    const prefix = data.slice(0, at + 1);
    const suffix = data.slice(at + literal.length - 1);
    const event = tryParse(prefix + probe + suffix);
    if (!isObject(event) || read(event) !== probe) return false;
    // The probe must be the only difference: with the piece put back, the whole event is as it was.
    if (JSON.stringify(event).replace(JSON.stringify(probe), () => literal) !== JSON.stringify(tryParse(data))) return false;
    this.#same = write === undefined;
    if (write !== undefined) {
      const out = write(event);
      const place = out.indexOf(probe);
      if (place < 0 || out.includes(probe, place + 1)) return false;
      this.#outPrefix = out.slice(0, place);
      this.#outSuffix = out.slice(place + probe.length);
    }
    this.#prefix = flat(prefix);
    this.#suffix = flat(suffix);
    this.#known = true;
    return true;
  }

  /**
   * The data to release if the event has the known form and its piece is a valid JSON string; `undefined` if it must be parsed.
   * `piece` then holds the text it adds.
   */
  match(data: string): string | undefined {
    const end = data.length - this.#suffix.length;
    const from = this.#prefix.length;
    if (!this.#known || end <= from || !data.startsWith(this.#prefix) || !data.endsWith(this.#suffix)) return undefined;
    const inner = data.slice(from, end);
    if (end - from <= loopLimit && plain(data, from, end)) {
      this.piece = inner;
    } else {
      // With its quotes, which the form ends and begins with: one valid JSON string and nothing else, because an unescaped quote or
      // a control character would not parse.
      const value = tryParse(data.slice(from - 1, end + 1));
      if (typeof value !== "string") return undefined;
      this.piece = value;
    }
    if (this.#budget < maxLearning) this.#budget += 1;
    return this.#same ? data : this.#outPrefix + inner + this.#outSuffix;
  }
}

/** No quote, no backslash, no control character: the JSON string is the text itself. */
function plain(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22 || code === 0x5c || code < 0x20) return false;
  }
  return true;
}

/** A copy of its own: a slice of a chunk would be compared more slowly and keep the whole chunk alive. */
function flat(text: string): string {
  return Array.from(text).join("");
}
