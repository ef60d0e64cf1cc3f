/** As much of the shell's grammar as is needed to see what a cron command is: words, operators, and whether anything is expanded. Pure. */

export type ShellToken =
  | {
      readonly kind: "word";
      /** Without its quotes. */
      readonly text: string;
      /** The shell puts something else in its place: `$NAME`, a pattern, a command's output. */
      readonly expanded: boolean;
      /** Part of it is quoted. */
      readonly quoted: boolean;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: "operator"; readonly text: string; readonly from: number; readonly to: number };

/** The tokens of a command; undefined if a quotation is not closed. Comments are passed over. */
export function shellTokens(command: string): readonly ShellToken[] | undefined {
  const tokens: ShellToken[] = [];
  const operators = /(?:[0-9]*(?:>>|>&|<&|<<-?|<>|>\||[<>])|&&|\|\||;;|[|&;()\n])/y;
  let at = 0;
  while (at < command.length) {
    const character = command.charAt(at);
    if (character === " " || character === "\t" || character === "\r") {
      at += 1;
      continue;
    }
    if (character === "#") {
      const end = command.indexOf("\n", at);
      at = end < 0 ? command.length : end;
      continue;
    }
    operators.lastIndex = at;
    const [operator] = operators.exec(command) ?? [];
    if (operator !== undefined) {
      tokens.push({ kind: "operator", text: operator, from: at, to: at + operator.length });
      at += operator.length;
      continue;
    }
    const word = readWord(command, at);
    if (word === undefined) return undefined;
    tokens.push(word);
    at = word.to;
  }
  return tokens;
}

type Word = Extract<ShellToken, { kind: "word" }>;

function readWord(command: string, from: number): Word | undefined {
  let [at, text, expanded, quoted] = [from, "", false, false];
  while (at < command.length && !/[\s|&;()<>]/.test(command.charAt(at))) {
    const character = command.charAt(at);
    if (character === "'") {
      const end = command.indexOf("'", at + 1);
      if (end < 0) return undefined;
      text += command.slice(at + 1, end);
      [at, quoted] = [end + 1, true];
    } else if (character === '"') {
      const read = readDouble(command, at);
      if (read === undefined) return undefined;
      text += read.text;
      [at, quoted, expanded] = [read.to, true, expanded || read.expanded];
    } else if (character === "\\") {
      text += command.charAt(at + 1);
      [at, quoted] = [at + 2, true];
    } else {
      const end = character === "`" || command.startsWith("$(", at) ? closing(command, at) : at + 1;
      if (end === undefined) return undefined;
      expanded ||= /[$`*?[\]{}]/.test(character) || (character === "~" && at === from);
      text += command.slice(at, end);
      at = end;
    }
  }
  return { kind: "word", text, expanded, quoted, from, to: Math.min(at, command.length) };
}

function readDouble(command: string, from: number): { text: string; to: number; expanded: boolean } | undefined {
  let [at, text, expanded] = [from + 1, "", false];
  while (at < command.length) {
    const character = command.charAt(at);
    if (character === '"') return { text, to: at + 1, expanded };
    if (character === "\\" && /[$`"\\\n]/.test(command.charAt(at + 1))) {
      text += command.charAt(at + 1).replace("\n", "");
      at += 2;
      continue;
    }
    const end = character === "`" || command.startsWith("$(", at) ? closing(command, at) : at + 1;
    if (end === undefined) return undefined;
    expanded ||= character === "$" || character === "`";
    text += command.slice(at, end);
    at = end;
  }
  return undefined;
}

/** Behind the end of a command in a command, which may hold blanks and operators. */
function closing(command: string, from: number): number | undefined {
  if (command.charAt(from) === "`") {
    const end = command.indexOf("`", from + 1);
    return end < 0 ? undefined : end + 1;
  }
  let depth = 0;
  for (let at = from + 1; at < command.length; at += 1) {
    if (command.charAt(at) === "(") depth += 1;
    else if (command.charAt(at) === ")") depth -= 1;
    if (depth === 0) return at + 1;
  }
  return undefined;
}

/**
 * How a command leaves something behind that goes on without it: by `&`, or by `&>`, which only some shells take for a redirection;
 * undefined if it does not, waits for it, or cannot be told.
 */
export function backgroundOf(command: string): "&" | "&>" | undefined {
  const tokens = shellTokens(command) ?? [];
  if (tokens.some((token) => isWord(token, "wait"))) return undefined;
  // `;&` is a step of `case`, and `|&` a pipe of both outputs.
  const signs = tokens.filter(({ text, from }) => text === "&" && !/[;|]/.test(command.charAt(from - 1)));
  if (signs.some(({ kind, to }) => kind === "operator" && command.charAt(to) !== ">")) return "&";
  return signs.some(({ kind }) => kind === "operator") ? "&>" : undefined;
}

/** What a shell carries out itself: without one, no program of that name need be there. */
const shellWords = new Set(
  (
    "! { } case do done elif else esac fi for if in then until while function select time " +
    ". : [ alias bg bind break builtin cd command continue declare echo enable eval exec exit export false fg getopts hash jobs kill let " +
    "local logout printf pwd read readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait"
  ).split(" "),
);

/** The words of a command that needs no shell at all; undefined for one that does. */
export function plainWords(command: string): readonly string[] | undefined {
  if (/["'`\\$&|;<>()*?[\]{}~#!\n]/.test(command)) return undefined;
  const words = command.trim().split(/[ \t]+/);
  const [program = ""] = words;
  return program === "" || program.includes("=") || shellWords.has(program) ? undefined : words;
}

export interface SimpleCommand {
  readonly words: readonly Word[];
  /** The folder of a `cd FOLDER &&` before it. */
  readonly folder?: string;
  /** Where its output went. */
  readonly outputs: readonly string[];
}

/** One program with its arguments, perhaps behind `cd FOLDER &&`, its output perhaps redirected; undefined for anything more. */
export function simpleCommand(command: string): SimpleCommand | undefined {
  const tokens = shellTokens(command);
  if (tokens === undefined) return undefined;
  const [first, second, third] = tokens;
  const moved =
    isWord(first, "cd") && second?.kind === "word" && !second.expanded && third?.kind === "operator" && third.text === "&&";
  const words: Word[] = [];
  const outputs: string[] = [];
  const left = moved ? tokens.slice(3) : tokens;
  for (let at = 0; at < left.length; at += 1) {
    const token = left[at];
    if (token === undefined) break;
    if (token.kind === "word") {
      words.push(token);
      continue;
    }
    if (!/^[0-9]*(?:>>|>&|>\||>)$/.test(token.text)) return undefined;
    const target = left[(at += 1)];
    if (target?.kind !== "word") return undefined;
    if (!/^\d+$|^\/dev\/null$/.test(target.text)) outputs.push(target.text);
  }
  if (words.length === 0 || shellWords.has(words[0]?.text ?? "") || words[0]?.text.includes("=") === true) return undefined;
  return { words, outputs, ...(moved && second?.kind === "word" ? { folder: second.text } : {}) };
}

function isWord(token: ShellToken | undefined, text: string): boolean {
  return token?.kind === "word" && token.text === text;
}
