/**
 * A secret in other words. What a provider, a model or a tool was given may come back as it was, or as hex, base64, base64url, percent-encoded or
 * JSON-escaped, in other case, or with line breaks within. So a text is searched in a plainer form of itself: without white space and backslashes,
 * with escapes read, in lower case, and with one alphabet for both kinds of base64. That takes one walk over it and one native search for each of
 * at most seven words a secret, so the time is the text's length, whatever stands in it.
 *
 * Not found: a secret that is cut in two, in reverse order, compressed or encrypted; whoever wants to smuggle one out can. This is about echoes.
 */

/** A secret shorter than this is not searched for: it would take ordinary words apart and protects nothing. */
const shortestSecret = 4;

/** A shorter one is searched for in few spellings and as it is: plainer words than these are too many. */
const shortestInOtherWords = 8;

/** A spelling is at most so many times as long as its secret (`\u0073`), with twice that for white space within. */
const longestSpelling = 12;

/** Where a secret stands in a text; `to` is behind it. */
interface Span {
  readonly from: number;
  readonly to: number;
}

export interface SecretSearch {
  /** In order, and apart from each other. */
  readonly find: (text: string) => readonly Span[];
  /** A spelling of one of them is not longer than this. */
  readonly reach: number;
}

export function searchFor(secrets: readonly (string | undefined)[]): SecretSearch {
  const known = secrets.filter((secret) => secret !== undefined && secret.length >= shortestSecret);
  const asTheyAre = new Set(known.flatMap((secret) => (secret === undefined ? [] : commonSpellings(secret))));
  const plain = new Set(known.flatMap((secret) => (secret === undefined ? [] : plainSpellings(secret))));
  const reach = longestSpelling * Math.max(0, ...known.map((secret = "") => secret.length));
  const shortest = Math.min(...[...asTheyAre, ...plain].map(({ length }) => length));
  return {
    reach,
    find: (text) =>
      // Most texts are a few words.
      text.length < shortest ? [] : joined([...spansOf(text, asTheyAre), ...spansInPlain(text, plain)]),
  };
}

/** A text that is plainer than it looks may still hold one as it is: a backslash before a key that begins with `n` is no line break. */
function commonSpellings(secret: string): string[] {
  const inUrl = encodeURIComponent(secret.toWellFormed());
  return [secret, JSON.stringify(secret).slice(1, -1), inUrl, base64(secret).replaceAll("=", "")];
}

function plainSpellings(secret: string): string[] {
  const itself = plainForm(secret);
  if (itself.length < shortestInOtherWords) return [];
  // Where all of it was escaped, what looks like an escape of its own is none.
  const escaped = plainForm(secret.replaceAll(/[\\%]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`));
  return [itself, escaped, Buffer.from(secret).toString("hex"), ...base64Within(secret).map((word) => plainForm(word))];
}

const base64 = (secret: string): string => Buffer.from(secret).toString("base64");

/** What of its base64 depends on it alone, wherever in the encoded bytes it begins: `Basic` has a user's name before it. */
function base64Within(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replaceAll("=", "");
    const whole = (before + bytes.length) % 3 === 0;
    return encoded.slice(before === 0 ? 0 : before + 1, whole ? undefined : -1);
  });
}

function spansOf(text: string, words: ReadonlySet<string>): Span[] {
  const spans: Span[] = [];
  for (const word of words)
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length))
      spans.push({ from: at, to: at + word.length });
  return spans;
}

function spansInPlain(text: string, words: ReadonlySet<string>): Span[] {
  if (words.size === 0) return [];
  const found = spansOf(plainForm(text), words);
  if (found.length === 0) return [];
  const sources = { from: new Uint32Array(text.length), to: new Uint32Array(text.length) };
  plainForm(text, sources);
  return found.map(({ from, to }) => ({ from: sources.from[from] ?? 0, to: sources.to[to - 1] ?? text.length }));
}

/** Those that overlap as one, so that no tail of a longer secret stays. */
function joined(spans: Span[]): Span[] {
  const all: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last !== undefined && span.from < last.to) all.splice(-1, 1, { from: last.from, to: Math.max(last.to, span.to) });
    else all.push(span);
  }
  return all;
}

const [percent, backslash, letterN, letterR, letterT, letterU, letterX] = [0x25, 0x5c, 0x6e, 0x72, 0x74, 0x75, 0x78];

/** What stands for nothing in the plainer form. */
const nothing = -1;

/** Of each character up to U+00FF its plainer one. */
const plainer = Int16Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code);
  // Also the other controls, and a hyphen that is shown only where a line is broken.
  if (/[\s\\\p{Cc}\u00AD]/u.test(char)) return nothing;
  return char.toLowerCase().replace("-", "+").replace("_", "/").charCodeAt(0);
});

/** White space beyond those, and what takes up no space at all. */
const blanks = new Set([0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x2060, 0x3000, 0xfeff]);

function isBlank(code: number): boolean {
  return (code >= 0x2000 && code <= 0x200d) || blanks.has(code);
}

interface Sources {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

/** For texts of a few words, of which there are many: nothing that is asked for waits in between. */
const scratch = Buffer.alloc(4_096);

/**
 * Fills in, if it is asked for, where in the text each character of the plainer form comes from. One byte each, which is what a search is fastest
 * in: characters beyond Latin-1 share 128 of them, and no two words of eight are the same by chance.
 */
function plainForm(text: string, sources?: Sources): string {
  const plain = text.length <= scratch.length ? scratch : Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length;) {
    let code = text.charCodeAt(at);
    let to = at + 1;
    if (code === percent || code === backslash) {
      const read = code === percent ? readPercent(text, at) : readEscape(text, at);
      ({ code, to } = read);
    }
    const char = code < 256 ? (plainer[code] ?? nothing) : isBlank(code) ? nothing : 128 | (code ^ (code >> 7));
    if (char !== nothing) {
      plain[length] = char;
      if (sources !== undefined) {
        sources.from[length] = at;
        sources.to[length] = to;
      }
      length += 1;
    }
    at = to;
  }
  return plain.toString("latin1", 0, length);
}

interface Read {
  readonly code: number;
  /** Behind it. */
  readonly to: number;
}

/** `%73`, also where that was encoded again: `%2573`. */
function readPercent(text: string, at: number): Read {
  let digits = at + 1;
  while (text.startsWith("25", digits) && hexAt(text, digits + 2, 2) !== undefined) digits += 2;
  const code = hexAt(text, digits, 2);
  return code === undefined ? { code: percent, to: at + 1 } : { code, to: digits + 2 };
}

/** `\u0073`, `\x73`, `\n`, `\/`, also where that was escaped again: `\\u0073`. */
function readEscape(text: string, at: number): Read {
  let to = at + 1;
  while (text.charCodeAt(to) === backslash) to += 1;
  // In upper case the same.
  const letter = text.charCodeAt(to) | 0x20;
  if (letter === letterN || letter === letterR || letter === letterT) return { code: backslash, to: to + 1 };
  const size = letter === letterU ? 4 : letter === letterX ? 2 : 0;
  const code = size === 0 ? undefined : hexAt(text, to + 1, size);
  return code === undefined ? { code: backslash, to } : { code, to: to + 1 + size };
}

function hexAt(text: string, at: number, size: number): number | undefined {
  let value = 0;
  for (let place = at; place < at + size; place += 1) {
    const code = text.charCodeAt(place) | 0x20;
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : undefined;
    if (digit === undefined) return undefined;
    value = value * 16 + digit;
  }
  return value;
}
