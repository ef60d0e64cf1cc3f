/** Joined this many at a time, so that short slices do not keep the whole decoded stream alive. */
const joinEvery = 512;

/** Text that arrives in pieces: appended in constant time, joined once. */
export class Fragments {
  /** UTF-16 units so far. */
  length = 0;
  /** Pieces that were not empty. */
  count = 0;
  #first = "";
  #last = "";
  #recent: string[] = [];
  #older: string[] = [];

  push(piece: string): void {
    if (piece === "") return;
    this.countOnly(piece);
    this.#recent.push(piece);
    if (this.#recent.length === joinEvery) {
      this.#older.push(this.#recent.join(""));
      this.#recent = [];
    }
  }

  /** Only counts: for lanes whose text nobody will ask for. */
  countOnly(piece: string): void {
    if (piece === "") return;
    if (this.count === 0) this.#first = piece;
    this.#last = piece;
    this.length += piece.length;
    this.count += 1;
  }

  /** As many pieces of the same length in all, the first and the last the same: known also of text that was not kept. */
  seemsEqual(other: Fragments): boolean {
    return (
      this.length === other.length && this.count === other.count && this.#first === other.#first && this.#last === other.#last
    );
  }

  /** The same length as `text`, which begins and ends like the pieces. */
  seemsText(text: string): boolean {
    return text !== "" && text.length === this.length && text.startsWith(this.#first) && text.endsWith(this.#last);
  }

  join(): string {
    if (this.#recent.length === 0 && this.#older.length <= 1) return this.#older[0] ?? "";
    const whole = this.#older.join("") + this.#recent.join("");
    this.#older = [whole];
    this.#recent = [];
    return whole;
  }
}
