/** The unit files of a service for systemd, version 240 and later. Pure. */
import { commandLine, runnerLine, stopMarginMs, type Service, type Step } from "./service.ts";
import { assignment, execLine, pathPattern, specifierFree } from "./systemd-words.ts";

/** The first line of everything that `runner install` writes for systemd, by which it is found again. */
export const unitMark = "# Made by `runner install` for the project ";

/** The daemon tells systemd that it lives at least twice in this time; without a sign it is killed and started again. */
const watchdogSeconds = 60;

interface UnitFile {
  readonly file: string;
  readonly text: string;
}

/** The unit files and their contents; the one that is enabled is the first. */
export function systemdUnits(service: Service): UnitFile[] {
  const unit = { file: `runner-${service.name}.service`, text: serviceUnit(service) };
  return service.tick ? [{ file: `runner-${service.name}.timer`, text: timerUnit(service) }, unit] : [unit];
}

function serviceUnit(service: Service): string {
  const { name, scope, user, projectDir, environment, keyFile, tick } = service;
  const system = scope === "system";
  return lines([
    `${unitMark}${projectDir}`,
    "[Unit]",
    `Description=runner: ${tick ? "what is due of " : ""}the jobs of ${specifierFree(projectDir)}`,
    // The manager of a user knows neither of these targets.
    system && "Wants=network-online.target",
    system && "After=network-online.target time-sync.target",
    !tick && "StartLimitIntervalSec=600",
    !tick && "StartLimitBurst=20",
    "",
    "[Service]",
    ...typeLines(service),
    system && `User=${user.name}`,
    `WorkingDirectory=${specifierFree(projectDir)}`,
    ...Object.entries(environment).map(([key, value]) => `Environment=${assignment(key, value)}`),
    "# Keys: NAME=value lines, mode 0600. They stand there and in no unit.",
    `EnvironmentFile=-${pathPattern(keyFile)}`,
    `ExecStart=${execLine(commandLine(service))}`,
    ...(tick ? [] : daemonLines(service)),
    "# TERM goes to runner alone, which ends its turns itself; KILL goes to whatever is left.",
    "KillMode=mixed",
    "# runner may make a control group for each turn.",
    "Delegate=yes",
    "# A turn that takes too much memory ends, not the service.",
    "OOMPolicy=continue",
    "# A core file would hold the keys.",
    "LimitCORE=0",
    `SyslogIdentifier=runner-${name}`,
    ...(tick ? [] : ["", "[Install]", `WantedBy=${system ? "multi-user.target" : "default.target"}`]),
  ]);
}

function typeLines({ tick, notifies }: Service): string[] {
  if (tick) return ["Type=oneshot"];
  if (!notifies) return ["Type=exec"];
  const told = "# It is systemd-notify that tells, a process of its own.";
  return ["Type=notify", told, "NotifyAccess=all", `WatchdogSec=${watchdogSeconds}`];
}

function daemonLines(service: Service): string[] {
  return [
    "# Comes back when the files are in force, and fails if the daemon refuses them.",
    `ExecReload=${execLine(runnerLine(service, "reload"))}`,
    "Restart=on-failure",
    "RestartSec=5",
    "# Started again it would only say the same: a wrong option, a missing permission, a wrong configuration.",
    "RestartPreventExitStatus=2 77 78",
    "# Stopped by a signal, as asked.",
    "SuccessExitStatus=130 143",
    "# shutdownGrace + killGrace of the configuration, and what it takes to write the last rows.",
    `TimeoutStopSec=${Math.ceil((service.stopMs + stopMarginMs) / 1_000)}`,
  ];
}

function timerUnit({ name, projectDir }: Service): string {
  return lines([
    `${unitMark}${projectDir}`,
    "[Unit]",
    `Description=runner: each minute, what is due of the jobs of ${specifierFree(projectDir)}`,
    "",
    "[Timer]",
    "OnCalendar=*-*-* *:*:00",
    "AccuracySec=1s",
    "# Persistent= is not needed: what passed while the machine was off is in the ledger, and each job's catchUp decides about it.",
    `Unit=runner-${name}.service`,
    "",
    "[Install]",
    "WantedBy=timers.target",
  ]);
}

function lines(parts: readonly (string | false)[]): string {
  return `${parts.filter((part) => part !== false).join("\n")}\n`;
}

/** Where systemd looks for units that a person wrote. */
export function unitFolder({ scope, configHome }: { readonly scope: Service["scope"]; readonly configHome: string }): string {
  return scope === "system" ? "/etc/systemd/system" : `${configHome}/systemd/user`;
}

/** The link that `systemctl enable` makes for a unit, below its folder. */
export function wantsLink(unit: string, scope: Service["scope"]): string {
  const target = unit.endsWith(".timer") ? "timers" : scope === "system" ? "multi-user" : "default";
  return `${target}.target.wants/${unit}`;
}

/** A command to the manager of that scope. */
export function systemctl(scope: Service["scope"], ...words: readonly string[]): string[] {
  return ["systemctl", ...(scope === "user" ? ["--user"] : []), ...words];
}

/** What puts the units in force; the first of `units` is the one to enable. */
export function enableSteps(scope: Service["scope"], units: readonly string[], userName: string, lingers: boolean): Step[] {
  const [unit = ""] = units;
  const steps: Step[] = [
    { argv: systemctl(scope, "daemon-reload"), meaning: "systemd reads the new files" },
    { argv: systemctl(scope, "enable", unit), meaning: "from now on at each start of the machine" },
    { argv: systemctl(scope, "restart", unit), meaning: "and now" },
  ];
  if (scope === "system" || lingers) return steps;
  const argv = ["loginctl", "enable-linger", userName];
  return [...steps, { argv, meaning: "without it, it ends when you log out", byHand: true }];
}

export function disableSteps(scope: Service["scope"], units: readonly string[]): { before: Step[]; after: Step[] } {
  return {
    before: [{ argv: systemctl(scope, "stop", ...units), meaning: "it ends; running turns get their grace" }],
    after: [{ argv: systemctl(scope, "daemon-reload"), meaning: "systemd forgets the files" }],
  };
}
