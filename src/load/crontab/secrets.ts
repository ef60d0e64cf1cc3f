/** Keys and passwords in a cron command: each becomes a variable that the shell puts in, and the person is told to set it. Pure. */
import { secretsIn } from "../../job/secret.ts";

export interface WithoutSecrets {
  readonly command: string;
  readonly input?: string;
  /** Variables that stand for what was taken out. Their values are nowhere but in `hidden`. */
  readonly names: readonly string[];
  /** What was taken out, so that it can be kept out of comments and messages as well. */
  readonly hidden: readonly string[];
}

interface Found {
  readonly from: number;
  readonly to: number;
  readonly hint: string;
}

const value = `("(?:[^"\\\\$\`]|\\\\.)*"|'[^']*'|[^\\s"'$\`;|&<>()]+)`;
const named = "(?:api[-_]?key|access[-_]?key|secret[-_]?key|auth[-_]?token|token|password|passwd|secret)";
/** Where a key stands although its form does not say so. The last group is the value, the one before it the hint for a name. */
const places: readonly RegExp[] = [
  new RegExp(
    `(?<![\\w$-])((?:[A-Za-z]\\w{0,60}_)?(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)|PGPASSWORD|MYSQL_PWD|SSHPASS)=${value}`,
    "gi",
  ),
  new RegExp(`(?<=\\s)--?(${named})(?:=|\\s+)(?!-)${value}`, "gi"),
  // Headers of HTTP; "Bearer" and the like are no part of the value.
  /\b(authorization|x-api-key|api-key|private-token) {0,8}: {0,8}(?:(?:bearer|basic|token) {1,8})?(?!(?:bearer|basic|token)\b)([^\s"'`$;|&<>()]+)/gi,
  // curl -u NAME:PASSWORD, mysql -pPASSWORD, sshpass -p PASSWORD.
  /(?<=\bcurl\b[^\n;|&]{0,300}\s(?:-u|--user)[\s=]{0,8}["']?[^\s:"'$]{1,100}:)()([^\s"'`$;|&<>()]+)/g,
  /(?<=\bmysql\w{0,10}\b[^\n;|&]{0,300}\s-p)()([^\s"'`$;|&<>()]+|"[^"$`]*"|'[^']*')/g,
  /(?<=\bsshpass\s{1,8}-p\s{0,8})()([^\s"'`$;|&<>()]+|"[^"$`]*"|'[^']*')/g,
  /(?<=:\/\/[^\s:/@'"]{0,200}):()([^\s@/'"$`]{1,200})(?=@)/g,
];

function find(text: string): Found[] {
  const found: Found[] = secretsIn(text).map(({ from, to }) => {
    // The word before a token is no part of it.
    const word = /^bearer +/i.exec(text.slice(from, to))?.[0] ?? "";
    return { from: from + word.length, to, hint: word === "" ? "" : "token" };
  });
  for (const place of places)
    for (const match of text.matchAll(place)) {
      const [whole, hint = "", written = ""] = match;
      const bare = /^["']/.test(written) ? written.slice(1, -1) : written;
      if (bare === "" || bare.includes("$")) continue;
      const from = match.index + whole.lastIndexOf(written) + (bare === written ? 0 : 1);
      found.push({ from, to: from + bare.length, hint });
    }
  const inOrder = found.toSorted((a, b) => a.from - b.from || b.to - a.to);
  const kept: Found[] = [];
  for (const one of inOrder) if (one.from >= (kept.at(-1)?.to ?? 0)) kept.push(one);
  return kept;
}

/** @param prefix Begins the names of variables that nothing else gives a name, in capitals. */
export function withoutSecrets(command: string, input: string | undefined, prefix: string): WithoutSecrets {
  const names: string[] = [];
  const hidden = new Map<string, string>();
  const nameFor = (secret: string, hint: string): string => {
    const known = hidden.get(secret);
    if (known !== undefined) return known;
    const base = `${hint === "" || !hint.includes("_") ? `${prefix}_` : ""}${hint === "" ? "KEY" : hint}`
      .toUpperCase()
      .replaceAll(/[^A-Z0-9_]/g, "_");
    let name = base;
    for (let count = 2; names.includes(name); count += 1) name = `${base}_${count}`;
    names.push(name);
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
  return { command: made, ...(left === undefined ? {} : { input: left }), names, hidden: [...hidden.keys()] };
}

function replaced(command: string, nameFor: (secret: string, hint: string) => string): string {
  let made = "";
  let done = 0;
  for (const { from, to, hint } of find(command)) {
    const name = nameFor(command.slice(from, to), hint);
    const quote = quoteAt(command, from);
    const reference = quote === "'" ? `'"\${${name}}"'` : quote === '"' ? `\${${name}}` : `"\${${name}}"`;
    made += command.slice(done, from) + reference;
    done = to;
  }
  return made + command.slice(done);
}

/** The quotation that is open at an offset. */
function quoteAt(command: string, offset: number): string {
  let open = "";
  for (let at = 0; at < offset; at += 1) {
    const character = command.charAt(at);
    if (character === "\\" && open !== "'") at += 1;
    else if (open === "" && (character === "'" || character === '"')) open = character;
    else if (character === open) open = "";
  }
  return open;
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

/** Whether the text holds a key or a password, by its form or by where it stands. */
export function holdsSecret(text: string): boolean {
  return find(text).length > 0;
}
