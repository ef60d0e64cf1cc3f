/** The secrets that runner itself knows, and how they are taken out of every text it writes or shows. */
import type { Redaction } from "../engine/redacted.ts";
import { isSecretHeader, withoutFound, withoutKeyShapes } from "../provider/keys.ts";
import type { ProviderConfig } from "../provider/provider.ts";
import { searchFor } from "../provider/spellings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A shorter value is not searched for: it would take ordinary words of an answer apart, and nobody issues keys that short. */
const shortestSecret = 8;

/** The values of every key and of every secret header that the configuration names, as far as they are set. */
export function providerSecrets(providers: Iterable<ProviderConfig>, env: Environment): string[] {
  return [...providers].flatMap(({ apiKey, headers }) => {
    const key = apiKey === undefined ? [] : [env[apiKey.env]];
    const named = Object.values(headers).flatMap((value) => referencesIn(value).map((name) => env[name]));
    const written = Object.entries(headers).flatMap(([name, value]) =>
      isSecretHeader(name) && !value.includes("${") ? [value] : [],
    );
    return [...key, ...named, ...written].filter((value) => value !== undefined);
  });
}

function referencesIn(text: string): string[] {
  return [...text.matchAll(/\$\{([A-Za-z_]\w{0,255})\}/g)].map(([, name = ""]) => name);
}

export function createRedaction(secrets: readonly string[]): Redaction {
  const known = secrets.map((secret) => secret.trim()).filter((secret) => secret.length >= shortestSecret);
  const search = searchFor(known);
  const clean = known.length === 0 ? (text: string) => text : (text: string) => withoutFound(text, search);
  return { known: clean, keyLike: (text) => withoutKeyShapes(clean(text)) };
}
