/** A line of a crontab that sets a variable, as load_env of Vixie's cron reads it: no shell takes part, so `$HOME` in a value is just that. Pure. */

export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

export type ReadSetting =
  | { readonly name: string; readonly value: string }
  /** It was meant as one. Offset of what is wrong. */
  | { readonly at: number; readonly problem: string; readonly suggestion: string };

/** @returns undefined for a line that is no setting and was not meant as one. */
export function readSetting(text: string): ReadSetting | undefined {
  const [, blank = "", quotedName, bareName, gap = "", rest = ""] =
    /^([ \t]*)(?:("[^"=]*"|'[^'=]*')|([^\s="'][^\s=]*))([ \t]*)=[ \t]*(.*)$/s.exec(text) ?? [];
  if (quotedName === undefined && bareName === undefined) return undefined;
  const name = quotedName === undefined ? (bareName ?? "") : quotedName.slice(1, -1);
  const at = blank.length + (quotedName ?? bareName ?? "").length + gap.length + 1;
  const value = rest.trimEnd();
  const quote = /^["']/.exec(value)?.[0];
  if (quote === undefined) {
    if (value === "") return { at, problem: `${name} has no value, and cron refuses the line`, suggestion: `write ${name}=""` };
    return { name, value };
  }
  const end = value.indexOf(quote, 1);
  if (end < 0)
    return { at, problem: "the quotation is not closed, and cron refuses the line", suggestion: `close it with ${quote}` };
  if (end < value.length - 1) {
    const suggestion = `put one pair of quotes round the whole value, or none`;
    return { at: at + end + 1, problem: "more follows the quotation, and cron refuses the line", suggestion };
  }
  return { name, value: value.slice(1, -1) };
}

/** The name in a line that sets a variable, whether its value can be read or not; undefined for a line that is no setting. */
export function settingName(text: string): string | undefined {
  const [, , name] = /^[ \t]*(["']?)([^\s="'][^\s=]*?)\1[ \t]*=/.exec(text) ?? [];
  return name;
}

/** The line that `readSetting` reads as this. @throws never; a value with both kinds of quotes and outer blanks cannot be said. */
export function printSetting({ name, value }: Pick<Setting, "name" | "value">): string {
  const plain = value !== "" && value.trim() === value && !/^["']/.test(value);
  if (plain) return `${name}=${value}`;
  return value.includes('"') ? `${name}='${value}'` : `${name}="${value}"`;
}
