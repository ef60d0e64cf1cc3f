/** One entry of a crontab → a job file's values, with what cron did otherwise and what was chosen. Pure: the disk comes by `Surroundings`. */
import { namesKey } from "../../job/command-leaves.ts";
import { looksSecret } from "../../job/secret.ts";
import { escapeTemplate } from "../../job/template.ts";
import type { CrontabEntry } from "./crontab.ts";
import { nameOf, uniqueName } from "./name.ts";
import { readOpenClawCommand, type AskedTurn } from "./openclaw-command.ts";
import { splitPercent } from "./percent.ts";
import { readRetryLoop, type RetryLoop } from "./retry-loop.ts";
import { scheduleOf, type ImportedSchedule } from "./schedule-of.ts";
import { hide, holdsSecret, withoutSecrets } from "./secrets.ts";
import { plainWords, shellTokens, simpleCommand } from "./shell.ts";

export interface CronUser {
  readonly name: string;
  /** Its home folder; unknown for a user that this machine does not have. */
  readonly home: string | undefined;
}

/** What an import may ask of the machine and of the project. */
export interface Surroundings {
  /** Who imports, and whose crontab a user's is. */
  readonly me: CronUser;
  readonly userOf: (name: string) => CronUser;
  /** The machine's zone, in which cron works. */
  readonly zone: string;
  /** The text of a script that can be read; undefined otherwise. */
  readonly script: (path: string) => string | undefined;
  /** The payload of a job in OpenClaw's store, as stored. */
  readonly openClawPayload: (idOrName: string) => Readonly<Record<string, unknown>> | undefined;
  /** Why a turn cannot ask this model, or none, in this project; undefined if it can. */
  readonly modelProblem: (model: string | undefined) => string | undefined;
  /** Names that jobs have already; those that are given are added. */
  readonly taken: Set<string>;
}

export interface ImportedEntry {
  readonly entry: CrontabEntry;
  readonly name: string;
  readonly schedule: ImportedSchedule;
  /** The job as a job file has it. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Comment above it in the file. */
  readonly comment: readonly string[];
  /** What a person should know of this one. */
  readonly notes: readonly string[];
  /** Variables to set in runner's environment: their values are not in the file. */
  readonly variables: readonly string[];
}

/** What the parts of one import have in common. */
interface Draft {
  readonly entry: CrontabEntry;
  readonly around: Surroundings;
  readonly user: CronUser;
  readonly notes: string[];
  readonly variables: Set<string>;
  readonly hidden: string[];
  readonly home: string | undefined;
}

interface Work {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly workDir?: string | undefined;
  readonly retry: Readonly<Record<string, unknown>>;
  readonly idempotent: boolean;
}

export function jobOf(
  entry: CrontabEntry,
  around: Surroundings,
): ImportedEntry | { readonly problem: string; readonly suggestion: string } {
  const schedule = scheduleOf(entry, around.zone);
  if ("problem" in schedule) return schedule;
  const user = entry.user === undefined ? around.me : around.userOf(entry.user);
  const home = entry.settings.get("HOME")?.value ?? user.home;
  const draft: Draft = { entry, around, user, notes: [...schedule.notes], variables: new Set(), hidden: [], home };
  const { command, input } = splitPercent(entry.command);
  const name = uniqueName(nameOf(command), around.taken);
  if (input !== undefined && shellTokens(command) === undefined)
    draft.notes.push('its first "%" stands within a quotation, so cron cuts the command there; "\\%" was probably meant');
  if (home === undefined)
    draft.notes.push(`there is no user ${JSON.stringify(user.name)} here, so its home folder is not known: set workDir and HOME`);
  const work = workOf(draft, name, command, input);
  const { comment, description } = commentOf(draft);
  const value = {
    ...(description === undefined ? {} : { description }),
    schedule: schedule.value,
    // A start of the machine is not made up for anyway.
    ...(entry.when.kind === "reboot" ? {} : { catchUp: "skip" }),
    overlap: "skip",
    payload: work.payload,
    ...(work.workDir === undefined ? {} : { workDir: work.workDir }),
    retry: work.retry,
    idempotent: work.idempotent,
  };
  return {
    entry,
    name,
    schedule,
    value,
    comment,
    notes: draft.notes.map((note) => hide(note, draft.hidden)),
    variables: [...draft.variables],
  };
}

function workOf(draft: Draft, name: string, command: string, input: string | undefined): Work {
  const loop = loopOf(draft, command);
  const tried = loop?.command ?? command;
  const turn = input === undefined ? turnOf(draft, tried) : undefined;
  const retry = loop === undefined ? { maxAttempts: 1 } : retryOf(draft, loop);
  if (turn !== undefined) return { ...turn, retry, idempotent: false };
  // A loop that starts a command again, whatever it has done, says that it may be repeated.
  if (loop !== undefined)
    draft.notes.push("idempotent: true, because the loop starts it again whatever it has done; is that right?");
  const payload = commandPayload(draft, name, tried, input);
  return { payload, workDir: draft.home, retry, idempotent: loop !== undefined };
}

