/**
 * A crontab, read: its entries, each with the variables that hold for it, and everything that is wrong, with line, column, reason and
 * remedy. What cron itself would do is meant: crontab(5) of Debian's cron (Vixie 3.0) and of cronie. Pure, and never throws.
 */
import type { Issue } from "../../errors.ts";
import { doubtsOf } from "./doubts.ts";
import { readEntry, type ReadEntry } from "./entry.ts";
import { readSetting, settingName, type Setting } from "./setting.ts";

export interface CrontabEntry extends ReadEntry {
  /** From 1. */
  readonly line: number;
  /** The line as it stands, without outer blanks. */
  readonly text: string;
  /** Variables that were set above it, the last value of each. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** Variables whose last setting above it could not be read, by the line of that: nobody can say what it holds, and it is not in `settings`. */
  readonly unread: ReadonlyMap<string, number>;
  /** The comment directly above it. */
  readonly comment: readonly string[];
}

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
/** Longest line, as of cronie. */
const maxLine = 131_072;

interface State extends CrontabOptions {
  readonly entries: CrontabEntry[];
  readonly issues: Issue[];
  readonly warnings: Issue[];
  settings: ReadonlyMap<string, Setting>;
  unread: ReadonlyMap<string, number>;
  comment: string[];
}

/** @param bytes The file, in which a byte that is not UTF-8 stands as U+FFFD. */
export function readCrontab(text: string, options: CrontabOptions): Crontab {
  const none = { settings: new Map<string, Setting>(), unread: new Map<string, number>() };
  const state: State = { ...options, entries: [], issues: [], warnings: [], ...none, comment: [] };
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
  return { entries, issues, warnings: warnings.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
}

type Said = Pick<Issue, "message" | "suggestion">;

function at({ file }: CrontabOptions, line: number, offset: number, said: Said): Issue {
  return { file, line, column: offset + 1, path: "", ...said };
}

function readLine(state: State, line: string, number: number): void {
  const trimmed = line.trim();
  if (trimmed.startsWith("#")) {
    const words = trimmed.replace(/^#+ ?/, "");
    if (!isCommentedOut(words, state) && !columns.test(words)) state.comment.push(words);
    return;
  }
  const { comment } = state;
  state.comment = [];
  if (trimmed === "") return;
  const refuse = (offset: number, message: string, suggestion: string): void => {
    state.issues.push(at(state, number, offset, { message, suggestion }));
    const name = settingName(line);
    if (name !== undefined) forget(state, name, number);
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
  const entry = readEntry(line, state);
  if ("problem" in entry) {
    refuse(entry.at, entry.problem, entry.suggestion);
    return;
  }
  const { settings, unread } = state;
  state.entries.push({ ...entry, line: number, text: trimmed, settings, unread, comment });
  for (const { at: offset, ...said } of doubtsOf(line, entry, state)) state.warnings.push(at(state, number, offset, said));
}

/** An entry or a setting that somebody has switched off says nothing of the one below it. */
function isCommentedOut(words: string, state: State): boolean {
  return !("problem" in readEntry(words, state)) || /^[A-Z][A-Z\d_]*\s*=/.test(words);
}

/** The heading that crontabs come with: `m h  dom mon dow   command`. */
const columns = /^m(?:in(?:ute)?)?\s+h(?:our)?\s+d/i;

/** Settings hold from their line on. A map of its own, because the entries above keep theirs. */
function set(state: State, setting: Setting, line: string): void {
  state.settings = new Map([...state.settings, [setting.name, setting]]);
  state.unread = new Map([...state.unread].filter(([name]) => name !== setting.name));
  const shell = /\$\{?[A-Za-z_]|`|(?<=^|:)~(?=\/|$)/.exec(setting.value);
  if (shell === null) return;
  const message = `cron expands nothing in a setting: the value holds ${JSON.stringify(shell[0].slice(0, 2))} as it stands`;
  const offset = line.indexOf(setting.value) + shell.index;
  state.warnings.push(at(state, setting.line, offset, { message, suggestion: "write it out in the job if it was meant" }));
}

/** What a setting that cannot be read was to change is not what it was before, either. */
function forget(state: State, name: string, line: number): void {
  state.settings = new Map([...state.settings].filter(([other]) => other !== name));
  state.unread = new Map([...state.unread, [name, line]]);
}
