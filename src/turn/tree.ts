/**
 * The tree of processes that a turn's process started, as far as it can be known. A process that has been seen in the tree
 * stays known by pid and start time, so it is found again after its parent died and the system gave it a new one.
 */
import type { Cgroup } from "./cgroup.ts";
import type { Marker, ProcessEntry, ProcessTable } from "./process-table.ts";

/** What is known of the tree: start times by pid, and the process groups and sessions its members were seen in. */
export interface Lineage {
  /** Nothing that started before the turn's process can descend from it. */
  readonly notBefore: number;
  readonly known: Map<number, number>;
  /**
   * Undefined when groups say nothing: without the turn's own process it is not known that a group began in the tree, and a marked
   * process in a person's terminal would take the whole terminal with it.
   */
  readonly groups: Set<number> | undefined;
}

/** Processes that are never touched, whatever the table says: the system's first, our own and our parent, and our own group. */
export interface Untouchable {
  readonly pids: ReadonlySet<number>;
  readonly group: number;
}

/**
 * The members among the entries, dead ones included; adds what it learns to the lineage. Pure apart from that.
 * A member is a known process, a child of a member, or one in a group or session of a member. The last holds because the
 * turn's process starts a session of its own: every group and session a descendant can be in was made by a descendant.
 */
export function members(lineage: Lineage, entries: readonly ProcessEntry[], untouchable: Untouchable): ProcessEntry[] {
  const { known } = lineage;
  const groups = lineage.groups ?? new Set<number>();
  const found = new Map<number, ProcessEntry>();
  const isKnown = (entry: ProcessEntry): boolean => known.get(entry.pid) === entry.start;
  // When the group's number belongs to a process that is not ours, our group is gone and the number was given out again.
  const takenOver = new Set(
    entries.filter((entry) => groups.has(entry.pid) && known.has(entry.pid) && !isKnown(entry)).map((entry) => entry.pid),
  );
  const inGroup = (group: number): boolean => groups.has(group) && !takenOver.has(group);
  const possible = entries.filter((entry) => entry.start >= lineage.notBefore && !untouchable.pids.has(entry.pid));
  let grew = true;
  while (grew) {
    grew = false;
    for (const entry of possible) {
      if (found.has(entry.pid)) continue;
      const parent = found.get(entry.ppid);
      const isChild = parent !== undefined && parent.start <= entry.start;
      if (!isChild && !isKnown(entry) && !inGroup(entry.pgid) && !inGroup(entry.sid)) continue;
      found.set(entry.pid, entry);
      known.set(entry.pid, entry.start);
      for (const group of [entry.pgid, entry.sid]) if (group > 1 && group !== untouchable.group) lineage.groups?.add(group);
      grew = true;
    }
  }
  return [...found.values()];
}

/** The tree of one attempt, looked at now and then. */
export class Tree {
  readonly #table: ProcessTable;
  readonly #marker: Marker;
  readonly #lineage: Lineage;
  readonly #untouchable: Untouchable;
  readonly #cgroups: readonly Cgroup[];
  #timer: NodeJS.Timeout | undefined;
  #lastCostMs = 0;

  /** `root` is the turn's process; without one the tree is whatever carries the marker. `cgroups`: what is in one belongs to the tree. */
  constructor(table: ProcessTable, marker: Marker, root: ProcessEntry | undefined, cgroups: readonly Cgroup[] = []) {
    this.#cgroups = cgroups;
    this.#table = table;
    this.#marker = marker;
    const own = table.entry(process.pid);
    this.#untouchable = { pids: new Set([0, 1, process.pid, process.ppid]), group: own?.pgid ?? 0 };
    this.#lineage = {
      notBefore: root?.start ?? 0,
      known: new Map(root === undefined ? [] : [[root.pid, root.start]]),
      groups: root === undefined ? undefined : new Set([root.pid]),
    };
  }

  /** Living members by descent and group: a look at every process of the machine. */
  sample(): ProcessEntry[] {
    const began = performance.now();
    const living = members(this.#lineage, this.#list(), this.#untouchable).filter((entry) => !entry.zombie);
    this.#lastCostMs = performance.now() - began;
    return living;
  }

  /** Living members, and whatever else is in the group or carries the marker, with its own descendants. */
  sampleDeep(): ProcessEntry[] {
    const grouped = new Set(this.#cgroups.flatMap((cgroup) => cgroup.pids()));
    const entries = this.#list();
    for (const entry of entries) if (grouped.has(entry.pid) && !this.#untouchable.pids.has(entry.pid)) this.#adopt(entry);
    const found = new Set(members(this.#lineage, entries, this.#untouchable).map((entry) => entry.pid));
    for (const entry of entries) {
      // Only what can belong to the tree is looked at, so this reads a few environments and not all of the machine's.
      if (entry.zombie || found.has(entry.pid) || entry.start < this.#lineage.notBefore || this.#untouchable.pids.has(entry.pid))
        continue;
      if (this.#table.carries(entry.pid, this.#marker)) this.#adopt(entry);
    }
    return members(this.#lineage, entries, this.#untouchable).filter((entry) => !entry.zombie);
  }

  /** Whether the kernel counts anything alive in a group of the tree. */
  isPopulated(): boolean {
    return this.#cgroups.some((cgroup) => cgroup.isPopulated());
  }

  /** Living processes that hold one of these open and are not known yet; they are known from then on. */
  adoptHolders(files: ReadonlySet<string>): void {
    for (const entry of this.#list()) {
      if (entry.zombie || entry.start < this.#lineage.notBefore || this.#untouchable.pids.has(entry.pid)) continue;
      if (this.#table.openFiles(entry.pid).some((file) => files.has(file))) this.#adopt(entry);
    }
  }

  /** Samples now and then until `unwatch`, so that a process is known before it leaves its parent behind. */
  watch(): void {
    const again = (delayMs: number): void => {
      this.#timer = setTimeout(() => {
        this.sample();
        // Never more than 2 % of a core, however many processes the machine has.
        again(Math.max(Math.min(delayMs * 2, slowestSampleMs), this.#lastCostMs * 50));
      }, delayMs);
      this.#timer.unref();
    };
    again(firstSampleMs);
  }

  unwatch(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Sends a signal to living members: to their process groups, if they are the tree's, because a group is hit at once with what it forks.
   * Each member is looked at again first, so that a pid given out anew since the sample is left alone.
   */
  signal(living: readonly ProcessEntry[], signal: NodeJS.Signals): void {
    if (signal === "SIGKILL") for (const cgroup of this.#cgroups) cgroup.kill();
    const groups = new Set<number>();
    for (const member of living) {
      const now = this.#table.entry(member.pid);
      if (now === undefined || now.start !== member.start) continue;
      if (this.#lineage.groups?.has(now.pgid) === true) groups.add(now.pgid);
      else send(member.pid, signal);
    }
    for (const group of groups) send(-group, signal);
  }

  /** Only what can belong to the tree. */
  #list(): ProcessEntry[] {
    return this.#table.list(this.#lineage.notBefore);
  }

  #adopt(entry: ProcessEntry): void {
    this.#lineage.known.set(entry.pid, entry.start);
  }
}

/** A process needs about this long before it can have started another; a shorter turn is looked at when it says its result. */
const firstSampleMs = 200;
const slowestSampleMs = 1000;

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already, or not ours to signal; the next look at the table tells which.
  }
}
