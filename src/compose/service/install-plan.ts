/** From a wish to a plan: everything that `runner install` would write, and everything that is in the way, before anything is done. */
import { existsSync } from "node:fs";
import path from "node:path";
import { JobError, UsageError } from "../../errors.ts";
import { shellWord } from "../../load/shell-word.ts";
import type { Check } from "../doctor/check.ts";
import { loadProject, type Project } from "../project.ts";
import { crontabBlock, variablesOf, withBlock } from "./crontab.ts";
import { readCrontab } from "./crontab-program.ts";
import { environmentOf, serviceVariables } from "./environment.ts";
import { contentOf, findInstalled, folderInCrontab, isOf, projectOfUnit, type Where } from "./installed.ts";
import { emptyKeyFile, keyFilePath, readKeyFile, type KeyFile } from "./key-file.ts";
import { bootstrapSteps, launchdFolder, launchdLabel, launchdPlist, logFolder, stringsUnder } from "./launchd.ts";
import { lingers, managerProblems } from "./manager-there.ts";
import { checkNeeds, neededVariables } from "./needs.ts";
import { ownPrograms } from "./own-programs.ts";
import type { Change, Manager, Plan, Scope, Service } from "./service.ts";
import { enableSteps, systemctl, systemdUnits, unitFolder } from "./systemd.ts";
import { serviceUser } from "./users.ts";
import { configHomeOf, linkTo, ownName, projectFolder } from "./where.ts";

export interface Wish {
  readonly manager: Manager;
  readonly scope: Scope;
  readonly tick: boolean;
  readonly name: string | undefined;
  readonly runAs: string | undefined;
  /** Nothing will be written, so the manager need not be there. */
  readonly dryRun: boolean;
  readonly place: { readonly dir: string; readonly configFile: string | undefined; readonly stateDir: string | undefined };
  readonly env: NodeJS.ProcessEnv;
  /** What this process is: `process.execPath` and `process.argv[1]`. */
  readonly execPath: string;
  readonly entry: string;
}

export interface Proposal {
  readonly service: Service;
  readonly plan: Plan;
  /** What is in the way (`fail`), and what a person should know (`warn`). */
  readonly problems: readonly Check[];
  readonly notes: readonly string[];
}

/**
 * Changes nothing.
 * @throws UsageError for a wish that cannot be, ConfigError and JobError for a project that cannot be used.
 */
export async function planInstallation(wish: Wish): Promise<Proposal> {
  const { env, manager, scope } = wish;
  const projectDir = projectFolder(wish.place, env);
  const user = serviceUser(scope, projectDir, wish.runAs, env["HOME"]);
  const name = serviceName(wish.name, projectDir);
  const configHome = configHomeOf(env, user.home);
  const programs = ownPrograms(wish.execPath, wish.entry, env);
  const forOther = user.uid !== process.getuid?.();
  const variables = serviceVariables(env, programs.node, forOther);
  const keyFile = readKeyFile(keyFilePath(scope, configHome, name), manager);
  const crontab =
    manager === "crontab" && managerProblems(manager, scope, env).every(({ status }) => status !== "fail")
      ? readCrontab(env)
      : "";
  const fromFiles = { ...(manager === "crontab" ? variablesOf(crontab) : {}), ...keyFile.values };
  const seen = environmentOf(user, variables.environment, fromFiles);
  const { configFile, stateDir } = wish.place;
  const project = await loadProject({ dir: projectDir, configFile, stateDir, env: seen });
  if (project.issues.length > 0) throw new JobError(project.issues);
  const service: Service = {
    name,
    scope,
    user,
    projectDir,
    keyFile: keyFile.path,
    node: programs.node,
    entry: programs.entry,
    environment: variables.environment,
    options: [
      ...(configFile === undefined ? [] : ["--config", path.resolve(wish.place.dir, configFile)]),
      ...(stateDir === undefined ? [] : ["--state-dir", path.resolve(wish.place.dir, stateDir)]),
    ],
    tick: wish.tick || manager === "crontab",
    stopMs: project.scheduler.shutdownGraceMs + project.scheduler.killGraceMs,
    notifies: notifyPrograms.some((file) => existsSync(file)),
  };
  const where: Where = { projectDir, home: user.home, configHome, env };
  const { plan, problems } = planFor(service, manager, where, crontab);
  const keys = keyFileChange(
    service,
    keyFile,
    neededVariables(project).map(({ variable }) => variable),
    manager,
  );
  return {
    service,
    plan: { ...plan, changes: [...plan.changes, ...keys] },
    problems: [
      ...(wish.dryRun ? [] : managerProblems(manager, scope, env)),
      ...problems,
      ...programs.problems,
      ...keyFile.problems,
      ...checkNeeds(project, seen, env, keyFile.path),
    ],
    notes: [...programs.notes, ...variables.notes, ...notesOf(service, project, where, manager)],
  };
}

function serviceName(given: string | undefined, projectDir: string): string {
  if (given !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(given))
    throw new UsageError(`--name ${JSON.stringify(given)} is no name of a service`, {
      suggestion: "Write letters, digits, dots and dashes, at most 64.",
    });
  return given ?? ownName(projectDir);
}

/** The program by which the daemon tells systemd that it is up (src/cli/daemon/systemd.ts). */
const notifyPrograms = ["/usr/bin/systemd-notify", "/bin/systemd-notify", "/run/current-system/sw/bin/systemd-notify"];

