/** A timer and a service a job, for whoever wants systemd to be the scheduler; see docs/install.md. */
import { configHomeOf, inOneLine, ownName } from "../../compose/service/where.ts";
import { keyFilePath } from "../../compose/service/key-file.ts";
import { assignment, execLine, pathPattern, specifierFree } from "../../compose/service/systemd-words.ts";
import { serviceVariables } from "../../compose/service/environment.ts";
import type { Job } from "../../job/job.ts";
import { nextOffsetChange } from "../../job/offset.ts";
import { nextSlots } from "../../schedule/slot.ts";
import type { NewFile } from "../write-files.ts";
import type { Exported, ExportFormat, ExportInput, ExportNote } from "./format.ts";
import { calendarOf } from "./systemd-calendar.ts";

const yearMs = 366 * 86_400_000;

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
    files.push({ path: `${unit}.service`, text: serviceText(job, input) });
    // An instant that has passed is no slot of the future.
    const [next] = job.schedule.kind === "at" ? nextSlots(job.schedule, input.now, 1, input.zone) : [];
    const calendar = calendarOf(job.schedule, input.zone, next?.getTime());
    if ("problem" in calendar) {
      notes.push({ job: job.name, message: `${calendar.problem}; only its service is written` });
      continue;
    }
    files.push({ path: `${unit}.timer`, text: timerText(job, calendar.lines) });
    for (const message of [...calendar.notes, ...policyNotes(job)]) notes.push({ job: job.name, message });
  }
  return { files, between: "\n", notes: [...notes, ...generalNotes(input)] };
}

/** Two jobs of one name cannot be; two names that differ only in signs no unit may have are told apart by their escapes. */
function unitName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_.-]/gu, (sign) =>
    [...Buffer.from(sign)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

function serviceText({ name }: Job, { program, projectDir, env }: ExportInput): string {
  const [node = ""] = program;
  const { environment } = serviceVariables(env, node, false);
  const words = [...program, "run", name, "-C", projectDir];
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
    "# Skipped, because the job is running already, is no failure; 75 means later, and the timer comes again.",
    "SuccessExitStatus=75",
    "KillMode=mixed",
    "Delegate=yes",
    "OOMPolicy=continue",
    "LimitCORE=0",
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
    ...(persistent ? ["# One run for what passed while the machine was off.", "Persistent=true"] : []),
    "",
    "[Install]",
    "WantedBy=timers.target",
    "",
  ].join("\n");
}

function policyNotes({ catchUp, overlap }: Job): string[] {
  const notes: string[] = [];
  if (catchUp?.policy === "all") notes.push("catchUp all: systemd makes one run of all that passed");
  if (catchUp?.maxAgeMs !== undefined) notes.push("catchUp.maxAge: systemd catches up however late it is");
  if (overlap !== undefined && overlap !== "skip")
    notes.push(`overlap ${overlap}: systemd starts no second one while the first runs`);
  return notes;
}

function generalNotes({ jobs, zone, now, projectDir, env, keys }: ExportInput): ExportNote[] {
  const zones = new Set(jobs.flatMap(({ schedule }) => (schedule.kind === "cron" ? [schedule.tz ?? zone] : [])));
  const changing = [...zones].filter((name) => nextOffsetChange(name, now.getTime(), now.getTime() + yearMs) !== undefined);
  const notes: ExportNote[] = [];
  if (changing.length > 0) {
    const message =
      `clocks change in ${changing.join(", ")}: where they go forward, systemd passes over a fixed time that does not exist (runner and cron ` +
      "start right after), and where they go back, a timer of minutes or hours is silent for the hour that comes twice (runner goes on)";
    notes.push({ message });
  }
  if (keys.length > 0) notes.push({ message: `keys are read from ${keyFile(projectDir, env)} (mode 0600): ${keys.join(", ")}` });
  notes.push({
    message:
      "to put them in force: systemctl --user daemon-reload && systemctl --user enable --now 'NAME.timer'; do not run runner start beside them",
  });
  return notes;
}
