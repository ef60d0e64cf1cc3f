/**
 * A crontab, read: its entries, each with the variables that hold for it, and everything that is wrong, with line, column, reason and
 * remedy. What cron itself would do is meant: crontab(5) of Debian's cron (Vixie 3.0) and of cronie. Pure, and never throws.
 */
import type { Issue } from "../../errors.ts";
import { nearest } from "../../job/words.ts";
import { fieldRules, readField, type CronField } from "./fields.ts";
import { readSetting, type Setting } from "./setting.ts";

export interface CrontabEntry {
  /** From 1. */
  readonly line: number;
  /** The line as it stands, without outer blanks. */
  readonly text: string;
  readonly when: CrontabTime;
  /** Of a system crontab: the user it runs as. */
  readonly user?: string;
  /** As written, `%` and all. */
  readonly command: string;
  /** Begins with `-`: cron does not log it. */
  readonly unlogged: boolean;
  /** Variables that were set above it, the last value of each. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** The comment directly above it. */
  readonly comment: readonly string[];
}

export type CrontabTime =
  | { readonly kind: "reboot" }
  /** `text` as written, a nickname or five fields. */
  | { readonly kind: "fields"; readonly text: string; readonly fields: readonly CronField[] };

export interface Crontab {
  readonly entries: readonly CrontabEntry[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
}

export interface CrontabOptions {
  /** For messages. */
  readonly file: string;
  /** The format of /etc/crontab: a user stands before each command. */
  readonly system: boolean;
}

/** Most lines that are looked at. */
const maxLines = 100_000;
/** Longest line; Debian's cron cuts commands at 998 characters, cronie takes 131,072. */
const maxLine = 131_072;
const debianCommand = 998;

const nicknames: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

interface State extends CrontabOptions {
  readonly entries: CrontabEntry[];
  readonly issues: Issue[];
  readonly warnings: Issue[];
  settings: ReadonlyMap<string, Setting>;
  comment: string[];
}

/** @param bytes The file, in which a byte that is not UTF-8 stands as U+FFFD. */
export function readCrontab(text: string, options: CrontabOptions): Crontab {
  const state: State = { ...options, entries: [], issues: [], warnings: [], settings: new Map(), comment: [] };
  const lines = text.split("\n");
  const tail = lines.pop() ?? "";
  if (tail.trim() !== "" && !tail.trim().startsWith("#")) {
    const said = { message: "the last line has no end, and cron refuses it so", suggestion: "end the file with a line's end" };
    state.warnings.push(at(state, lines.length + 1, tail.length, said));
  }
  if (tail !== "") lines.push(tail);
  const returns = lines.findIndex((line) => line.endsWith("\r"));
  if (returns >= 0) {
    const message =
      "ends in a carriage return, as lines of Windows do; cron takes it for a part of the command. It is left out here";
    state.warnings.push(at(state, returns + 1, (lines[returns] ?? "").length - 1, { message, suggestion: "dos2unix" }));
  }
  for (const [index, line] of lines.slice(0, maxLines).entries()) readLine(state, line.replace(/\r+$/, ""), index + 1);
  if (lines.length > maxLines)
    state.issues.push(at(state, maxLines + 1, 0, { message: `has ${lines.length} lines, the first ${maxLines} are read` }));
  const { entries, issues, warnings } = state;
  return { entries, issues, warnings };
}

type Said = Pick<Issue, "message" | "suggestion">;

function at({ file }: CrontabOptions, line: number, offset: number, said: Said): Issue {
  return { file, line, column: offset + 1, path: "", ...said };
}

function readLine(state: State, line: string, number: number): void {
  const trimmed = line.trim();
  if (trimmed.startsWith("#")) {
    state.comment.push(trimmed.replace(/^#+ ?/, ""));
    return;
  }
  const { comment } = state;
  state.comment = [];
  if (trimmed === "") return;
  const refuse = (offset: number, message: string, suggestion: string): void => {
    state.issues.push(at(state, number, offset, { message, suggestion }));
  };
  if (line.length > maxLine) {
    refuse(maxLine, `has ${line.length} characters, at most ${maxLine} are read`, "put the command into a script");
    return;
  }
  const bad = line.indexOf("\uFFFD");
  if (bad >= 0) {
    refuse(bad, "is not UTF-8 here, and a job file is", "convert it: iconv -f latin1 -t utf8, or the encoding it has");
    return;
  }
  const control = /[^\P{Cc}\t]/u.exec(line);
  if (control !== null) {
    refuse(control.index, "holds a control character here", "take it out");
    return;
  }
  const setting = readSetting(line);
  if (setting !== undefined) {
    if ("problem" in setting) refuse(setting.at, setting.problem, setting.suggestion);
    else set(state, { ...setting, line: number }, line);
    return;
  }
  const entry = readEntry(state, line);
  if ("problem" in entry) refuse(entry.at, entry.problem, entry.suggestion);
  else {
    state.entries.push({ ...entry, line: number, text: trimmed, settings: state.settings, comment });
    doubts(state, entry, line, number);
  }
}

/** Settings hold from their line on. A map of its own, because the entries above keep theirs. */
function set(state: State, setting: Setting, line: string): void {
  state.settings = new Map([...state.settings, [setting.name, setting]]);
  const shell = /\$\{?[A-Za-z_]|`|(?<=^|:)~(?=\/|$)/.exec(setting.value);
  if (shell === null) return;
  const message = `cron expands nothing in a setting: the value holds ${JSON.stringify(shell[0].slice(0, 2))} as it stands`;
  const offset = line.indexOf(setting.value) + shell.index;
  state.warnings.push(at(state, setting.line, offset, { message, suggestion: "write it out in the job if it was meant" }));
}

type Read = Pick<CrontabEntry, "when" | "user" | "command" | "unlogged">;
interface Problem {
  readonly at: number;
  readonly problem: string;
  readonly suggestion: string;
}

function readEntry({ system }: State, line: string): Read | Problem {
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
  if (/^[*?](?:\s|$)/.test(command)) {
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

/** What cron takes and people trip over. */
function doubts(state: State, { command, user }: Read, line: string, number: number): void {
  const offset = line.length - command.length;
  const warn = (more: number, message: string, suggestion: string): void => {
    state.warnings.push(at(state, number, offset + more, { message, suggestion }));
  };
  if (/(?:^|[^\\])(?:\\\\)*\\$/.test(command))
    warn(
      command.length - 1,
      "ends in a backslash, and cron knows no continuation: the next line is a line of its own",
      "write it as one line",
    );
  if (command.length > debianCommand)
    warn(
      debianCommand,
      `the command has ${command.length} characters, and Debian's cron cuts it here`,
      "is the whole of it meant? The job has it whole",
    );
  const [, first = ""] = /^([a-z_][\w-]*)\s+\S/.exec(command) ?? [];
  if (user === undefined && !state.system && ["root", "www-data", "nobody", "postgres", "daemon"].includes(first))
    warn(
      0,
      `the command begins with ${JSON.stringify(first)}, as a user's name does in /etc/crontab`,
      "if it is that format, add --system",
    );
}
