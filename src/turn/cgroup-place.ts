/**
 * Whether this process may make control groups (cgroups(7), version 2) below its own, and where that is. The kernel keeps whatever a process
 * starts in its group, whatever that does with sessions, parents and environments, so nothing gets out of one; but groups belong to whoever
 * manages them, so only what is delegated to us is used (systemd's `Delegate=`), or what nobody manages.
 */

export type CgroupPlace =
  /** The folder of our own group: the groups of attempts are made below it, and runner itself stays where it is. */
  { readonly kind: "cgroup"; readonly folder: string } | { readonly kind: "none"; readonly why: string };

/** What the system says of itself. */
export interface CgroupFacts {
  /** /proc/self/cgroup */
  readonly own: string;
  /** /proc/self/mountinfo */
  readonly mounts: string;
  /** Whether systemd manages the groups of this machine (sd_booted(3)). */
  readonly systemd: boolean;
  /** Whether files below a folder may be made there. */
  readonly writable: (folder: string) => boolean;
  /** `Delegate=` of a unit, as systemd tells it; of the user's manager, if `user`. */
  readonly delegated: (unit: string, user: boolean) => Promise<boolean>;
}

/** @see cgroups(7), "/proc files"; systemd's CGROUP_DELEGATION document for who may make groups where. */
export async function cgroupPlace(facts: CgroupFacts): Promise<CgroupPlace> {
  const path = /^0::(\/.*)$/m.exec(facts.own)?.[1];
  const mount = path === undefined ? undefined : mountOf(facts.mounts, path);
  if (path === undefined || mount === undefined) return none("this system shows no cgroups of version 2");
  const folder = (mount.at + path.slice(mount.root === "/" ? 0 : mount.root.length)).replace(/\/+$/, "");
  if (!facts.writable(folder)) return none(`${folder} is not writable`);
  if (!facts.systemd) return { kind: "cgroup", folder };
  const parts = path.split("/");
  const unit = parts.findLast((part) => /\.(?:service|scope)$/.test(part));
  if (unit === undefined) return none("runner is in no unit of systemd, which manages the cgroups of this machine");
  // The units of a user's manager lie below that manager's own.
  const user = parts.slice(0, parts.lastIndexOf(unit)).some((part) => /^user@\d+\.service$/.test(part));
  if (await facts.delegated(unit, user)) return { kind: "cgroup", folder };
  return none(`${unit} does not say Delegate=yes`);
}

const none = (why: string): CgroupPlace => ({ kind: "none", why });

interface Mount {
  readonly root: string;
  readonly at: string;
}

/** Where the group of this path can be seen: a line of proc_pid_mountinfo(5) is `id parent major:minor root mount-point options … - type …`. */
function mountOf(mounts: string, path: string): Mount | undefined {
  for (const line of mounts.split("\n")) {
    const [own = "", type = ""] = line.split(" - ");
    if (!type.startsWith("cgroup2 ")) continue;
    const [, , , root = "", at = ""] = own.split(" ");
    if (root === "/" || path === root || path.startsWith(`${root}/`)) return { root, at: unescaped(at) };
  }
  return undefined;
}

/** Blanks and the like in a mount point are written as octal numbers there. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
