/** Who fires the jobs: a daemon that runs, what `runner install` has made, and whether that finds what it starts. Changes nothing. */
import { accessSync, constants } from "node:fs";
import os from "node:os";
import { ConfigError } from "../../errors.ts";
import { isLeaseOver } from "../../engine/lease.ts";
import { otherProjectOf, otherProjectRemedy } from "../../engine/other-project.ts";
import { ownerStateBy, thisOwner } from "../../engine/owner.ts";
import type { Leader } from "../../ledger/ledger.ts";
import { openProjectLedger, type Project } from "../project.ts";
import { environmentOf } from "../service/environment.ts";
import { findInstalled, type Installed } from "../service/installed.ts";
import { configHomeOf } from "../service/where.ts";
import { keyFilePath, readKeyFile, type KeyFile } from "../service/key-file.ts";
import { cronRuns, lingers, noCron } from "../service/manager-there.ts";
import { checkNeeds } from "../service/needs.ts";
import { serviceUser } from "../service/users.ts";
import type { Check } from "./check.ts";

interface SchedulerFindings {
  readonly checks: readonly Check[];
  /** Variables that an installed service has from a file of keys, each with that file. */
  readonly keyFiles: ReadonlyMap<string, string>;
}

export async function checkScheduler(project: Project): Promise<SchedulerFindings> {
  const { env } = project.place;
  const home = env["HOME"] ?? os.homedir();
  const where = { projectDir: project.projectDir, home, configHome: configHomeOf(env, home), env };
  const { installed, checks } = lookFor(() => findInstalled(where));
  const leader = await livingLeader(project);
  const services = installed.map((one) => ({ one, keyFile: keyFileOf(one, where.configHome) }));
  const found = [
    ...checkFiring(project, leader, installed),
    ...checks,
    ...services.flatMap(({ one, keyFile }) => [
      ...checkPlace(one),
      ...checkStarted(one),
      ...checkEnvironment(one, project, keyFile),
    ]),
  ];
  const keys = services.flatMap(({ keyFile }) => {
    const held = Object.entries(keyFile.values ?? {}).filter(([, value]) => (value ?? "").trim() !== "");
    return held.map(([variable]): [string, string] => [variable, keyFile.path]);
  });
  return { checks: found, keyFiles: new Map(keys) };
}

/** A crontab that this user may not see is a finding, not the end of the examination. */
function lookFor(find: () => Installed[]): { readonly installed: readonly Installed[]; readonly checks: readonly Check[] } {
  try {
    return { installed: find(), checks: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { installed: [], checks: [{ area: "scheduler", name: "crontab", status: "warn", message: error.message }] };
  }
}

/** The daemon that leads; undefined if none is alive. The ledger's own state is looked at elsewhere, so what it throws is not told here. */
async function livingLeader(project: Project): Promise<Leader | undefined> {
  const ledger = await openProjectLedger(project, { create: false }).catch(() => undefined);
  if (ledger === undefined) return undefined;
  try {
    const leader = await ledger.leader();
    if (leader === undefined) return undefined;
    const state = ownerStateBy((owner) => ledger.ownerLock(owner))(leader.owner);
    return state === "alive" || (state === "elsewhere" && !isLeaseOver(leader, Date.now())) ? leader : undefined;
  } catch {
    return undefined;
  } finally {
    await ledger.close();
  }
}

function checkFiring({ jobs, projectDir }: Project, leader: Leader | undefined, installed: readonly Installed[]): Check[] {
  const base = { area: "scheduler", name: "scheduler" } as const;
  if (leader !== undefined) {
    const { owner, startedAt, version } = leader;
    const other = otherProjectOf(leader, projectDir, thisOwner());
    if (other !== undefined) {
      const message = `the daemon with pid ${owner.pid} fires the jobs of another project, ${other}, with the same state folder, and none of this one's`;
      return [{ ...base, status: "fail", message, remedy: `To mend it: ${otherProjectRemedy}` }];
    }
    const message = `a daemon fires the jobs: pid ${owner.pid} on ${owner.host}, version ${version}, since ${new Date(startedAt).toISOString()}`;
    return [{ ...base, status: "ok", message }];
  }
  const due = jobs.filter(({ enabled, schedule }) => enabled && schedule.kind !== "manual").length;
  if (due === 0) return [{ ...base, status: "ok", message: "no job here has a schedule" }];
  const ticking = installed.find(({ tick }) => tick);
  if (ticking !== undefined)
    return [{ ...base, status: "ok", message: `${ticking.manager} fires the jobs each minute (runner tick)` }];
  const [daemon] = installed;
  const words = `${due} ${due === 1 ? "job has a schedule" : "jobs have a schedule"}`;
  if (daemon !== undefined) {
    const message = `${words}, and ${daemon.files[0]} is installed and does not run`;
    const remedy = `Start it with the lines that this shows: runner install --${daemon.manager} --dry-run`;
    return [{ ...base, status: "warn", message, remedy }];
  }
  const message = `${words}, and nothing fires ${due === 1 ? "it" : "them"}`;
  return [
    { ...base, status: "warn", message, remedy: "Now: runner start. For good: runner install --systemd, --launchd or --crontab" },
  ];
}

/** What the manager itself needs, beside what it starts. */
function checkPlace({ manager, scope }: Installed): Check[] {
  if (manager === "crontab") return cronRuns() === false ? [{ ...noCron, area: "scheduler" }] : [];
  const user = os.userInfo().username;
  if (manager !== "systemd" || scope !== "user" || lingers(user) !== false) return [];
  const message = `the service of ${user} ends when ${user} logs out`;
  return [{ area: "scheduler", name: "linger", status: "warn", message, remedy: `loginctl enable-linger ${user}` }];
}

/** Node or runner may have been removed or moved since. */
function checkStarted({ manager, command }: Installed): Check[] {
  const base = { area: "scheduler", name: manager } as const;
  const files = command.filter((word, at) => word.startsWith("/") && at < command.findIndex(isVerb));
  const gone = files.filter((file) => !isThere(file));
  if (files.length < 2 || gone.length > 0) {
    const message =
      gone.length === 0 ? "what it starts cannot be made out" : `starts ${gone.join(" and ")}, which is not there any more`;
    return [{ ...base, status: "fail", message, remedy: `Install it again: runner install --${manager}` }];
  }
  return [{ ...base, status: "ok", message: `starts ${files.join(" ")}` }];
}

function isVerb(word: string): boolean {
  return word === "start" || word === "tick";
}

function isThere(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function keyFileOf(one: Installed, configHome: string): KeyFile {
  const named = one.command.find((word) => word.startsWith("--env-file"));
  const path = named?.slice(named.indexOf("=") + 1) ?? keyFilePath(one.scope, configHome, one.name);
  return readKeyFile(path, one.manager);
}

/** Keys and programs as the service will find them, which need not be as this shell does. */
function checkEnvironment(one: Installed, project: Project, keyFile: KeyFile): Check[] {
  // Keys of the machine's own service are not this user's to see.
  if (keyFile.values === undefined && keyFile.there) return [...keyFile.problems];
  const user = serviceUser("user", project.projectDir, undefined, project.place.env["HOME"]);
  const env = environmentOf(user, one.environment, { ...one.inherited, ...keyFile.values });
  return [...keyFile.problems, ...checkNeeds(project, env, project.place.env, keyFile.path)].map((check): Check => ({
    ...check,
    area: "scheduler",
  }));
}
