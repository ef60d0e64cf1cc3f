/**
 * A project as a service of the machine: what is installed so that its jobs fire without anybody starting `runner`. The texts of the files
 * are made in one file a manager (systemd.ts, launchd.ts, crontab.ts) from the same facts.
 */

/** Who starts runner. */
export const managers = ["systemd", "launchd", "crontab"] as const;
export type Manager = (typeof managers)[number];

/** Of one user's session, or of the whole machine. */
export type Scope = "user" | "system";

/** Whom the service runs as. */
export interface ServiceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Absolute. */
  readonly home: string;
}

/** Everything the text of a service is made of. Holds no secret: keys are read from `keyFile` when the service starts. */
export interface Service {
  /** `fpl` of `runner-fpl.service`: letters, digits, dots and dashes. */
  readonly name: string;
  readonly scope: Scope;
  readonly user: ServiceUser;
  /** The project's folder, absolute. */
  readonly projectDir: string;
  /** The program of Node and the file it is to run, absolute. */
  readonly node: string;
  readonly entry: string;
  /** Further options of runner, such as `--state-dir /srv/state`. */
  readonly options: readonly string[];
  /** A run of `runner tick` each minute in place of a daemon. */
  readonly tick: boolean;
  /** Variables that the service gets beside the ones its manager sets. Never a secret. */
  readonly environment: Readonly<Record<string, string>>;
  /** The file with the keys, mode 0600, absolute. */
  readonly keyFile: string;
  /** How long the daemon may take to end: `scheduler.shutdownGrace` and `scheduler.killGrace`. */
  readonly stopMs: number;
  /** The daemon can tell systemd that it is up. */
  readonly notifies: boolean;
}

/** A thing that is written or removed. Text is what stands in it, or for a crontab all of it, as one byte a character (latin1). */
export interface Change {
  /** The file's path, absolute, or `crontab of USER`. */
  readonly target: string;
  readonly kind: "file" | "link" | "crontab";
  /** Undefined: there is none. */
  readonly before: string | undefined;
  /** Undefined: it is removed. */
  readonly after: string | undefined;
  /** Mode of a file that is made. */
  readonly mode?: number;
  /** Whom a file that is made is given to; left out: to whoever makes it. */
  readonly owner?: Pick<ServiceUser, "uid" | "gid">;
}

/** A command for a person, or for `--now`. */
export interface Step {
  readonly argv: readonly string[];
  /** What for. */
  readonly meaning: string;
  /** `--now` leaves it to the person. */
  readonly byHand?: boolean;
}

export interface Plan {
  readonly changes: readonly Change[];
  /** Folders that the manager expects and does not make. */
  readonly folders: readonly string[];
  /** Commands before the changes are made, and after. */
  readonly before: readonly Step[];
  readonly after: readonly Step[];
}

/** From the daemon's own limits to the moment its manager kills it: what it takes to write the last rows. */
export const stopMarginMs = 10_000;

/** What the manager has to start, beginning with the program. */
export function commandLine(service: Service, nodeOptions: readonly string[] = []): string[] {
  return runnerLine(service, service.tick ? "tick" : "start", nodeOptions);
}

/** A command of runner's for the service's project. `-C` and the options stand behind its name. */
export function runnerLine(
  { node, entry, projectDir, options }: Service,
  command: "start" | "tick" | "reload",
  nodeOptions: readonly string[] = [],
): string[] {
  return [node, ...nodeOptions, entry, command, "-C", projectDir, ...options];
}
