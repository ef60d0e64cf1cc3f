/**
 * By how much a job's slots are answered later: a fixed share of the schedule's `staggerMs`, made of the job's id, so that many jobs of one
 * minute do not start together (openclaw/openclaw#51594). It is OpenClaw's share: the first four bytes of SHA-256 of the id, modulo the
 * stagger, so that a job that moves here keeps its minute. SHA-256 is written out (FIPS 180-4), because this room uses no built-in module.
 */

/** Milliseconds from 0 up to, without, `staggerMs`; always the same for one id. */
export function staggerOf(jobId: string, staggerMs: number | undefined): number {
  if (staggerMs === undefined || staggerMs <= 1) return 0;
  return firstWordOfSha256(new TextEncoder().encode(jobId)) % Math.floor(staggerMs);
}

const fraction = (root: number): number => Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;

/** The first 32 bits of the cube roots of the first 64 primes, and of the square roots of the first eight. */
const [cubeRoots, squareRoots] = ((): [number[], number[]] => {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < 64; candidate += 1)
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  return [primes.map((prime) => fraction(Math.cbrt(prime))), primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))];
})();

const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

function firstWordOfSha256(text: Uint8Array): number {
  const blocks = Math.ceil((text.length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(text);
  padded[text.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, (text.length * 8) >>> 0);
  view.setUint32(padded.length - 8, Math.floor((text.length * 8) / 2 ** 32));
  let state = squareRoots;
  for (let block = 0; block < blocks; block += 1) state = withBlock(state, view, block * 64);
  return (state[0] ?? 0) >>> 0;
}

function withBlock(before: readonly number[], view: DataView, at: number): number[] {
  const words = new Int32Array(64);
  for (let index = 0; index < 16; index += 1) words[index] = view.getInt32(at + index * 4);
  for (let index = 16; index < 64; index += 1) {
    const [early, late] = [words[index - 15] ?? 0, words[index - 2] ?? 0];
    const s0 = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const s1 = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    words[index] = (words[index - 16] ?? 0) + s0 + (words[index - 7] ?? 0) + s1;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = before;
  for (let index = 0; index < 64; index += 1) {
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = (h + s1 + ((e & f) ^ (~e & g)) + (cubeRoots[index] ?? 0) + (words[index] ?? 0)) | 0;
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const second = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  return [a, b, c, d, e, f, g, h].map((value, index) => (value + (before[index] ?? 0)) | 0);
}
