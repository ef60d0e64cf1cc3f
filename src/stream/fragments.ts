/** Joined this many at a time, so that short slices do not keep the whole decoded stream alive. */
const joinEvery = 512;

/** Text that arrives in pieces: appended in constant time, joined once. */
export class Fragments {
  /** UTF-16 units so far. */
  length = 0;
  /** Pieces that were not empty. */
  count = 0;
  #recent: string[] = [];
  #older: string[] = [];

  push(piece: string): void {
    if (piece === "") return;
    this.length += piece.length;
    this.count += 1;
    this.#recent.push(piece);
    if (this.#recent.length === joinEvery) {
      this.#older.push(this.#recent.join(""));
      this.#recent = [];
    }
  }

  /** Only counts: for lanes whose text nobody will ask for. */
  countOnly(piece: string): void {
    if (piece === "") return;
    this.length += piece.length;
    this.count += 1;
  }

  join(): string {
    if (this.#recent.length === 0 && this.#older.length <= 1) return this.#older[0] ?? "";
    const whole = this.#older.join("") + this.#recent.join("");
    this.#older = [whole];
    this.#recent = [];
    return whole;
  }
}
