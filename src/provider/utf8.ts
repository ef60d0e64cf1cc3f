const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Length of the longest prefix that does not end inside a character. */
function completeLength(bytes: Uint8Array): number {
  const last = bytes.length - 1;
  for (let back = 0; back < 3 && back <= last; back++) {
    const byte = bytes[last - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) {
      const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back + 1 < needs ? last - back : bytes.length;
    }
  }
  return bytes.length;
}

function valid(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The longest prefix that is valid UTF-8; found by halving, because only a broken stream gets here. */
function validPrefix(bytes: Uint8Array): string {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    const end = completeLength(bytes.subarray(0, middle));
    if (valid(bytes.subarray(0, end)) === undefined) high = middle - 1;
    else low = middle;
  }
  return valid(bytes.subarray(0, completeLength(bytes.subarray(0, low)))) ?? "";
}

/**
 * Strict UTF-8 over any cutting of the bytes. A character cut in two waits for its rest; bytes that are not UTF-8 are
 * reported together with all the text before them, so that where a chunk ends makes no difference.
 */
export class Utf8 {
  #carry: Uint8Array = new Uint8Array(0);

  /** True while a character is incomplete. */
  get incomplete(): boolean {
    return this.#carry.length > 0;
  }

  decode(chunk: Uint8Array): { text: string; broken: boolean } {
    let bytes = chunk;
    if (this.#carry.length > 0) {
      bytes = new Uint8Array(this.#carry.length + chunk.length);
      bytes.set(this.#carry);
      bytes.set(chunk, this.#carry.length);
    }
    const complete = completeLength(bytes);
    // A copy: the owner of the chunk may use its memory again.
    this.#carry = complete === bytes.length ? new Uint8Array(0) : bytes.slice(complete);
    const text = valid(complete === bytes.length ? bytes : bytes.subarray(0, complete));
    return text === undefined ? { text: validPrefix(bytes.subarray(0, complete)), broken: true } : { text, broken: false };
  }
}
