/**
 * Opens paths below a folder, and nowhere else, whatever links say and whoever swaps one in between: every component is opened by itself
 * from the folder before it, never following a link; links are read and walked by hand. So there is no moment between a check and its use.
 * That needs /proc/self/fd (Linux). Elsewhere each folder is named by its path and looked at once more at the end, which leaves a gap.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, mkdirSync, type Stats } from "node:fs";

/** A path that leads out of the folder, or into what is no file. Nothing was touched, but for folders that were made on the way. */
export class OutsideError extends Error {
  override readonly name = "OutsideError";
  madeFolders = false;
}

/** A folder that is held open, and the last name of the path, which need not exist. `name` is undefined for the folder itself. */
export interface Place {
  /** Path of the folder that holds it, good until `close`. */
  readonly folder: string;
  readonly name: string | undefined;
  close(): void;
}

/** As the kernel's own limit on links in one path. */
const linkLimit = 40;
const pathLimit = 4_096;

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Walks to the folder that holds the path's last component. Links are followed as long as they stay below; the last component only if
 * `followLast`. With `makeFolders` missing folders are made.
 * @throws OutsideError, or the system's error.
 */
export function placeBelow(root: string, path: string, options: { followLast: boolean; makeFolders?: boolean }): Place {
  const realRoot = realpathSync(root);
  const left = componentsOf(path, realRoot);
  const folders = new Folders(realRoot);
  let links = 0;
  let made = false;
  try {
    for (;;) {
      const name = left.shift();
      if (name === undefined) return { folder: folders.here(), name: undefined, close: () => folders.close() };
      if (name === "..") {
        if (!folders.leave()) throw new OutsideError(`${path} leads out of the work folder`);
        continue;
      }
      const last = left.length === 0;
      const target = last && !options.followLast ? undefined : linkTarget(`${folders.here()}/${name}`);
      if (target !== undefined) {
        links += 1;
        if (links > linkLimit) throw new OutsideError(`${path} goes through more than ${linkLimit} links`);
        if (target.startsWith("/")) folders.backToRoot();
        left.unshift(...componentsOf(target, realRoot));
        continue;
      }
      if (last) return { folder: folders.here(), name, close: () => folders.close() };
      if (options.makeFolders === true && makeFolder(`${folders.here()}/${name}`)) made = true;
      folders.enter(name);
    }
  } catch (error) {
    folders.close();
    if (error instanceof OutsideError) error.madeFolders = made;
    throw error;
  }
}

const byDescriptor = process.platform === "linux";

/** The folders walked through, from the root down, each held open. */
class Folders {
  readonly #open: { readonly fd: number; readonly path: string }[];

  constructor(realRoot: string) {
    this.#open = [{ fd: openSync(realRoot, constants.O_RDONLY | constants.O_DIRECTORY), path: realRoot }];
  }

  /** How the system is asked for something in the last one. */
  here(): string {
    const last = this.#open.at(-1);
    if (last === undefined) throw new Error("the folder was closed");
    if (byDescriptor) return `/proc/self/fd/${last.fd}`;
    if (realpathSync(last.path) !== last.path) throw new OutsideError(`${last.path} was replaced by a link meanwhile`);
    return last.path;
  }

  enter(name: string): void {
    const folder = this.here();
    const path = `${this.#open.at(-1)?.path ?? ""}/${name}`;
    this.#open.push({ fd: openSync(`${folder}/${name}`, folderFlags), path });
  }

  /** False at the root. */
  leave(): boolean {
    if (this.#open.length === 1) return false;
    this.#closeFrom(this.#open.length - 1);
    return true;
  }

  backToRoot(): void {
    this.#closeFrom(1);
  }

  close(): void {
    this.#closeFrom(0);
  }

  #closeFrom(index: number): void {
    for (const { fd } of this.#open.splice(index)) closeSync(fd);
  }
}

/** The components from the root down; `..` is kept, because what it means depends on links. */
function componentsOf(path: string, realRoot: string): string[] {
  if (path.includes("\0")) throw new OutsideError("a path cannot hold a NUL");
  if (path.length > pathLimit) throw new OutsideError(`a path may have ${pathLimit} characters at most`);
  const isBelow = path === realRoot || path.startsWith(`${realRoot}/`);
  if (path.startsWith("/") && !isBelow) throw new OutsideError(`${path} is outside the work folder`);
  const rest = path.startsWith("/") ? path.slice(realRoot.length) : path;
  return rest.split("/").filter((name) => name !== "" && name !== ".");
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // Not a link, or not there: opening it tells which.
    return undefined;
  }
}

/** Whether it had to be made. */
function makeFolder(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
    return false;
  }
}

/**
 * Opens a regular file below the folder, and gives its descriptor, which is the caller's to close. Devices, pipes and sockets are refused
 * without waiting for their other end.
 */
export function openFileBelow(root: string, path: string, flags: number, makeFolders = false): { fd: number; stats: Stats } {
  const place = placeBelow(root, path, { followLast: true, makeFolders });
  try {
    if (place.name === undefined) throw new OutsideError(`${path} is a folder`);
    const fd = openSync(
      `${place.folder}/${place.name}`,
      flags | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY,
      0o666,
    );
    const stats = fstatSync(fd);
    if (stats.isFile()) return { fd, stats };
    closeSync(fd);
    throw new OutsideError(`${path} is ${stats.isDirectory() ? "a folder" : "no file (a device, pipe or socket)"}`);
  } finally {
    place.close();
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
