/**
 * Watches what a project is read from. Only folders are watched, never each file: 10,000 job files cost a few watches. A watch only says that
 * somebody should look; whether something changed is told by the fingerprint, so that editors' swap files, a `touch` of a folder and events
 * that come twice change nothing, and a link or a folder that leads elsewhere now is seen.
 */
import { statSync, watch, type FSWatcher } from "node:fs";
import { changedPaths, fingerprint, type Fingerprint, type ProjectFiles } from "./fingerprint.ts";

export interface WatchOptions {
  /** Told of the files that changed, by their absolute paths; not told again before what it returns has settled. */
  readonly onChange: (paths: readonly string[]) => Promise<void>;
  /** Told once that changes are seen only by looking now and then, with the reason: the system gives no more watches. */
  readonly onUnwatched: (why: string) => void;
  /** Quiet time after the last event before anybody looks, in ms. Default 500: an editor writes a file in several steps. */
  readonly settleMs?: number;
  /**
   * When whoever watches began to read the files, epoch ms: what was changed since then may have been missed by that reading, and is told.
   * Default now.
   */
  readonly readAt?: number;
}

export interface ProjectWatch {
  /** The project is read from other files from now on. */
  follow(files: ProjectFiles): void;
  close(): void;
}

const defaultSettleMs = 500;
/** Whoever writes without a pause does not put the look off for longer than this, in ms. */
const longestSettleMs = 5_000;
/**
 * How often it looks without having been told to, in ms, for what no watch can say: a network disk, a link's far end. Looking takes at most a
 * four-thousandth of a processor, so with very many files it is less often; that a disk is slow to answer makes it no rarer.
 */
const lookAnywayMs = 60_000;
const lookShare = 4_000;
/** Never more seldom than this, in ms: at a start what else the process does meanwhile is counted with it. */
const longestAnywayMs = 600_000;

/** File systems count time more coarsely than clocks do, in ms. */
const clockTickMs = 20;

/** Starts watching; what changes after this has resolved is told. */
export async function watchProject(files: ProjectFiles, options: WatchOptions): Promise<ProjectWatch> {
  const watcher = new Watcher(files, options);
  await watcher.start();
  return watcher;
}

class Watcher implements ProjectWatch {
  readonly #options: WatchOptions;
  readonly #watches = new Map<string, { readonly watch: FSWatcher; readonly inode: string }>();
  #files: ProjectFiles;
  #seen: Fingerprint["stamps"] = new Map();
  #settling: NodeJS.Timeout | undefined;
  #unsettledSince = Number.POSITIVE_INFINITY;
  #anyway: NodeJS.Timeout | undefined;
  #looking = false;
  #again = false;
  #closed = false;
  #toldWhy = false;

  constructor(files: ProjectFiles, options: WatchOptions) {
    this.#files = files;
    this.#options = options;
  }

  async start(): Promise<void> {
    // The watches first: what changes between the two is then looked for once too often, and not once too seldom.
    this.#watch((await fingerprint(this.#files)).folders);
    const { stamps, folders, changedAt } = await this.#timed();
    this.#seen = stamps;
    this.#watch(folders);
    if (changedAt < (this.#options.readAt ?? Number.POSITIVE_INFINITY) - clockTickMs) return;
    this.#seen = new Map();
    this.#poke();
  }

  follow(files: ProjectFiles): void {
    const before = new Set([...this.#files.named, ...this.#files.configPlaces]);
    const fresh = [...files.named, ...files.configPlaces].filter((path) => !before.has(path));
    const moved = files.jobsDir !== this.#files.jobsDir;
    this.#files = files;
    // A file that was read just now and not watched before may have changed since: it is looked at again.
    if (moved || fresh.length > 0) this.#poke();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#settling);
    clearTimeout(this.#anyway);
    for (const { watch: one } of this.#watches.values()) one.close();
    this.#watches.clear();
  }

  #poke(): void {
    if (this.#closed) return;
    const now = performance.now();
    this.#unsettledSince = Math.min(this.#unsettledSince, now);
    const settleMs = this.#options.settleMs ?? defaultSettleMs;
    clearTimeout(this.#settling);
    const leftMs = Math.max(0, this.#unsettledSince + longestSettleMs - now);
    this.#settling = setTimeout(() => void this.#look(), Math.min(settleMs, leftMs));
  }

  async #look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    try {
      do {
        this.#again = false;
        this.#unsettledSince = Number.POSITIVE_INFINITY;
        const { stamps, folders } = await this.#timed();
        if (this.#closed) return;
        this.#watch(folders);
        const changed = changedPaths(this.#seen, stamps);
        this.#seen = stamps;
        if (changed.length > 0) await this.#options.onChange(changed);
      } while (this.#again && !this.#closed);
    } finally {
      this.#looking = false;
    }
  }

  async #timed(): Promise<Fingerprint> {
    const before = process.cpuUsage();
    const found = await fingerprint(this.#files);
    const { user, system } = process.cpuUsage(before);
    clearTimeout(this.#anyway);
    const pauseMs = Math.min(Math.max(lookAnywayMs, ((user + system) / 1_000) * lookShare), longestAnywayMs);
    if (!this.#closed) this.#anyway = setTimeout(() => void this.#look(), pauseMs);
    this.#anyway?.unref();
    return found;
  }

  /** Watches these folders and no others. One that was removed and made again has another inode and is watched anew. */
  #watch(folders: readonly string[]): void {
    if (this.#closed) return;
    const wanted = new Map(folders.flatMap((folder) => inodeOf(folder)).map(({ folder, inode }) => [folder, inode]));
    for (const [folder, { watch: one, inode }] of this.#watches) {
      if (wanted.get(folder) === inode) continue;
      one.close();
      this.#watches.delete(folder);
    }
    for (const [folder, inode] of wanted) if (!this.#watches.has(folder)) this.#watchOne(folder, inode);
  }

  #watchOne(folder: string, inode: string): void {
    try {
      const one = watch(folder, { persistent: false }, () => this.#poke());
      one.on("error", () => this.#poke());
      this.#watches.set(folder, { watch: one, inode });
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      // It was removed since it was found; its parent's watch tells.
      if (code === "ENOENT" || this.#toldWhy) return;
      this.#toldWhy = true;
      const why = code === "ENOSPC" || code === "EMFILE" ? `${code}: the system gives no more watches` : code;
      this.#options.onUnwatched(`${folder}: ${why}`);
    }
  }
}

function inodeOf(folder: string): { folder: string; inode: string }[] {
  try {
    const { dev, ino } = statSync(folder);
    return [{ folder, inode: `${dev}:${ino}` }];
  } catch {
    return [];
  }
}
