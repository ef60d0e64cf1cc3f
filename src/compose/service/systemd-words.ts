/** Words of unit files, as systemd.syntax(7) and systemd.service(5) read them. Pure. */

/** Signs that mean nothing to systemd, so that a word of them stands as it is. */
const plain = /^[A-Za-z0-9_./:=,+@-]+$/;

/** A word that reaches the program as it is: specifiers (`%`), quotes and backslashes are written so that they stand for themselves. */
function quoted(text: string): string {
  if (plain.test(text)) return text;
  return `"${specifierFree(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** `%` begins a specifier in nearly every setting. */
export function specifierFree(text: string): string {
  return text.replaceAll("%", "%%");
}

/**
 * The value of `ExecStart=`. In arguments `$` begins a variable; in the path of the program it does not. A program whose path has quotes or
 * backslashes is refused by systemd, however they are written, and is started by env(1), which puts it in its own place.
 */
export function execLine(words: readonly string[]): string {
  const [program = "", ...args] = /["'\\]/.test(words[0] ?? "") ? ["/usr/bin/env", ...words] : words;
  return [quoted(program), ...args.map((arg) => quoted(arg).replaceAll("$", "$$$$"))].join(" ");
}

/** One assignment of `Environment=`, where `$` means nothing. */
export function assignment(name: string, value: string): string {
  return quoted(`${name}=${value}`);
}

/** A path of `EnvironmentFile=`, which is a pattern of glob(7) and knows no quotes. */
export function pathPattern(path: string): string {
  return specifierFree(path).replaceAll(/[*?[\]\\]/g, "\\$&");
}

/** The words of a value that `execLine` or `assignment` made; for looking at what is installed. */
export function wordsOf(value: string): string[] {
  const words = value.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return words.map((word) =>
    (word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/g, "$1") : word).replaceAll("%%", "%").replaceAll("$$", "$"),
  );
}
