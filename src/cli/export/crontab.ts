import { shellWord } from "../../load/shell-word.ts";
import { some } from "../../compose/doctor/providers.ts";
import { inOneLine } from "../../compose/service/where.ts";
import type { Job } from "../../job/job.ts";
import { isSameZone } from "../../job/zone.ts";
import { machineZone } from "../../load/machine-zone.ts";
import { escapePercent } from "../../load/crontab/percent.ts";
import { bootNotes, cronWords } from "./cron-words.ts";
import type { Exported, ExportFormat, ExportInput, ExportNote } from "./format.ts";

/** Lines of a crontab: one a job, or with `--tick` one for all, which then can be all that a job file can say. */
export const crontab: ExportFormat = {
  name: "crontab",
  summary: "lines for a crontab",
  options: ["tick"],
  write: (input) => {
    inOneLine(input.projectDir);
    const { lines, notes } = input.options["tick"] === true ? tickLines(input) : jobLines(input);
    return { files: [{ path: "crontab", text: `${lines.join("\n")}\n` }], notes: [...notes, ...keyNotes(input)] };
  },
};

type Lines = { readonly lines: readonly string[]; readonly notes: Exported["notes"] };

/** By absolute paths, and with the ledger that is meant here: cron has neither this shell's PATH nor its XDG_STATE_HOME. */
function command({ program, place, stateDir, env }: ExportInput, words: readonly string[]): string {
  const elsewhere = (env["XDG_STATE_HOME"] ?? "") !== "" && !place.includes("--state-dir");
  const ledger = elsewhere ? ["--state-dir", stateDir] : [];
  return escapePercent([...program, ...words, ...place, ...ledger].map(shellWord).join(" "));
}

function tickLines(input: ExportInput): Lines {
  const lines = [`# All jobs of ${input.projectDir}: what is due, each minute.`, `* * * * * ${command(input, ["tick"])}`];
  const seconds = input.jobs.filter(({ schedule }) => schedule.kind === "cron" && schedule.expr.trim().split(/\s+/).length > 5);
  return {
    lines,
    notes: seconds.map(({ name }) => ({ job: name, message: "has seconds: it is answered at the next full minute" })),
  };
}

function jobLines(input: ExportInput): Lines {
  const lines = [`# Jobs of ${input.projectDir}, made by runner export crontab.`];
  const notes: ExportNote[] = [];
  const here = machineZone(input.env);
  /** Jobs whose times are of another zone than cron's own. */
  const elsewhere: string[] = [];
  let zone = here;
  for (const job of input.jobs) {
    const words = cronWords(job.schedule, input.zone);
    if ("problem" in words) {
      lines.push("", `# ${job.name}: not here: ${words.problem}`);
      if (job.schedule.kind !== "manual")
        notes.push({ job: job.name, message: `${words.problem}: left out; with --tick it runs` });
      continue;
    }
    if (!("boot" in words) && !isSameZone(words.zone, zone)) {
      zone = words.zone;
      lines.push("", `CRON_TZ=${zone}`);
    }
    if (!("boot" in words) && !isSameZone(zone, here)) elsewhere.push(job.name);
    const own =
      "boot" in words
        ? [
            "cron starts it each time it starts itself, also where a daemon has run it since this boot",
            ...bootNotes(job.schedule),
          ]
        : words.notes;
    for (const message of [...own, ...policyNotes(job)]) notes.push({ job: job.name, message });
    // Keyed by its slot, a line that cron starts twice, or beside a daemon, has one run.
    const run = command(input, ["run", job.name, ...("boot" in words ? [] : ["--slot", "due"])]);
    lines.push("", `# ${job.name}`, `${job.enabled ? "" : "# disabled: "}${"boot" in words ? "@reboot" : words.expr} ${run}`);
  }
  if (elsewhere.length > 0)
    notes.push({
      message: `CRON_TZ is known to cronie, not to Debian's cron, which would take the times of ${some(elsewhere)} for ${here}`,
    });
  const message =
    "each line answers its own slot, once; what passed while cron was down is neither caught up nor recorded; with --tick both are as in a daemon";
  return { lines, notes: [...notes, { message }] };
}

function policyNotes({ overlap = "skip" }: Job): string[] {
  if (overlap === "skip") return [];
  return [`overlap "${overlap}": a line that finds a run of its job under way leaves its slot; with --tick it is as in a daemon`];
}

function keyNotes({ keys }: ExportInput): ExportNote[] {
  if (keys.length === 0) return [];
  const message = `cron's environment is nearly empty: set ${keys.join(", ")} in the crontab, or use runner install --crontab, which reads keys from a file`;
  return [{ message }];
}
