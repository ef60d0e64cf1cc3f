/**
 * The seeded generator behind the simulated provider: the same seed and the same request number give the same bytes on every
 * machine, so that a failed run can be repeated. Nothing here is meant for secrets.
 */

/** Mulberry32: a generator of numbers in [0, 1) with 32 bits of state. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A generator of its own for each purpose of each request, so that neither order nor concurrency changes what a request gets. */
export function randomFor(seed: number, ...parts: readonly (number | string)[]): () => number {
  return seededRandom(Number.parseInt(hash53(`${seed}/${parts.join("/")}`).slice(-8), 16));
}

/** A 53-bit checksum (the public-domain cyrb53) as 14 hexadecimal digits. Finds accidents, not forgeries. */
export function hash53(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(16).padStart(14, "0");
}

/** One of a list that is not empty. */
export function pick<T>(random: () => number, list: readonly T[]): T {
  const chosen = list[Math.floor(random() * list.length)];
  if (chosen === undefined) throw new RangeError("nothing to pick from");
  return chosen;
}

/** The list in another order. */
export function shuffled<T>(random: () => number, list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, rank: random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

/** A whole number from `low` to `high`, both included. */
export function between(random: () => number, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** Cuts a text into pieces of some characters, as a model's tokens do, never inside a surrogate pair. */
export function piecesOf(text: string, random: () => number, low = 3, high = 24): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(text.length, from + between(random, low, high));
    const last = text.charCodeAt(to - 1);
    if (last >= 0xd800 && last <= 0xdbff) to++;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}
