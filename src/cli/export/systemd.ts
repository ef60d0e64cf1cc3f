/** A timer and a service a job, for whoever wants systemd to be the scheduler; see docs/install.md. */
import { createHash } from "node:crypto";
import { configHomeOf, inOneLine, ownName } from "../../compose/service/where.ts";
import { keyFilePath } from "../../compose/service/key-file.ts";
import { assignment, execLine, pathPattern, specifierFree } from "../../compose/service/systemd-words.ts";
import { serviceVariables } from "../../compose/service/environment.ts";
import { shellWord } from "../../load/shell-word.ts";
import type { Job } from "../../job/job.ts";
import type { NewFile } from "../write-files.ts";
import type { Exported, ExportFormat, ExportInput, ExportNote } from "./format.ts";
import { calendarOf } from "./systemd-calendar.ts";

export const systemd: ExportFormat = {
  name: "systemd",
  summary: "a timer and a service a job",
  options: [],
  write,
};

function write(input: ExportInput): Exported {
  inOneLine(input.projectDir);
  const files: NewFile[] = [];
  const notes: ExportNote[] = [];
  for (const job of input.jobs) {
    const unit = `runner-job-${unitName(job.name)}`;
    const calendar = calendarOf(job.schedule, input);
    // A service that no timer starts is started by hand, and a start of the machine is no slot.
    const keyed = !("problem" in calendar) && job.schedule.kind !== "boot";
    files.push({ path: `${unit}.service`, text: serviceText(job, keyed, input) });
    if ("problem" in calendar) {
      notes.push({ job: job.name, message: `${calendar.problem}; only its service is written` });
      continue;
    }
    files.push({ path: `${unit}.timer`, text: timerText(job, calendar.lines) });
    for (const message of [...calendar.notes, ...policyNotes(job)]) notes.push({ job: job.name, message });
  }
  const timers = files.map(({ path }) => path).filter((file) => file.endsWith(".timer"));
  return { files, between: "\n", notes: [...notes, ...generalNotes(input, timers)] };
}

/** systemd takes 255 characters (UNIT_NAME_MAX of its src/basic/unit-name.h), and so do file systems; less `runner-job-` and `.service`. */
const longestUnit = 236;
/** Of a longer one so much of its own is kept; a hash of the name tells it apart from the others. */
const keptOfUnit = 200;

/**
 * Two jobs of one name cannot be; two names that differ only in signs no unit may have are told apart by their escapes, and so are an umlaut and a
 * letter with its dots behind it, which are two names. The same name is always the same unit, whatever other jobs there are.
 */
function unitName(name: string): string {
  const unit = name.replaceAll(/[^A-Za-z0-9_.-]/gu, (sign) =>
    [...Buffer.from(sign)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""),
  );
  if (unit.length <= longestUnit) return unit;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `${unit.slice(0, keptOfUnit).replace(/\\x?[0-9a-f]?$/, "")}-${hash}`;
}

/** @param keyed it answers the slot that is due, so that a timer that elapses twice, late, or beside a daemon, makes one run. */
function serviceText({ name }: Job, keyed: boolean, { program, place, projectDir, env }: ExportInput): string {
  const [node = ""] = program;
  const { environment } = serviceVariables(env, node, false);
  const words = [...program, "run", name, ...(keyed ? ["--slot", "due"] : []), ...place];
  return [
    `# Job ${name} of ${projectDir}, made by \`runner export systemd\`.`,
    "[Unit]",
    `Description=runner: ${specifierFree(name)}`,
    "",
    "[Service]",
    "Type=oneshot",
    `WorkingDirectory=${specifierFree(projectDir)}`,
    ...Object.entries(environment).map(([key, value]) => `Environment=${assignment(key, value)}`),
    `EnvironmentFile=-${pathPattern(keyFile(projectDir, env))}`,
    `ExecStart=${execLine(words)}`,
    "# 75 means later, and the timer comes again.",
    "SuccessExitStatus=75",
    "KillMode=mixed",
    "Delegate=yes",
    "OOMPolicy=continue",
    "LimitCORE=0",
    `SyslogIdentifier=runner-job-${specifierFree(unitName(name))}`,
    "",
  ].join("\n");
}

function keyFile(projectDir: string, env: NodeJS.ProcessEnv): string {
  return keyFilePath("user", configHomeOf(env, env["HOME"] ?? "/"), ownName(projectDir));
}

function timerText({ name, catchUp, schedule }: Job, lines: readonly string[]): string {
  // An `at` that passed while the machine was off is answered late by the same rule as any slot.
  const persistent = (catchUp?.policy ?? "latest") !== "skip" && lines.some((line) => line.startsWith("OnCalendar="));
  return [
    "[Unit]",
    `Description=runner: when ${specifierFree(name)} is due (${specifierFree(schedule.kind)})`,
    "",
    "[Timer]",
    ...lines,
    "AccuracySec=1s",
    ...(persistent
      ? ["# After the machine was off: whether it is too late then, runner says by the job's catchUp.", "Persistent=true"]
      : []),
    "",
    "[Install]",
    "WantedBy=timers.target",
    "",
  ].join("\n");
}

function policyNotes({ catchUp, enabled, overlap }: Job): string[] {
  const notes: string[] = [];
  if (!enabled) notes.push("is disabled: its timer starts it, and it does nothing until it is enabled");
  if (catchUp?.policy === "all") notes.push("catchUp all: there is one run for all that passed");
  if (overlap !== undefined && overlap !== "skip")
    notes.push(`overlap ${overlap}: systemd starts no second one while the first runs, so that slot is not answered`);
  return notes;
}

/** At most so many timers stand in the command that puts them in force. */
const mostNamed = 5;

function generalNotes({ projectDir, env, keys }: ExportInput, timers: readonly string[]): ExportNote[] {
  const notes: ExportNote[] = [];
  if (keys.length > 0) notes.push({ message: `keys are read from ${keyFile(projectDir, env)} (mode 0600): ${keys.join(", ")}` });
  const message =
    "each service answers the slot of its job that is due, once, also beside a daemon; a slot without a start has no record";
  notes.push({ message });
  if (timers.length > 0) {
    const named = timers.slice(0, mostNamed).map(shellWord).join(" ");
    const all = timers.length > mostNamed ? `${named} … (${timers.length} timers)` : named;
    const start = `systemctl --user daemon-reload && systemctl --user enable --now ${all}`;
    notes.push({ message: `to start them: ${start}; to keep them after a logout: loginctl enable-linger` });
  }
  return notes;
}
