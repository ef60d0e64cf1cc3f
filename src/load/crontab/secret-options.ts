/**
 * Passwords and keys that stand behind an option of a program whose manual says that it takes one: `redis-cli -a KEY`, `openssl … -pass pass:KEY`,
 * `ldapsearch -w KEY`. Only options that have no other meaning in that program are here, so that no port or file is taken for a key. Pure.
 */
import { shellTokens } from "./shell.ts";

export interface FoundSecret {
  /** Offsets in the text, without quotation marks. */
  readonly from: number;
  readonly to: number;
  /** A word for the name of a variable. */
  readonly hint: string;
}

interface Options {
  readonly programs: RegExp;
  /** The value is the next word, or stands behind `=`. */
  readonly apart?: RegExp;
  /** The value stands in the same word, right behind this. */
  readonly glued?: RegExp;
  /** What stands before the key in a value; a value without it holds none. */
  readonly before?: RegExp;
  /** A word that has to stand between the program and the option: its subcommand. */
  readonly only?: string;
}

/** By programs; one may stand in several rows. */
const table: readonly Options[] = [
  { programs: /^redis-cli$/, apart: /^(?:-a|--pass)$/ },
  { programs: /^openssl$/, apart: /^-[kK]$/ },
  { programs: /^openssl$/, apart: /^-(?:pass|passin|passout|password)$/, before: /^pass:/ },
  { programs: /^sshpass$/, apart: /^-p$/, glued: /^-p/ },
  { programs: /^curl$/, apart: /^(?:-[a-zA-Z]*[uU]|--user|--proxy-user)$/, glued: /^-[uU]/, before: /^[^:]+:/ },
  { programs: /^curl$/, apart: /^--(?:oauth2-bearer|pass|proxy-pass|tlspassword)$/ },
  { programs: /^(?:mysql\w*|mariadb(?:-\w+)*|mycli)$/, glued: /^-p/ },
  { programs: /^mongo(?:sh|dump|restore|export|import|stat|top|files)?$/, apart: /^-p$/, glued: /^-p/ },
  { programs: /^ldap(?:search|modify|add|delete|modrdn|compare|whoami|passwd|exop)$/, apart: /^-w$/, glued: /^-w/ },
  {
    programs: /^(?:smbclient|rpcclient|smbget|smbcacls|smbspool|net)$/,
    apart: /^(?:-U|--user)$/,
    glued: /^-U/,
    before: /^[^%]+%/,
  },
  { programs: /^lftp$/, apart: /^(?:-u|--user)$/, before: /^[^,]+,/ },
  { programs: /^(?:7z|7za|7zr|7zz|7zzs)$/, glued: /^-p/ },
  { programs: /^(?:rar|unrar)$/, glued: /^-h?p(?!-$)/ },
  { programs: /^(?:zip|zipcloak|unzip)$/, apart: /^-[a-zA-Z]*P$/ },
  { programs: /^gpg2?$/, apart: /^--passphrase$/ },
  { programs: /^(?:docker|podman|buildah|skopeo|helm)$/, apart: /^-p$/, only: "login" },
  { programs: /^az$/, apart: /^-p$/, only: "login" },
  { programs: /^(?:sqlcmd|bcp|ipmitool|mosquitto_(?:pub|sub|rr))$/, apart: /^-P$/, glued: /^-P/ },
  { programs: /^snmp(?:get|walk|bulkwalk|bulkget|getnext|set|table|trap|inform|status|df)$/, apart: /^-[AX]$/ },
  { programs: /^ncftp(?:get|put|ls|batch)?$/, apart: /^-p$/ },
  { programs: /^(?:xfreerdp3?|wlfreerdp)$/, glued: /^\/p:/ },
  { programs: /^sendemail$/i, apart: /^-xp$/ },
  { programs: /^swaks$/, apart: /^-ap$/ },
];

interface Word {
  /** As the shell reads it. */
  readonly text: string;
  /** As it is written, and where. */
  readonly raw: string;
  readonly from: number;
}

/** How deep commands in quotations are looked into: `sh -c "sshpass -p …"`. */
const mostNested = 3;

export function secretOptions(text: string, nested = 0): FoundSecret[] {
  return commandsOf(text).flatMap((words) => [
    ...ofCommand(words),
    ...(nested >= mostNested ? [] : words.flatMap((word) => withinQuotation(word, nested))),
  ]);
}

/** The words of each simple command. A text whose quotation is not closed is taken by its blanks. */
function commandsOf(text: string): Word[][] {
  const tokens = shellTokens(text);
  if (tokens === undefined) return [[...text.matchAll(/\S+/g)].map(({ 0: raw, index }) => ({ text: raw, raw, from: index }))];
  const commands: Word[][] = [[]];
  for (const token of tokens) {
    if (token.kind === "word")
      commands.at(-1)?.push({ text: token.text, raw: text.slice(token.from, token.to), from: token.from });
    else if (!/[<>]/.test(token.text)) commands.push([]);
  }
  return commands;
}

/** One pass: an option counts behind its program, which may itself stand behind another (`docker exec db mysql -p…`). */
function ofCommand(words: readonly Word[]): FoundSecret[] {
  const rows = new Set<Options>();
  const seen = new Set<string>();
  return words.flatMap((word, at) => {
    const { text } = word;
    const active = [...rows].filter(({ only }) => only === undefined || seen.has(only));
    const program = text.slice(text.lastIndexOf("/") + 1);
    for (const row of table) if (row.programs.test(program)) rows.add(row);
    if (subcommands.has(text)) seen.add(text);
    return active.flatMap((row) => ofOption(row, word, words[at + 1]));
  });
}

const subcommands = new Set(table.map(({ only }) => only));

function ofOption({ apart, glued, before }: Options, word: Word, next: Word | undefined): FoundSecret[] {
  const [name = "", value] = word.text.startsWith("--") ? word.text.split(/=(.*)/s, 2) : [word.text];
  if (apart?.test(name) === true && value !== undefined) return secretIn(word, `${name}=`, before);
  if (apart?.test(name) === true && next !== undefined) return next.text.startsWith("-") ? [] : secretIn(next, "", before);
  const [prefix] = glued?.exec(word.text) ?? [];
  return prefix === undefined || prefix === word.text ? [] : secretIn(word, prefix, before);
}

/** The key in a word behind the prefix. One that the shell would still put together, such as `$KEY`, is none. */
function secretIn({ text, raw, from }: Word, prefix: string, before: RegExp | undefined): FoundSecret[] {
  const value = text.slice(prefix.length);
  const [lead] = before === undefined ? [""] : (before.exec(value) ?? []);
  if (lead === undefined) return [];
  const key = value.slice(lead.length);
  if (key === "" || /[$`\\]/.test(key)) return [];
  const at = raw.lastIndexOf(key);
  return at < 0 ? [] : [{ from: from + at, to: from + at + key.length, hint: "" }];
}

function withinQuotation({ raw, from }: Word, nested: number): FoundSecret[] {
  const [, quote = ""] = /^(["']).*\s.*\1$/s.exec(raw) ?? [];
  if (quote === "") return [];
  return secretOptions(raw.slice(1, -1), nested + 1).map((found) => ({
    ...found,
    from: found.from + from + 1,
    to: found.to + from + 1,
  }));
}