interface Planned {
  readonly plan: Plan;
  readonly problems: readonly Check[];
}

function planFor(service: Service, manager: Manager, where: Where, crontab: string): Planned {
  const { projectDir, scope, user } = service;
  if (manager === "crontab") {
    const after = withBlock(crontab, folderInCrontab(crontab, projectDir), crontabBlock(service));
    const change: Change = { kind: "crontab", target: `crontab of ${user.name}`, before: crontab, after };
    return { plan: { changes: [change], folders: [], before: [], after: [] }, problems: [] };
  }
  if (manager === "launchd") {
    const file = path.join(launchdFolder(scope, user.home), `${launchdLabel(service)}.plist`);
    const before = contentOf(file);
    const change: Change = { kind: "file", target: file, before, after: launchdPlist(service) };
    const owner = before === undefined ? undefined : stringsUnder(before, "WorkingDirectory")[0];
    const after = bootstrapSteps(service, file, before !== undefined);
    const taken = before === undefined || isOf(owner, projectDir) ? [] : [nameTaken(file, owner)];
    return { plan: { changes: [change], folders: [logFolder(service)], before: [], after }, problems: taken };
  }
  return planSystemd(service, where);
}

function planSystemd(service: Service, where: Where): Planned {
  const { scope, name, user, projectDir } = service;
  const folder = unitFolder({ scope, configHome: where.configHome });
  const units = systemdUnits(service);
  const changes = units.map(({ file, text }): Change => {
    const target = path.join(folder, file);
    return { kind: "file", target, before: contentOf(target), after: text };
  });
  const problems = changes.flatMap(({ target, before }) => {
    const owner = before === undefined ? undefined : projectOfUnit(before);
    return before === undefined || isOf(owner, projectDir) ? [] : [nameTaken(target, owner)];
  });
  // What another installation of this name has left: the timer of `--tick`, and the link of what was enabled.
  const ours = findInstalled(where).filter((one) => one.manager === "systemd" && one.scope === scope && one.name === name);
  const enabled = path.join(folder, units[0]?.file ?? "");
  const stale = ours
    .flatMap(({ files }) => files)
    .filter(
      (file) =>
        !changes.some(({ target }) => target === file) && !ours.some(({ files }) => files[0] === enabled && files.includes(file)),
    );
  const removed = stale.map((target): Change => ({
    kind: target.includes(".wants/") ? "link" : "file",
    target,
    before: contentOf(target),
    after: undefined,
  }));
  const timers = stale.filter((file) => file.endsWith(".timer") && !file.includes(".wants/")).map((file) => path.basename(file));
  // The daemon goes by the unit's name, and the timer would wait for its end.
  const daemons = service.tick ? ours.filter(({ tick }) => !tick).map((one) => `runner-${one.name}.service`) : [];
  const before = [...timers, ...daemons].map((unit) => ({
    argv: systemctl(scope, "stop", unit),
    meaning: "what was installed before",
  }));
  const names = units.map(({ file }) => file);
  const after = enableSteps(scope, names, user.name, lingers(user.name) === true);
  return { plan: { changes: [...changes, ...removed], folders: [], before, after }, problems };
}

function nameTaken(file: string, owner: string | undefined): Check {
  const message =
    owner === undefined ? `${file} is there and was not made by runner install` : `${file} belongs to the project ${owner}`;
  const remedy = "Give this one another name: --name NAME";
  return { area: "service", name: "name", status: "fail", message, remedy };
}

/** A key file to fill in, where there is none. One that is there is never touched. */
function keyFileChange(
  { projectDir, user, scope }: Service,
  keyFile: KeyFile,
  names: readonly string[],
  manager: Manager,
): Change[] {
  if (keyFile.there) return [];
  const after = emptyKeyFile(projectDir, names);
  // systemd reads it itself; launchd and cron have the service read it.
  const owner = scope === "system" && manager === "launchd" ? { uid: user.uid, gid: user.gid } : undefined;
  return [
    { kind: "file", target: keyFile.path, before: undefined, after, mode: 0o600, ...(owner === undefined ? {} : { owner }) },
  ];
}

function notesOf(service: Service, project: Project, where: Where, manager: Manager): string[] {
  const { tick, scope, user, projectDir } = service;
  const notes: string[] = [];
  const link = linkTo(projectDir, where.env);
  if (link !== undefined)
    notes.push(
      `The service names ${projectDir}, to which ${link} leads now. If it is to follow that link: runner install --${manager} -C ${shellWord(link)}`,
    );
  if (user.uid === 0) notes.push(`It runs as root${scope === "system" ? "; name another user with --run-as USER" : ""}.`);
  if (tick && manager !== "crontab")
    notes.push(
      "While a run is under way there is no next tick: what falls due meanwhile is caught up. A daemon (without --tick) has no such pause.",
    );
  const others = findInstalled(where).filter(
    (one) => one.manager !== manager || one.scope !== scope || (one.manager !== "crontab" && one.name !== service.name),
  );
  for (const one of others)
    notes.push(
      `The project is also installed with ${one.manager} (${one.scope}${one.files[0] === undefined ? "" : `, ${one.files[0]}`}); one is enough: runner uninstall --${one.manager}${one.scope === "system" ? " --system" : ""}`,
    );
  notes.push(`Jobs of ${projectDir}, as ${user.name}; the ledger is ${project.stateDir}, the time zone ${project.zone}.`);
  return notes;
}