function loopOf(draft: Draft, command: string): RetryLoop | undefined {
  const { notes, around, home } = draft;
  const inline = readRetryLoop(command);
  const found = inline ?? scriptLoop(command, around, home);
  if (found === undefined) return undefined;
  if ("seen" in found) {
    notes.push(`holds ${found.seen}. It stays a command; see docs/healing.md for "retry"`);
    return undefined;
  }
  const { attempts, delaySeconds, factor } = found.loop;
  notes.push(
    `was a loop that tries up to ${attempts} times, ${delaySeconds} s after the first and ${factor} times as long each time: now "retry"`,
  );
  return found.loop;
}

function scriptLoop(command: string, { script }: Surroundings, home: string | undefined): ReturnType<typeof readRetryLoop> {
  const simple = simpleCommand(command);
  if (simple === undefined || simple.words.some(({ expanded }) => expanded)) return undefined;
  const words = simple.words.map(({ text }) => text);
  const at = /(?:^|\/)(?:ba|da|z|k)?sh$/.test(words[0] ?? "") ? 1 : 0;
  const file = words[at];
  if (file === undefined || file.startsWith("-")) return undefined;
  const path = file.startsWith("/")
    ? file
    : home === undefined || !file.includes("/")
      ? undefined
      : `${simple.folder ?? home}/${file}`;
  const text = path === undefined ? undefined : script(path);
  if (text === undefined || !/^#!.*sh\b|^[^#]/.test(text)) return undefined;
  return readRetryLoop(text, words.slice(at + 1));
}

function retryOf(draft: Draft, { attempts, delaySeconds, factor, maxDelaySeconds }: RetryLoop): Record<string, unknown> {
  const most = Math.min(attempts, 20);
  if (most < attempts) draft.notes.push(`tries at most ${most} times here, not ${attempts}`);
  const growth = Math.min(Math.max(factor, 1), 10);
  const longest = Math.min(maxDelaySeconds ?? delaySeconds * growth ** Math.max(most - 2, 0), 86_400);
  return {
    maxAttempts: most,
    delay: seconds(delaySeconds),
    factor: growth,
    maxDelay: seconds(Math.max(longest, delaySeconds)),
    jitter: 0,
  };
}

function seconds(count: number): string {
  return `${Math.round(count * 1_000)}ms`.replace(/000ms$/, "s");
}

/** A turn of OpenClaw's whose message can be read. Whatever is not certain stays a command. */
function turnOf(draft: Draft, command: string): Pick<Work, "payload" | "workDir"> | undefined {
  const simple = simpleCommand(command);
  const read = simple === undefined ? undefined : readOpenClawCommand(simple);
  if (simple === undefined || read === undefined) {
    if (simple === undefined && /(?:^|[\s/])(?:openclaw|clawdbot|moltbot)\s/.test(command))
      draft.notes.push("asks OpenClaw, within a command that cannot be read for certain. It stays a command");
    return undefined;
  }
  const stays = (why: string): undefined => {
    draft.notes.push(`asks OpenClaw, and stays a command: ${why}`);
  };
  if (read.kind === "seen") return stays(read.why);
  if (read.kind === "job") {
    const stored = draft.around.openClawPayload(read.job);
    if (stored === undefined)
      return stays(`there is no job ${JSON.stringify(read.job)} in its store here; see: runner import openclaw`);
    draft.notes.push(
      `was "openclaw cron run ${read.job}": the turn is that of the job in OpenClaw's store, at this line's times`,
    );
    return checked(draft, stored, simple.outputs, stays);
  }
  if (holdsSecret(read.turn.message)) return stays("its message holds what looks like a key");
  draft.notes.push(
    "was a turn of OpenClaw's: now one of runner's own, in isolation and without tools; grant what it needs with \"tools\"",
  );
  if (read.turn.left.length > 0) draft.notes.push(`not acted on: ${read.turn.left.join(", ")}`);
  return checked(draft, payloadOf(read.turn), simple.outputs, stays);
}

function checked(
  draft: Draft,
  payload: Readonly<Record<string, unknown>>,
  outputs: readonly string[],
  stays: (why: string) => undefined,
): Pick<Work, "payload" | "workDir"> | undefined {
  const { model } = payload;
  const problem = draft.around.modelProblem(typeof model === "string" ? model : undefined);
  if (problem !== undefined) return stays(problem);
  if (outputs.length > 0) draft.notes.push(`its output went to ${outputs.join(", ")}; here it is in the ledger: runner show RUN`);
  return { payload };
}

const efforts: Readonly<Record<string, string>> = { none: "off", minimal: "low", xhigh: "high", max: "high", ultra: "high" };

function payloadOf({ message, model, thinking, timeoutSeconds }: AskedTurn): Record<string, unknown> {
  const effort =
    thinking === undefined ? undefined : ((Object.hasOwn(efforts, thinking) ? efforts[thinking] : undefined) ?? thinking);
  return {
    kind: "agentTurn",
    message: escapeTemplate(message),
    ...(model === undefined ? {} : { model }),
    ...(effort !== undefined && ["off", "low", "medium", "high"].includes(effort) ? { thinking: effort } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds: Math.min(timeoutSeconds, 86_400) }),
  };
}

