/** Whether the time is what everybody takes it for: schedules, leases and the freshness of files hang on it. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { systemEnvironment } from "../../job/chosen-environment.ts";
import { isKnownZone, nextOffsetChange } from "../../job/offset.ts";
import { isSameZone } from "../../job/zone.ts";
import { findProgram } from "../programs.ts";
import { machineZone } from "../../load/machine-zone.ts";
import type { Project } from "../project.ts";
import type { Check } from "./check.ts";
import { codeOf, some } from "./providers.ts";

const day = 86_400_000;
/** A change of the clocks that is nearer than this is told. */
const soonMs = 14 * day;
const skewMs = 2_000;

export interface ClockFacts {
  /** Epoch ms and monotonic ms, read together when the examination began. */
  readonly began: { readonly wall: number; readonly steady: number };
  /** Start of the newest run the ledger knows. */
  readonly newestRun: number | undefined;
}

export function checkClock(project: Project, env: Readonly<Record<string, string | undefined>>, facts: ClockFacts): Check[] {
  const now = Date.now();
  return [
    ...checkAgainstFiles(now),
    ...checkSteps(now, facts),
    ...checkSynchronised(env),
    checkZone(project, env),
    ...checkChanges(project, now),
  ];
}

function checkAgainstFiles(now: number): Check[] {
  const base = { area: "clock", name: "clock" } as const;
  if (now < Date.UTC(2025, 0)) {
    const message = `it is ${new Date(now).toISOString()}, which is before this program was written`;
    return [{ ...base, status: "fail", message, remedy: "Set the clock, and keep it right by NTP (timedatectl set-ntp true)." }];
  }
  try {
    const folder = mkdtempSync(path.join(os.tmpdir(), "runner-doctor-"));
    try {
      const file = path.join(folder, "now");
      const before = Date.now();
      writeFileSync(file, "");
      const off = statSync(file).mtimeMs - before;
      if (Math.abs(off) <= skewMs)
        return [{ ...base, status: "ok", message: `${new Date(now).toISOString()}; files in ${os.tmpdir()} agree` }];
      const message = `files in ${os.tmpdir()} get a time that is ${Math.round(off / 1000)} s off the clock`;
      return [{ ...base, status: "warn", message, remedy: "Set the clock of this machine and of the file server by NTP." }];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } catch (error) {
    const message = `no file can be made in ${os.tmpdir()} (${codeOf(error)})`;
    return [
      {
        area: "machine",
        name: "temporary folder",
        status: "fail",
        message,
        remedy: "Make room there, or set TMPDIR to a folder that can be written.",
      },
    ];
  }
}

function checkSteps(now: number, { began, newestRun }: ClockFacts): Check[] {
  const checks: Check[] = [];
  const stepped = now - began.wall - (performance.now() - began.steady);
  if (Math.abs(stepped) > 500) {
    const message = `the clock was set by ${Math.round(stepped)} ms while this was looked at`;
    checks.push({ area: "clock", name: "steps", status: "warn", message, remedy: "Let NTP slew it instead of stepping it." });
  }
  if (newestRun !== undefined && newestRun > now + skewMs) {
    const message = `the newest run in the ledger began at ${new Date(newestRun).toISOString()}, which is still to come: the clock was set back`;
    checks.push({
      area: "clock",
      name: "ledger",
      status: "warn",
      message,
      remedy: "Compare the clock with another one; keep it right by NTP.",
    });
  }
  return checks;
}

/** As systemd sees it; where there is none, nobody is asked. */
function checkSynchronised(env: Readonly<Record<string, string | undefined>>): Check[] {
  if (!existsSync("/run/systemd/system") || findProgram("timedatectl", env) === undefined) return [];
  const args = ["show", "--property=NTPSynchronized", "--value"];
  const { stdout } = spawnSync("timedatectl", args, {
    env: systemEnvironment(env),
    encoding: "utf8",
    timeout: 5_000,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const base = { area: "clock", name: "synchronised" } as const;
  if (stdout.trim() === "yes") return [{ ...base, status: "ok", message: "the clock is kept right by NTP" }];
  if (stdout.trim() !== "no") return [];
  const remedy = "timedatectl set-ntp true, or let chrony do it.";
  return [{ ...base, status: "warn", message: "nobody keeps the clock right: jobs fire by a clock that drifts", remedy }];
}

function checkZone(project: Project, env: Readonly<Record<string, string | undefined>>): Check {
  const { zone, jobs } = project;
  const base = { area: "clock", name: "time zone" } as const;
  const set = env["TZ"];
  if (set !== undefined && set !== "" && !isKnownZone(set.replace(/^:/, ""))) {
    const message = `TZ is ${JSON.stringify(set)}, which is not a zone; ${zone} is taken`;
    return { ...base, status: "warn", message, remedy: "Set TZ to an IANA name such as Europe/London, or take it away." };
  }
  const without = jobs.filter(({ schedule }) => schedule.kind === "cron" && schedule.tz === undefined).map(({ name }) => name);
  if (without.length === 0) return { ...base, status: "ok", message: zone };
  const message = `${zone}, for jobs that name none (${some(without)})`;
  const machine = machineZone({});
  if (isSameZone(machine, zone)) return { ...base, status: "ok", message };
  const configured = project.settings().some(({ path: name, place }) => name === "timezone" && place !== undefined);
  if (configured) return { ...base, status: "ok", message: `${message}; the machine itself is in ${machine}` };
  const remedy = `Say it once: timezone: ${zone} in the configuration.`;
  return {
    ...base,
    status: "warn",
    message: `${message}; only TZ of this shell says so, and the machine is in ${machine}`,
    remedy,
  };
}

/** Daylight saving is where schedules surprise people, so a change that is near is told before it comes. */
function checkChanges({ jobs, zone }: Project, now: number): Check[] {
  const byZone = Map.groupBy(
    jobs.filter(({ schedule, enabled }) => enabled && schedule.kind === "cron"),
    ({ schedule }) => schedule.tz ?? zone,
  );
  return [...byZone].flatMap(([name, there]): Check[] => {
    const change = nextOffsetChange(name, now, now + soonMs);
    if (change === undefined) return [];
    const minutes = change.afterMinutes - change.beforeMinutes;
    const message = `clocks in ${name} go ${minutes > 0 ? "forward" : "back"} by ${Math.abs(minutes)} min at ${new Date(change.at).toISOString()} (${some(there.map((job) => job.name))})`;
    return [
      {
        area: "clock",
        name: "clock change",
        status: "warn",
        message,
        remedy: "See what becomes of the slots around it: runner next -n 20",
      },
    ];
  });
}
