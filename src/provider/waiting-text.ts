/** Text that is not complete yet: appended in constant time, joined once. */
export class WaitingText {
  #pieces: string[] = [];
  #chars = 0;

  /** UTF-16 units. */
  get chars(): number {
    return this.#chars;
  }

  add(text: string): void {
    this.#pieces.push(text);
    this.#chars += text.length;
  }

  /** All of it; nothing waits any more. */
  take(): string {
    const text = this.#pieces.join("");
    this.drop();
    return text;
  }

  drop(): void {
    this.#pieces = [];
    this.#chars = 0;
  }
}
