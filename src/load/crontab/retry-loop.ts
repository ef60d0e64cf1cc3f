/**
 * Recognises the shell loop that people put round a cron command because nothing else tries again (openclaw/openclaw#44482): a bounded loop
 * around one command that ends at its success, with a growing sleep. Only what can be read for certain is said. Pure.
 */

import { shellWord } from "../shell-word.ts";

export interface RetryLoop {
  /** The command that is tried, as written. */
  readonly command: string;
  /** How often it is started at most. */
  readonly attempts: number;
  /** First sleep, seconds. */
  readonly delaySeconds: number;
  readonly factor: number;
  /** The longest sleep, where the loop has one. */
  readonly maxDelaySeconds?: number;
}

export type ReadLoop = { readonly loop: RetryLoop } | { readonly seen: string } | undefined;

/** Longest script that is looked into. */
const maxScript = 65_536;

/**
 * @param args What stands behind the script in the crontab: `$1`, `$2` … and `"$@"` of the script.
 * @returns undefined for what is no retry loop; `seen` for one that cannot be read for certain, in words.
 */
export function readRetryLoop(script: string, args: readonly string[] = []): ReadLoop {
  if (script.length > maxScript) return undefined;
  const lines = statements(script);
  const heads = lines.filter((line) => /^(?:for|while|until)\b/.test(line));
  const sleeps = lines.flatMap((line) =>
    [...line.matchAll(/\bsleep\s+("?\$?\(?\(?[^;&|\n]*)/g)].map(([, what = ""]) => what.trim()),
  );
  if (heads.length === 0 || sleeps.length === 0) return undefined;
  if (heads.length > 1) return uncertain("it holds more than one loop");
  const values = variables(lines, args);
  const tried = triedCommand(lines, values.shifted);
  if (tried === undefined) return uncertain("which command is tried cannot be told");
  const attempts = attemptsOf(lines, values);
  if (attempts === undefined || attempts < 1) return uncertain("how often it tries cannot be told");
  const wait = waitOf(sleeps, lines, values);
  if (wait === undefined) return uncertain("how long it waits cannot be told");
  return { loop: { command: tried, attempts, ...wait } };
}

function uncertain(why: string): ReadLoop {
  return { seen: `a loop with a sleep in it, perhaps to try again; ${why}` };
}

/** Lines and `;`-separated pieces without comments and keywords that only glue. */
function statements(script: string): string[] {
  return script
    .replaceAll(/\\\r?\n\s*/g, " ")
    .split(/\r?\n/)
    .map((line) => line.replace(/(?:^|\s)#.*$/, ""))
    .flatMap((line) => splitPieces(line))
    .map((piece) => piece.trim().replace(/^(?:do|then|else)\s+/, ""))
    .filter((piece) => piece !== "" && !/^(?:do|then|else|fi|done|set\s.*|local\s+\w+|\{|\})$/.test(piece));
}

/** At `;` outside quotations and `(( ))`. */
function splitPieces(line: string): string[] {
  const pieces = [""];
  let [open, depth] = ["", 0];
  for (const character of line) {
    if (open === "" && (character === '"' || character === "'")) open = character;
    else if (character === open) open = "";
    if (open === "" && character === "(") depth += 1;
    if (open === "" && character === ")") depth -= 1;
    if (character === ";" && open === "" && depth <= 0) pieces.push("");
    else pieces.push(`${pieces.pop() ?? ""}${character}`);
  }
  return pieces;
}

interface Values {
  readonly numbers: ReadonlyMap<string, number>;
  /** Arguments that are left for `"$@"`. */
  readonly shifted: readonly string[];
}

function variables(lines: readonly string[], args: readonly string[]): Values {
  const numbers = new Map<string, number>();
  let left = args;
  for (const line of lines) {
    const [, count = "1"] = /^shift(?:\s+(\d+))?$/.exec(line) ?? [];
    if (/^shift\b/.test(line)) left = left.slice(Number(count));
    for (const [, name = "", written = ""] of line.matchAll(
      /(?:^|\s)(?:(?:local|readonly|declare|export)\s+(?:-\w+\s+)*)?([A-Za-z_]\w*)=("[^"]*"|\S+)/g,
    )) {
      const text = written.replaceAll('"', "");
      const [, position, fallback] = /^\$\{?(\d)(?::?-(\w+))?\}?$/.exec(text) ?? [];
      const own = /^\$\{[A-Za-z_]\w*:?-(\d+)s?\}$/.exec(text)?.[1];
      const found = position === undefined ? (own ?? text) : (left[Number(position) - 1] ?? fallback ?? "");
      const number = /^(\d+(?:\.\d+)?)s?$/.exec(found)?.[1];
      if (number !== undefined && !numbers.has(name)) numbers.set(name, Number(number));
    }
  }
  return { numbers, shifted: left };
}

function numberOf(text: string, { numbers }: Values): number | undefined {
  const bare = text.replaceAll(/["{}$\s]/g, "").replace(/s$/, "");
  return /^\d+(?:\.\d+)?$/.test(bare) ? Number(bare) : numbers.get(bare);
}

/** What the loop's success hangs on. */
function triedCommand(lines: readonly string[], args: readonly string[]): string | undefined {
  const found = lines.flatMap((line) => {
    const [, ended] = /^(.+?)\s*&&\s*(?:exit(?:\s+0)?|break|return(?:\s+0)?)\b.*$/.exec(line) ?? [];
    if (ended !== undefined) return [ended.replace(/^if\s+/, "")];
    const [, asked] = /^(?:if|until|while\s+!)\s+(.+)$/.exec(line) ?? [];
    return asked === undefined ? [] : [asked];
  });
  const commands = found.map((one) => one.trim()).filter((one) => !/^(?:\[|\(\(|test\b|!\s*\[)/.test(one));
  const [only, another] = [...new Set(commands)];
  if (only === undefined || another !== undefined) return undefined;
  const whole = only.replaceAll(/"?\$(?:\{?@\}?|\{?\*\}?)"?/g, args.map(shellWord).join(" ")).trim();
  // Another variable's value is not known here.
  return whole === "" || /\$(?!\()/.test(whole) ? undefined : whole;
}

function attemptsOf(lines: readonly string[], values: Values): number | undefined {
  const text = lines.join("\n");
  const [, list] = /^for[ \t]+\w+[ \t]+in[ \t]+([^\n$`{(]+)$/m.exec(text) ?? [];
  if (list !== undefined) return list.trim().split(/\s+/).length;
  const [, first, last] =
    /^for\s+\w+\s+in\s+(?:\$\(|`)?\s*seq\s+(?:(\d+)\s+)?("?\$?\{?\w+\}?"?)\s*[)`]?/m.exec(text) ??
    /^for\s+\w+\s+in\s+\{(\d+)\.\.(\d+)\}/m.exec(text) ??
    [];
  if (last !== undefined) {
    const most = numberOf(last, values);
    return most === undefined ? undefined : most - Number(first ?? "1") + 1;
  }
  const [, from, sign, to = ""] = /^for\s+\(\(\s*\w+\s*=\s*(\d+)\s*;\s*\w+\s*(<=?)\s*(\$?\{?\w+\}?)/m.exec(text) ?? [];
  if (from !== undefined) {
    const most = numberOf(to, values);
    return most === undefined ? undefined : most - Number(from) + (sign === "<=" ? 1 : 0);
  }
  return countedAttempts(text, values);
}

/** `while [ $n -lt $MAX ]`, or a test that gives up within the loop. */
function countedAttempts(text: string, values: Values): number | undefined {
  const test = /(?:\[\[?|\(\(|test)\s*"?\$?\{?(\w+)\}?"?\s*(-lt|-le|-ge|-gt|-eq|<=?|>=?|==)\s*("?\$?\{?\w+\}?"?)/.exec(text);
  if (test === null) return undefined;
  const [, counter = "", sign = "", limit = ""] = test;
  const [start, most] = [values.numbers.get(counter), numberOf(limit, values)];
  if (start === undefined || most === undefined) return undefined;
  const counted = text.search(countsUp(counter));
  if (counted < 0) return undefined;
  // Before the loop's body the counter counts what was done; a test that gives up stands behind the command.
  if (sign === "-lt" || sign === "<") return most - start;
  if (sign === "-le" || sign === "<=") return most - start + 1;
  const done = (sign === "-gt" || sign === ">" ? most + 1 : most) - start;
  return counted < test.index ? done : done + 1;
}

/** `n++`, `++n`, `n += 1`, `n=$((n + 1))`, `let n…` */
function countsUp(n: string): RegExp {
  const assigned = `${n}=\\$\\(\\(\\s*\\$?\\{?${n}\\}?\\s*\\+\\s*1`;
  return new RegExp(`\\b${n}\\+\\+|\\+\\+${n}\\b|\\b${n}\\s*\\+=\\s*1|${assigned}|let\\s+"?${n}`);
}

type Wait = Pick<RetryLoop, "delaySeconds" | "factor" | "maxDelaySeconds">;

function waitOf(sleeps: readonly string[], lines: readonly string[], values: Values): Wait | undefined {
  const [written, another] = [...new Set(sleeps.map((sleep) => sleep.replaceAll('"', "")))];
  if (written === undefined || another !== undefined) return undefined;
  const power = powerWait(written, values);
  if (power !== undefined) return power;
  // What is multiplied by the number of the try grows in another way than by a factor.
  if (/^\$\(\(\s*\$?\{?\w+\}?\s*\*\s*\$?\{?\w+\}?\s*\)\)$/.test(written)) return undefined;
  const delaySeconds = numberOf(written, values);
  if (delaySeconds === undefined) return undefined;
  const name = /^\$\{?(\w+)\}?s?$/.exec(written)?.[1];
  return name === undefined ? { delaySeconds, factor: 1 } : variableWait(name, delaySeconds, lines.join("\n"), values);
}

/** `sleep $((5 * 2 ** n))`, `sleep $((2 ** n))` */
function powerWait(written: string, values: Values): Wait | undefined {
  const [, base, factor] =
    /^\$\(\(\s*\$?\{?(\w+)\}?\s*\*\s*\(?\s*(\d+)\s*\*\*/.exec(written) ?? /^\$\(\(\s*()(\d+)\s*\*\*/.exec(written) ?? [];
  if (base === undefined || factor === undefined) return undefined;
  const delaySeconds = base === "" ? Number(factor) : numberOf(base, values);
  return delaySeconds === undefined ? undefined : { delaySeconds, factor: Number(factor) };
}

/** `sleep $DELAY`, where the loop may make the variable longer each time, up to a limit. */
function variableWait(name: string, delaySeconds: number, text: string, values: Values): Wait | undefined {
  const [, grown] =
    new RegExp(`\\b${name}=\\$\\(\\(\\s*\\$?\\{?${name}\\}?\\s*\\*\\s*(\\$?\\{?\\w+\\}?)\\s*\\)\\)`).exec(text) ??
    new RegExp(`\\(\\(\\s*${name}\\s*\\*=\\s*(\\w+)`).exec(text) ??
    [];
  if (grown === undefined) return changes(name, text) ? undefined : { delaySeconds, factor: 1 };
  const factor = numberOf(grown, values);
  if (factor === undefined) return undefined;
  const [, most] = new RegExp(`\\$?\\{?${name}\\}?"?\\s*(?:-gt|>)\\s*("?\\$?\\{?\\w+\\}?"?)`).exec(text) ?? [];
  const maxDelaySeconds = most === undefined ? undefined : numberOf(most, values);
  return { delaySeconds, factor, ...(maxDelaySeconds === undefined ? {} : { maxDelaySeconds }) };
}

/** Whether it is set again in a way that was not read. */
function changes(name: string, text: string): boolean {
  return [...text.matchAll(new RegExp(`(?:^|\\s)${name}(?:=|\\+=|\\s*\\*=)`, "gm"))].length > 1;
}
