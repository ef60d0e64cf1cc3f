/** Ends a tree of processes: TERM, grace, KILL, and does not return before it is confirmed dead or cannot be. */
import { setTimeout as wait } from "node:timers/promises";
import { Tree } from "./tree.ts";
import type { Cleanup } from "./turn.ts";

/** How long after KILL something may still be seen, in ms. Longer means the system cannot end it (an uninterruptible wait, another user's). */
const confirmMs = 5_000;

/** Between two looks while waiting, in ms: short at first, for most processes end at once. */
const firstLookMs = 2;
const slowestLookMs = 100;

export interface EndOptions {
  /** From TERM to KILL, in ms. */
  readonly graceMs: number;
  /** Default `confirmMs`. */
  readonly confirmMs?: number;
  /** Whether a member counts as one that had to be ended; asked when it is first signalled. Default: every one. */
  readonly counts?: (pid: number) => boolean;
}

/** Ends every living member of the tree. Never throws. */
export async function endTree(tree: Tree, options: EndOptions): Promise<Cleanup> {
  const ended = new Set<string>();
  const termed = new Set<string>();
  const counts = options.counts ?? (() => true);

  const round = (signal: NodeJS.Signals): boolean => {
    const living = tree.sampleDeep();
    const fresh = signal === "SIGKILL" ? living : living.filter((entry) => !termed.has(`${entry.pid}:${entry.start}`));
    for (const entry of living) {
      termed.add(`${entry.pid}:${entry.start}`);
      if (counts(entry.pid)) ended.add(`${entry.pid}:${entry.start}`);
    }
    tree.signal(fresh, signal);
    return living.length === 0 && !tree.isPopulated();
  };

  if (await until(() => round("SIGTERM"), options.graceMs)) return { killed: ended.size, confirmed: true };
  const confirmed = await until(() => round("SIGKILL"), options.confirmMs ?? confirmMs);
  return { killed: ended.size, confirmed };
}

/** Asks until the answer is true or the time is over; asks at least once more at its very end. */
async function until(holds: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  let lookMs = firstLookMs;
  for (;;) {
    if (holds()) return true;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    await wait(Math.min(lookMs, leftMs));
    lookMs = Math.min(lookMs * 2, slowestLookMs);
  }
}

const treesAlive = new Set<Tree>();

/** When our own process exits in the middle (a second Ctrl-C, a bug), its turns go with it, as far as one look can find them. */
export function killOnExit(tree: Tree): () => void {
  if (treesAlive.size === 0) process.on("exit", killAll);
  treesAlive.add(tree);
  return () => {
    treesAlive.delete(tree);
    if (treesAlive.size === 0) process.off("exit", killAll);
  };
}

function killAll(): void {
  for (const tree of treesAlive) tree.signal(tree.sampleDeep(), "SIGKILL");
}
