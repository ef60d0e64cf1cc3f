/** One entry of a crontab: when, as whom, and the command. Pure. */
import { nearest } from "../../job/words.ts";
import { fieldRules, readField, type CronField } from "./fields.ts";

const nicknames: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

export interface ReadEntry {
  readonly when: CrontabTime;
  /** Of a system crontab: the user it runs as. */
  readonly user?: string;
  /** As written, `%` and all. */
  readonly command: string;
  /** Begins with `-`: cron does not log it. */
  readonly unlogged: boolean;
}

export type CrontabTime =
  | { readonly kind: "reboot" }
  /** `text` as written, a nickname or five fields. */
  | { readonly kind: "fields"; readonly text: string; readonly fields: readonly CronField[] };

/** Why it is none, with the offset in the line. */
export interface Problem {
  readonly at: number;
  readonly problem: string;
  readonly suggestion: string;
}

export function readEntry(line: string, { system }: { readonly system: boolean }): ReadEntry | Problem {
  let offset = line.length - line.trimStart().length;
  const unlogged = line.charAt(offset) === "-";
  if (unlogged) offset += 1;
  const time = line.charAt(offset) === "@" ? readNickname(line, offset) : readFields(line, offset);
  if ("problem" in time) return time;
  offset = time.end;
  let user: string | undefined;
  if (system) {
    const [whole = "", name = ""] = /^(\S*)[ \t]*/.exec(line.slice(offset)) ?? [];
    if (name === "" || !/^[A-Za-z_][\w.-]*\$?$/.test(name)) {
      const problem = `bad username: ${name === "" ? "there is none" : JSON.stringify(name.slice(0, 40))}`;
      return { at: offset, problem, suggestion: "is it a user's crontab? Then leave --system out" };
    }
    user = name;
    offset += whole.length;
  }
  const command = line.slice(offset);
  if (command.trim() === "") return { at: offset, problem: "no command", suggestion: "write the command behind the time" };
  // Debian's cron refuses every command that begins so, because a sixth time field was probably meant.
  if (/^(?:\*|\?(?:\s|$))/.test(command)) {
    const suggestion = "cron has five time fields: take the seconds out";
    return { at: offset, problem: `bad command: a sixth time field, ${JSON.stringify(command.charAt(0))}`, suggestion };
  }
  return { when: time.when, ...(user === undefined ? {} : { user }), command, unlogged };
}

type ReadTime = { readonly when: CrontabTime; readonly end: number } | Problem;

function readNickname(line: string, start: number): ReadTime {
  const [whole = "", word = ""] = /^(\S+)[ \t]*/.exec(line.slice(start)) ?? [];
  const end = start + whole.length;
  if (word === "@reboot") return { when: { kind: "reboot" }, end };
  const expr = Object.hasOwn(nicknames, word) ? nicknames[word] : undefined;
  if (expr !== undefined) {
    const read = readFields(`${expr} `, 0);
    return "problem" in read || read.when.kind !== "fields" ? read : { when: { ...read.when, text: word }, end };
  }
  const problem = `bad time specifier: ${JSON.stringify(word.slice(0, 40))}`;
  const lower = word.toLowerCase();
  const known = [...Object.keys(nicknames), "@reboot"];
  if (known.includes(lower)) return { at: start, problem, suggestion: `cron tells capitals apart: write ${lower}` };
  if (lower.startsWith("@every"))
    return { at: start, problem, suggestion: "intervals are not cron's; a job file has them: every: 30m" };
  const near = nearest(lower, known);
  return { at: start, problem, suggestion: near === undefined ? `known: ${known.join(", ")}` : `did you mean "${near}"?` };
}

function readFields(line: string, start: number): ReadTime {
  const fields: CronField[] = [];
  let offset = start;
  for (const [index, rule] of fieldRules.entries()) {
    const [whole = "", text = ""] = /^(\S*)[ \t]*/.exec(line.slice(offset)) ?? [];
    if (text === "") {
      const suggestion = "an entry is minute hour day-of-month month day-of-week command";
      return { at: offset, problem: `bad ${rule.name}: the line ends after ${index} of 5 time fields`, suggestion };
    }
    const field = readField(text, rule, pickFor(line, index));
    if ("problem" in field) {
      if (index === 0 && !/^[\d*~,/-]/.test(text))
        return { at: offset, problem: "is neither a setting nor an entry", suggestion: proseRemedy(line) };
      return { ...field, at: offset + field.at };
    }
    fields.push(field);
    offset += whole.length;
  }
  const when: CrontabTime = { kind: "fields", text: fields.map(({ text }) => text).join(" "), fields };
  return never(fields) ? { ...neverProblem(fields), at: start } : { when, end: offset };
}

function proseRemedy(line: string): string {
  if (/^\s*\w+\s+\w+\s*=/.test(line)) return `a name has no blanks: write NAME=value`;
  return `write NAME=value, or minute hour day-of-month month day-of-week command; or a "#" before it`;
}

/** One of the values, by the line: the same line gives the same job. */
function pickFor(line: string, index: number): (from: number, to: number) => number {
  let hash = index + 1;
  for (const character of line) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  return (from, to) => from + (hash % (to - from + 1));
}

const longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A day that none of its months has, where no day of week takes its place. */
function never([, , days, months, weekdays]: readonly CronField[]): boolean {
  if (days === undefined || months === undefined || weekdays === undefined) return false;
  const least = Math.min(...days.values);
  const either = !days.star && !weekdays.star;
  return !either && [...months.values].every((month) => least > (longest[month - 1] ?? 31));
}

function neverProblem(fields: readonly CronField[]): Omit<Problem, "at"> {
  const [, , day, month] = fields.map(({ text }) => text);
  return {
    problem: `never runs: no day ${day ?? ""} in month ${month ?? ""}`,
    suggestion: `for the last day of a month, a job file has cron: "0 0 L * *"`,
  };
}
