/** Bounded keepers of what a process writes: memory stays the same whether it writes a line or a hundred megabytes. */

/** Keeps the last bytes of a stream. */
export class Tail {
  readonly limit: number;
  #chunks: Buffer[] = [];
  #kept = 0;
  /** All bytes that came. */
  total = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  push(chunk: Buffer): void {
    this.total += chunk.length;
    // A copy, because a small tail of a large chunk would otherwise keep the whole chunk alive.
    const end = chunk.length > this.limit ? Buffer.from(chunk.subarray(chunk.length - this.limit)) : chunk;
    this.#chunks.push(end);
    this.#kept += end.length;
    // Joined only at twice the limit, so that many small chunks cost linear time.
    if (this.#kept > this.limit * 2) this.#join();
  }

  text(): string {
    return this.bytes().toString("utf8");
  }

  bytes(): Buffer {
    this.#join();
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #join(): void {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#chunks);
    const end = all.length > this.limit ? Buffer.from(all.subarray(all.length - this.limit)) : all;
    this.#chunks = [end];
    this.#kept = end.length;
  }
}

/** Keeps the first line of a stream; more than `limit` bytes without a line end is an overflow. */
export class FirstLine {
  readonly limit: number;
  #chunks: Buffer[] = [];
  #kept = 0;
  /** Without its line end, once it is complete. */
  line: string | undefined;
  overflow = false;

  constructor(limit: number) {
    this.limit = limit;
  }

  push(chunk: Buffer): void {
    if (this.line !== undefined || this.overflow) return;
    const end = chunk.indexOf(0x0a);
    const part = end === -1 ? chunk : chunk.subarray(0, end);
    this.#chunks.push(part);
    this.#kept += part.length;
    if (this.#kept > this.limit) {
      this.overflow = true;
      this.#chunks = [];
    } else if (end !== -1) {
      this.line = Buffer.concat(this.#chunks).toString("utf8");
      this.#chunks = [];
    }
  }
}
