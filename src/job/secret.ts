/**
 * Recognises texts that look like keys, so that a job or configuration that holds one is refused without repeating it.
 * These are the published forms of common keys; a key of no known form cannot be told from a word.
 */
// Every repetition that may fail after it is bounded: a text of 1 MB must not take longer than its length.
const forms = [
  "\\bsk-[A-Za-z0-9_-]{16,}",
  "\\b(?:pk|rk|sk)_(?:live|test)_[A-Za-z0-9]{16,}",
  "\\bgh[pousr]_[A-Za-z0-9]{30,}",
  "\\bgithub_pat_[A-Za-z0-9_]{30,}",
  "\\bglpat-[A-Za-z0-9_-]{16,}",
  "\\bxox[abeprs]-[A-Za-z0-9-]{16,}",
  "\\bAKIA[0-9A-Z]{16}\\b",
  "\\bAIza[0-9A-Za-z_-]{30,}",
  "\\bhf_[A-Za-z0-9]{30,}",
  // Telegram's, which mostly stands in an address: https://core.telegram.org/bots/api#making-requests
  "\\b(?:bot)?[0-9]{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_])",
  // Addresses that let whoever knows them post: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, and Discord's.
  "\\bhooks\\.slack\\.com/services/T[A-Z0-9]{5,15}/B[A-Z0-9]{5,15}/[A-Za-z0-9]{20,30}",
  "\\bdiscord(?:app)?\\.com/api/webhooks/[0-9]{15,22}/[A-Za-z0-9_-]{60,80}",
  "\\beyJ[A-Za-z0-9_-]{10,300}\\.eyJ[A-Za-z0-9_-]{10}",
  "\\b[Bb]earer {1,8}[A-Za-z0-9._~+/-]{20,}",
  "-----BEGIN [A-Z ]{0,40}PRIVATE KEY",
];
const secret = new RegExp(forms.join("|"));
/** What stands in such a form before the key itself, and is none. */
const before = /^(?:bot|(?:hooks|discord).+\/)/;

/** Characters of the shortest text that any of the forms fits. */
const shortestSecret = 19;

/** Whether a key of a known form is in the text. */
export function looksSecret(text: string): boolean {
  return text.length >= shortestSecret && secret.test(text);
}

/** Where in the text keys of a known form stand, in order; `to` is behind the last character. */
export function secretsIn(text: string): { readonly from: number; readonly to: number }[] {
  return [...text.matchAll(new RegExp(secret, "g"))].map(({ 0: found, index }) => ({
    from: index + (before.exec(found)?.[0].length ?? 0),
    to: index + found.length,
  }));
}

/** The places of all texts and key names in a value that look like keys. Bounded by the value, which files bound to 1 MiB. */
export function findSecrets(value: unknown): (readonly (string | number)[])[] {
  return holdsSecret(value) ? placesOfSecrets(value) : [];
}

/** Whether there is any: nearly every value holds none, and needs no places. */
function holdsSecret(value: unknown): boolean {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const here = left.pop();
    if (typeof here === "string") {
      if (looksSecret(here)) return true;
    } else if (Array.isArray(here)) for (const item of here) left.push(item);
    else if (typeof here === "object" && here !== null) {
      for (const key of Object.keys(here)) if (looksSecret(key)) return true;
      for (const item of Object.values(here)) left.push(item);
    }
  }
  return false;
}

function placesOfSecrets(value: unknown): (readonly (string | number)[])[] {
  const found: (readonly (string | number)[])[] = [];
  const left: { value: unknown; path: readonly (string | number)[] }[] = [{ value, path: [] }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value: here, path } = next;
    if (typeof here === "string" && looksSecret(here)) found.push(path);
    if (typeof here !== "object" || here === null) continue;
    for (const [key, item] of Object.entries(here)) {
      const step = Array.isArray(here) ? Number(key) : key;
      if (typeof step === "string" && looksSecret(step)) found.push([...path, step]);
      else left.push({ value: item, path: [...path, step] });
    }
  }
  return found.toReversed();
}
