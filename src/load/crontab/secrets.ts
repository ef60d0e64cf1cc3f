/** Keys and passwords in a cron command: each becomes a variable that the shell puts in, and the person is told to set it. Pure. */
import { secretsIn } from "../../job/secret.ts";
import { secretOptions, type FoundSecret } from "./secret-options.ts";

export interface WithoutSecrets {
  readonly command: string;
  readonly input?: string;
  /** Variables that stand for what was taken out. Their values are nowhere but in `hidden`. */
  readonly names: readonly string[];
  /** What was taken out, so that it can be kept out of comments and messages as well. */
  readonly hidden: readonly string[];
}

const value = `("(?:[^"\\\\$\`]|\\\\.)*"|'[^']*'|[^\\s"'$\`;|&<>()]+)`;
const keyNames = "api[-_]?key|access[-_]?key|secret[-_]?key|auth[-_]?token|token|password|passwd|passphrase|secret";
/** Such a word before the name asks for no value: `--no-password`, `--ask-password`. */
const asking = "(?!(?:no|skip|ask|prompt|use|require|enable|disable|without|show|hide)-)";
/** Where a key stands although its form does not say so. The last group is the value, the one before it the hint for a name. */
const places: readonly RegExp[] = [
  new RegExp(
    `(?<![\\w$-])((?:[A-Za-z]\\w{0,60}_)?(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)|PGPASSWORD|MYSQL_PWD|SSHPASS|REDISCLI_AUTH)=${value}`,
    "gi",
  ),
  // Names that are short words as well, of which only a longer value is a key: `PASS=1`.
  new RegExp(`(?<![\\w$-])((?:[A-Z]\\w{0,60}_)?(?:PASS|PW|PAT|CREDENTIALS?|BEARER))=(?=\\S{6})${value}`, "g"),
  new RegExp(`(?<![\\w$-])([a-z][A-Za-z]{0,60}(?:Password|Token|Secret|ApiKey))=${value}`, "g"),
  new RegExp(
    `(?<=\\s)--?${asking}((?:[a-z0-9]{1,20}-){0,3}(?:${keyNames}))(?:=|\\s+)(?!-|(?:true|false|yes|no|on|off)\\b)${value}`,
    "gi",
  ),
  // Headers of HTTP; "Bearer" and the like are no part of the value.
  /\b(authorization|(?:x-)?(?:[a-z]{1,20}-){0,3}(?:api-?key|token|secret)) {0,8}: {0,8}(?:(?:bearer|basic|token) {1,8})?(?!(?:bearer|basic|token)\b)([^\s"'`$;|&<>()]+)/gi,
  /(?<=\s["']?)(cookie) {0,8}: {0,8}([^"'`$\n]+)/gi,
  /(?<=:\/\/[^\s:/@'"]{0,200}):()([^\s@/'"$`]{1,200})(?=@)/g,
];

function find(text: string): FoundSecret[] {
  const found: FoundSecret[] = secretOptions(text);
  for (const { from, to } of secretsIn(text)) {
    // The word before a token is no part of it.
    const word = /^bearer +/i.exec(text.slice(from, to))?.[0] ?? "";
    found.push({ from: from + word.length, to, hint: word === "" ? "" : "token" });
  }
  for (const place of places)
    for (const match of text.matchAll(place)) {
      const [whole, hint = "", written = ""] = match;
      const bare = /^["']/.test(written) ? written.slice(1, -1) : written;
      if (bare === "" || bare.includes("$")) continue;
      const from = match.index + whole.lastIndexOf(written) + (bare === written ? 0 : 1);
      found.push({ from, to: from + bare.length, hint });
    }
  const inOrder = found.toSorted((a, b) => a.from - b.from || b.to - a.to);
  const kept: FoundSecret[] = [];
  for (const one of inOrder) if (one.from >= (kept.at(-1)?.to ?? 0)) kept.push(one);
  return kept;
}

/** @param prefix Begins the names of variables that nothing else gives a name, in capitals. */
export function withoutSecrets(command: string, input: string | undefined, prefix: string): WithoutSecrets {
  const names = new Set<string>();
  const hidden = new Map<string, string>();
  const nameFor = (secret: string, hint: string): string => {
    const known = hidden.get(secret);
    if (known !== undefined) return known;
    const base = `${hint === "" || !hint.includes("_") ? `${prefix}_` : ""}${hint === "" ? "KEY" : hint}`
      .toUpperCase()
      .replaceAll(/[^A-Z0-9_]/g, "_");
    let name = base;
    for (let count = names.size + 1; names.has(name); count += 1) name = `${base}_${count}`;
    names.add(name);
    hidden.set(secret, name);
    return name;
  };
  let made = replaced(command, nameFor);
  let left = input;
  if (input !== undefined && find(input).length > 0) {
    // A job's input holds no references; a shell can put them into a text that it pipes.
    made = `printf '%s' ${doubleQuoted(input, nameFor)} | { ${made}\n}`;
    left = undefined;
  }
  return { command: made, ...(left === undefined ? {} : { input: left }), names: [...names], hidden: [...hidden.keys()] };
}

function replaced(command: string, nameFor: (secret: string, hint: string) => string): string {
  let made = "";
  let done = 0;
  const quoteAt = quotations(command);
  for (const { from, to, hint } of find(command)) {
    const name = nameFor(command.slice(from, to), hint);
    const quote = quoteAt(from);
    const reference = quote === "'" ? `'"\${${name}}"'` : quote === '"' ? `\${${name}}` : `"\${${name}}"`;
    made += command.slice(done, from) + reference;
    done = to;
  }
  return made + command.slice(done);
}

/** The quotation that is open at an offset; to be asked for one after the other. */
function quotations(command: string): (offset: number) => string {
  let [at, open] = [0, ""];
  return (offset) => {
    for (; at < offset; at += 1) {
      const character = command.charAt(at);
      if (character === "\\" && open !== "'") at += 1;
      else if (open === "" && (character === "'" || character === '"')) open = character;
      else if (character === open) open = "";
    }
    return open;
  };
}

function plain(piece: string): string {
  return piece.replaceAll(/[\\"$`]/g, String.raw`\$&`);
}

function doubleQuoted(text: string, nameFor: (secret: string, hint: string) => string): string {
  let made = "";
  let done = 0;
  for (const { from, to, hint } of find(text)) {
    made += `${plain(text.slice(done, from))}\${${nameFor(text.slice(from, to), hint)}}`;
    done = to;
  }
  return `"${made}${plain(text.slice(done))}"`;
}

/** A text for people without what was taken out of the command. */
export function hide(text: string, hidden: readonly string[]): string {
  return hidden.reduce(
    (rest, secret) => rest.replaceAll(secret, "[not shown]").replaceAll(secret.replaceAll("%", "\\%"), "[not shown]"),
    text,
  );
}

/** The keys and passwords that the text holds, by their form or by where they stand. */
export function secretsOf(text: string): readonly string[] {
  return find(text).map(({ from, to }) => text.slice(from, to));
}

/** Whether the text holds a key or a password, by its form or by where it stands. */
export function holdsSecret(text: string): boolean {
  return find(text).length > 0;
}