function commandPayload(draft: Draft, name: string, command: string, input: string | undefined): Record<string, unknown> {
  const { entry, user, around, notes } = draft;
  const prefix = name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replace(/^(?=\d)/, "_");
  const safe = withoutSecrets(command.trim(), input, prefix);
  draft.hidden.push(...safe.hidden);
  for (const variable of safe.names) draft.variables.add(variable);
  const { env, literal } = environmentOf(draft);
  for (const variable of safe.names) env[variable] = `\${${variable}}`;
  const shell = entry.settings.get("SHELL")?.value ?? "/bin/sh";
  const argv = plainWords(safe.command) ?? [shell, "-c", safe.command];
  const withLiteral = literal.length === 0 ? argv : ["/usr/bin/env", ...literal, ...argv];
  const other = user.name !== around.me.name;
  if (other)
    notes.push(`runs as ${user.name}, by runuser, which only root may use; or give it to a runner of ${user.name}'s own`);
  return {
    kind: "command",
    argv: other ? ["runuser", "-u", user.name, "--", ...withLiteral] : withLiteral,
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(safe.input === undefined || safe.input.trim() === "" ? {} : { input: safe.input }),
    timeoutSeconds: 86_400,
  };
}

/** Settings that speak to cron, and not to the command. */
const toCron = new Set([
  "MAILTO",
  "MAILFROM",
  "CRON_TZ",
  "RANDOM_DELAY",
  "CONTENT_TYPE",
  "CONTENT_TRANSFER_ENCODING",
  "MLS_LEVEL",
]);

/** What cron would give the command: its own defaults, and the settings above. `literal` are those that a job would take for references. */
function environmentOf(draft: Draft): { env: Record<string, string>; literal: string[] } {
  const { entry, user, home, notes, variables, hidden } = draft;
  const env: Record<string, string> = {
    PATH: "/usr/bin:/bin",
    ...(home === undefined ? {} : { HOME: home }),
    LOGNAME: user.name,
    USER: user.name,
  };
  const literal: string[] = [];
  for (const { name, value } of entry.settings.values()) {
    if (toCron.has(name)) continue;
    if (!/^[A-Za-z_]\w{0,127}$/.test(name)) notes.push(`left out: ${JSON.stringify(name.slice(0, 40))} is no name of a variable`);
    else if (value !== "" && (namesKey(name) || looksSecret(value) || holdsSecret(value))) {
      env[name] = `\${${name}}`;
      variables.add(name);
      hidden.push(value);
    } else if (value.includes("${")) {
      delete env[name];
      literal.push(`${name}=${value}`);
    } else if (name !== "LOGNAME" && name !== "USER") env[name] = value;
  }
  return { env, literal };
}

/** The source, so that nothing is lost, and what cron would have mailed. */
function commentOf(draft: Draft): { readonly comment: readonly string[]; readonly description?: string } {
  const { entry, hidden } = draft;
  const source = hide(entry.text, hidden);
  const lines = [
    `From the crontab, line ${entry.line}:`,
    `  ${looksSecret(source) ? "(holds what looks like a key, not shown)" : source}`,
  ];
  for (const name of ["MAILTO", "MAILFROM", "CONTENT_TYPE"]) {
    const setting = entry.settings.get(name);
    if (setting === undefined || holdsSecret(setting.value)) continue;
    const what =
      name !== "MAILTO"
        ? ""
        : setting.value === ""
          ? ": cron mailed nothing"
          : ": cron mailed the output there; runner does not deliver yet, the output is in its ledger";
    lines.push(`${name}=${setting.value}${what}.`);
  }
  const words = entry.comment.join(" ").trim();
  const description =
    words === "" || words.length > 500 || holdsSecret(words) || /\p{Cc}|\uFFFD/u.test(words) ? undefined : words;
  return { comment: lines, ...(description === undefined ? {} : { description }) };
}
