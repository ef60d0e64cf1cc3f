/** A daemon's log: lines for people, journald or programs, of what is worth a line. */
import fs from "node:fs";
import type { SchedulerEvent } from "../../engine/scheduler-events.ts";
import { oneLine, shortId, withInstants } from "../format.ts";
import type { Style } from "../output.ts";
import { entryOf, type Level, type LogEntry } from "./log-entry.ts";
import type { LogSink } from "./log-sink.ts";
import { createRepeats } from "./repeats.ts";

export interface DaemonLog {
  /** What happened to the scheduler. */
  readonly listen: (event: SchedulerEvent) => void;
  /** What the command itself has to say. */
  say(level: Level, event: string, text: string, facts?: Readonly<Record<string, unknown>>): void;
}

export interface DaemonLogOptions {
  readonly sink: LogSink;
  /** `lines`: for people. `journal`: for journald, which has the time itself and reads the level from `<4>`. `json`: an object a line. */
  readonly form: "lines" | "journal" | "json";
  /** Warnings and errors only. */
  readonly quiet: boolean;
  /**
   * The process does what is due and ends. It comes each minute, maybe, and knows nothing of the one before: if it is to be quiet, of a job's
   * blocked runs only that is told which the ledger has not as told already.
   */
  readonly once: boolean;
  /** For times; may change when the configuration does. */
  readonly zone: () => string;
  readonly style: (style: Style, text: string) => string;
  /** Takes secrets out. */
  readonly redact: (text: string) => string;
  readonly now: () => number;
}

/** Version of the objects; it changes when a field changes its meaning or goes away. */
const logVersion = 1;
/** Most characters of one entry's words. */
const textCharacters = 1_000;
/** Levels as sd-daemon(3) writes them before a line. */
const journalLevels: Record<Level, string> = { info: "<6>", warning: "<4>", error: "<3>" };
const styles: Record<Level, Style | undefined> = { info: undefined, warning: "yellow", error: "red" };

export function createDaemonLog(options: DaemonLogOptions): DaemonLog {
  const { sink, form, quiet, once, zone, style, redact, now } = options;
  const repeats = createRepeats();
  const write = (entry: LogEntry, facts: Readonly<Record<string, unknown>>): void => {
    if (quiet && entry.level === "info") return;
    const text = oneLine(redact(entry.text), textCharacters);
    if (form === "json") return sink.write(`${jsonLine(entry, text, facts, redact)}\n`);
    const told = withInstants(text, (at) => clock(zone(), at));
    const run = entry.runId === undefined ? [] : [shortId(entry.runId)];
    const who = [...(entry.job === undefined ? [] : [oneLine(redact(entry.job))]), ...run];
    if (form === "journal") return sink.write(`${journalLevels[entry.level]}${[...who, told].join("  ")}\n`);
    const color = styles[entry.level];
    // A log is read in files too, where there is no colour. How a run went says it in its own word.
    const said = entry.status === undefined ? `${entry.level}: ${told}` : told;
    const words = color === undefined ? told : style(color, said);
    sink.write(`${[style("dim", clock(zone(), entry.at)), ...who, words].join("  ")}\n`);
  };
  return {
    listen(event) {
      const entry = entryOf(event, { instant: (at) => clock(zone(), at), once });
      if (entry === undefined || (once && quiet ? isBlockedEnd(entry) : entry.event === "job_blocked")) return;
      for (const one of repeats.take(entry)) write(one, {});
    },
    say: (level, event, text, facts = {}) => write({ at: now(), level, event, text }, facts),
  };
}

/** The end of a blocked run. Of the first one `job_blocked` says the same. */
function isBlockedEnd({ event, status }: LogEntry): boolean {
  return event === "run_finished" && status === "blocked";
}

/** A key may also be in a job's name or in what a file has wrong. */
function jsonLine(entry: LogEntry, text: string, facts: object, redact: (text: string) => string): string {
  const { at, level, event, job, runId, status, slotAt, until } = entry;
  const line = {
    version: logVersion,
    time: iso(at),
    level,
    event,
    job,
    runId,
    status,
    slotAt: iso(slotAt),
    until: iso(until),
    text,
    ...facts,
  };
  return JSON.stringify(line, (_, value: unknown) => (typeof value === "string" ? redact(value) : value));
}

function iso(instant: number | undefined): string | undefined {
  return instant === undefined ? undefined : new Date(instant).toISOString();
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** `2026-11-25 07:00:00+01:00`: a time of two clocks that go back is told apart by its offset. */
export function clock(zone: string, at: number): string {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    const two = "2-digit";
    const time = { hour: two, minute: two, second: two, hourCycle: "h23", timeZoneName: "longOffset" } as const;
    formatter = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, year: "numeric", month: two, day: two, ...time });
    formatters.set(zone, formatter);
  }
  const [date = "", time = "", offset = ""] = formatter.format(at).split(" ");
  const plain = offset.replace("GMT", "").replace("\u2212", "-");
  return `${date} ${time}${plain === "" ? "+00:00" : plain}`;
}

/**
 * Whether this descriptor is journald's, which stamps every line itself. The variable alone proves nothing: it is handed on to whatever a
 * service starts, redirected or not (systemd.exec(5)).
 */
export function isJournal(descriptor: 1 | 2, env: NodeJS.ProcessEnv): boolean {
  const [device, inode] = (env["JOURNAL_STREAM"] ?? "").split(":");
  if (device === undefined || inode === undefined) return false;
  try {
    const { dev, ino } = fs.fstatSync(descriptor);
    return String(dev) === device && String(ino) === inode;
  } catch {
    return false;
  }
}
