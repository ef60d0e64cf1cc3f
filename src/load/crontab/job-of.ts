/** One entry of a crontab → a job file's values, with what cron did otherwise and what was chosen. Pure: the disk comes by `Surroundings`. */
import type { ImportDraft } from "../imported-file.ts";
import { commandPayload } from "./command-payload.ts";
import { commentOf } from "./comment-of.ts";
import type { CrontabEntry } from "./crontab.ts";
import type { Draft, Surroundings } from "./draft.ts";
import { nameOf, uniqueName } from "./name.ts";
import { splitPercent } from "./percent.ts";
import { loopOf, retryOf } from "./retry-of.ts";
import { scheduleOf, type ImportedSchedule } from "./schedule-of.ts";
import { hide, secretsOf } from "./secrets.ts";
import { backgroundOf, shellTokens } from "./shell.ts";
import { turnOf } from "./turn-of.ts";

export interface ImportedEntry extends ImportDraft {
  readonly entry: CrontabEntry;
  readonly schedule: ImportedSchedule;
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
  if (
    input !== undefined &&
    secretsOf(entry.command).some((secret) => !`${command}\0${input}`.includes(secret.replaceAll("\\%", "%")))
  )
    return {
      problem: 'a "%" stands within a key or password, so cron cuts the command there',
      suggestion: 'write it as "\\%"',
    };
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
    schedule,
    name,
    fileName: name,
    value,
    comment,
    notes: draft.notes.map((note) => hide(note, draft.hidden)),
    variables: [...draft.variables],
  };
}

interface Work {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly workDir?: string | undefined;
  readonly retry: Readonly<Record<string, unknown>>;
  readonly idempotent: boolean;
}

function workOf(draft: Draft, name: string, command: string, input: string | undefined): Work {
  const loop = loopOf(draft, command);
  const tried = loop?.command ?? command;
  const turn = input === undefined ? turnOf(draft, tried) : undefined;
  const retry = loop === undefined ? { maxAttempts: 1 } : retryOf(draft, loop);
  if (turn !== undefined) return { payload: turn, retry, idempotent: false };
  // A loop that starts a command again, whatever it has done, says that it may be repeated.
  if (loop !== undefined)
    draft.notes.push("idempotent: true, because the loop starts it again whatever it has done; is that right?");
  const left = backgroundOf(tried);
  if (left === "&" || (left === "&>" && isPlainShell(draft.entry)))
    draft.notes.push(
      left === "&"
        ? 'what "&" puts into the background goes on with cron; here it is ended with the command: take the "&" out, and it runs as long as it may (timeoutSeconds)'
        : '"&>" puts the command into the background where sh is dash, as on Debian, and there it is ended at once: write ">FILE 2>&1"',
    );
  const payload = commandPayload(draft, name, tried, input);
  return { payload, workDir: draft.home, retry, idempotent: loop !== undefined };
}

/** A shell for which `&>` may be no redirection. */
function isPlainShell({ settings }: CrontabEntry): boolean {
  return !/(?:^|\/)(?:ba|z|k|mk|fi)sh$/.test(settings.get("SHELL")?.value ?? "/bin/sh");
}
