import { Tail } from "../output.ts";

/** Keeps the beginning and the end of a stream, half of the limit in bytes each, and says what is missing between. */
export class HeadAndTail {
  readonly #half: number;
  readonly #head: Buffer[] = [];
  readonly #tail: Tail;
  #kept = 0;
  /** All bytes that came. */
  total = 0;

  constructor(limit: number) {
    this.#half = Math.floor(limit / 2);
    this.#tail = new Tail(this.#half);
  }

  push(chunk: Buffer): void {
    this.total += chunk.length;
    const room = this.#half - this.#kept;
    const head = chunk.subarray(0, room);
    if (head.length > 0) this.#head.push(Buffer.from(head));
    this.#kept += head.length;
    if (chunk.length > head.length) this.#tail.push(chunk.subarray(head.length));
  }

  text(): string {
    const missing = this.#tail.total - this.#half;
    const note = missing > 0 ? `\n[… ${missing} bytes are left out here …]\n` : "";
    // Joined before it is read as text where nothing is missing, so that a character at the seam stays whole.
    if (missing <= 0) return Buffer.concat([...this.#head, this.#tail.bytes()]).toString("utf8");
    return `${Buffer.concat(this.#head).toString("utf8")}${note}${this.#tail.text()}`;
  }
}
