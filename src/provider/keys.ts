/**
 * Keys: where they are found, and how they are kept out of everything else. A key's value lives in this room only; what leaves
 * the room as text has gone through `redact`.
 */
import { ProviderError } from "../errors.ts";
import type { KeyReference } from "./provider.ts";
import { searchFor, type SecretSearch } from "./spellings.ts";

/** What stands in a text in place of a secret. */
export const redacted = "[redacted]";

/**
 * The key behind a reference, without surrounding white space (a trailing line break is the commonest damage of a copied key).
 * `undefined` for a provider without a key.
 * @throws ProviderError `auth` that names the variable and the remedy, never the value.
 */
export function resolveKey(
  reference: KeyReference | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (reference === undefined) return undefined;
  const name = reference.env;
  const value = env[name]?.trim() ?? "";
  if (value === "") throw missing(name, "which holds the key", env);
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new ProviderError(
      `The environment variable ${name} does not hold a usable key: it contains white space, line breaks or characters outside ASCII. Copy the key again.`,
      { fault: "auth", code: "key_unusable" },
    );
  }
  return value;
}

/** A reference in the value of a configured header: `${NAME}`, as src/load checks it. */
const references = /\$\{([A-Za-z_][A-Za-z0-9_]{0,255})\}/g;

/** The value of a configured header with every `${NAME}` replaced, and the values that took their places: secrets, all of them. */
interface ResolvedHeader {
  readonly value: string;
  readonly secrets: readonly string[];
}

/**
 * Replaces the references in a header's value.
 * @throws ProviderError `auth` that names the variable, the header and the remedy, never a value.
 */
export function resolveHeader(header: string, text: string, env: Readonly<Record<string, string | undefined>>): ResolvedHeader {
  const secrets: string[] = [];
  const value = text.replaceAll(references, (_, name: string) => {
    const found = env[name]?.trim() ?? "";
    if (found === "") throw missing(name, `which the header ${header} is made of`, env);
    if (!/^[\x20-\x7e]+$/.test(found)) {
      throw new ProviderError(
        `The environment variable ${name}, which the header ${header} is made of, holds line breaks or characters outside ASCII, which no header may hold.`,
        { fault: "auth", code: "key_unusable" },
      );
    }
    secrets.push(found);
    return found;
  });
  return { value, secrets };
}

/** Whether a header's value says nothing but which variables it is made of, such as `Bearer ${TOKEN}`. */
export function isOnlyReferences(text: string): boolean {
  return text.includes("${") && /^(?:[A-Za-z]{1,20} )?$/.test(text.replaceAll(references, ""));
}

/** What to do about a variable that is missing where `runner` runs. */
export function howToSet(name: string): string {
  return `Set it where runner is started: export ${name}=… (in a crontab: a line ${name}=… above the job's line; for a service of runner install: in its key file).`;
}

function missing(name: string, what: string, env: Readonly<Record<string, string | undefined>>): ProviderError {
  const state = env[name] === undefined ? "is not set" : "is empty";
  return new ProviderError(`The environment variable ${name}, ${what}, ${state}. ${howToSet(name)}`, {
    fault: "auth",
    code: "key_missing",
  });
}

/**
 * Things shaped like a key, whoever they belong to. `$1` keeps the words in front of the value. Each costs no more than the text's
 * length: what a shape has matched it never has to give back. So a token of three parts is known by its first alone.
 */
const keyShapes: readonly (readonly [RegExp, string])[] = [
  [/\b(?:sk|pk|rk|ak)-[\w*.…-]{5,}[\w*…-]/gi, redacted],
  [/\b(bearer|basic)\s{1,20}[\w+/=.~*-]{6,}/gi, `$1 ${redacted}`],
  [/\bAIza[\w-]{20,}/g, redacted],
  [/\beyJ[\w-]{8,}(?:\.[\w-]+){0,4}/g, redacted],
  [
    /((?:x-api-key|x-goog-api-key|api[-_ ]?key|apikey|authorization|access[-_]?token|secret)\\?["']?\s{0,20}[:=]\s{0,20}\\?["']?)(?!\[redacted\]|bearer\b|basic\b)[^\s"'\\,;&}]{6,}/gi,
    `$1${redacted}`,
  ],
  [/([?&](?:key|token|api_key|access_token)=)[^\s&"']+/gi, `$1${redacted}`],
];

/**
 * The text without the given secrets, in any spelling in which they may come back (`spellings.ts`), and without anything that is shaped like
 * a key. Cut a text only after it went through here: a key cut in half is no longer found.
 */
export function redact(text: string, secrets: readonly (string | undefined)[]): string {
  return withoutKeyShapes(withoutFound(text, searchFor(secrets)));
}

/** The text without anything that is shaped like a key. */
export function withoutKeyShapes(text: string): string {
  let clean = text;
  for (const [shape, replacement] of keyShapes) clean = clean.replaceAll(shape, replacement);
  return clean;
}

/** The text without the secrets that are looked for, in any of their spellings; every other word of it stays. */
export function withoutFound(text: string, { find }: SecretSearch): string {
  const spans = find(text);
  if (spans.length === 0) return text;
  let [clean, at] = ["", 0];
  for (const { from, to } of spans) {
    clean += text.slice(at, from) + redacted;
    at = to;
  }
  return clean + text.slice(at);
}

/**
 * The head of a text, at most `longest` characters, that does not end in the middle of a secret: half a key would not be found
 * any more.
 */
export function beforeSecret(text: string, longest: number, secrets: readonly (string | undefined)[]): string {
  if (text.length <= longest) return text;
  const { find, reach } = searchFor(secrets);
  const start = Math.max(0, longest - reach);
  const cut = find(text.slice(start, longest + reach)).find(({ from, to }) => start + from < longest && start + to > longest);
  return text.slice(0, cut === undefined ? longest : start + cut.from);
}

/** Header names whose values are secrets, whoever wrote them. */
export function isSecretHeader(name: string): boolean {
  return /^(?:proxy-)?authorization$|^cookie$|key|token|secret|password|credential/i.test(name);
}
