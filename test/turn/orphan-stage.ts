/** Turns that are timed out while they leave behind what is hard to end, and what of it is still there afterwards. */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { carryOut } from "../../src/turn/spawn.ts";
import type { Cleanup } from "../../src/turn/turn.ts";

/** Never ends by itself and ignores what can be ignored. */
const stays = 'trap "" TERM INT HUP; while :; do sleep 1; done';

/**
 * Each begins a process that ignores TERM and whose parent is gone (`( … & )`), in a way of its own. `TOKEN` is in its command line and in no
 * other, so that it is found whatever it has shaken off.
 */
export const orphanKinds = {
  "double fork, holds stdout": `( sh -c '${stays}' TOKEN & )`,
  "own session, holds stdout": `( setsid sh -c '${stays}' TOKEN & )`,
  "own session, environment cleared, holds stdout": `( env -i setsid sh -c '${stays}' TOKEN & )`,
  "own session twice, marker kept, all pipes closed": `( setsid sh -c "setsid sh -c '${stays.replaceAll('"', '\\"')}' TOKEN & " </dev/null >/dev/null 2>&1 & )`,
  "own session twice, environment cleared, all pipes closed": `( env -i setsid sh -c "setsid sh -c '${stays.replaceAll('"', '\\"')}' TOKEN & " </dev/null >/dev/null 2>&1 & )`,
} as const;

export type OrphanKind = keyof typeof orphanKinds;

export interface Stopped {
  /** From the time limit to the end of the attempt, ms. */
  readonly stopMs: number;
  readonly cleanup: Cleanup;
  /** How many of what it had begun were seen while it ran. */
  readonly begun: number;
  /** Their pids that still live. */
  readonly orphans: readonly number[];
}

/**
 * A command that begins one of the kind, ignores TERM itself, and is timed out. On a machine so busy that it has begun nothing when its time is
 * over there is nothing to judge, and it gets more time.
 */
export async function timeOut(kind: OrphanKind, killGraceMs: number, attemptMs = 600): Promise<Stopped> {
  const stopped = await timeOutAfter(kind, killGraceMs, attemptMs);
  return stopped.begun > 0 || attemptMs > 10_000 ? stopped : timeOut(kind, killGraceMs, attemptMs * 3);
}

async function timeOutAfter(kind: OrphanKind, killGraceMs: number, attemptMs: number): Promise<Stopped> {
  const token = `orphan-${randomUUID()}`;
  const script = `${orphanKinds[kind].replaceAll("TOKEN", token)}; ${stays}`;
  const runId = `run-${token}`;
  let begun = 0;
  // Until it was seen, and no longer: looking costs the time that is measured.
  const look = setInterval(() => {
    begun = carrying(token).length;
    if (begun > 0) clearInterval(look);
  }, 100);
  let startedAt = performance.now();
  const { cleanup } = await carryOut({
    file: "sh",
    args: ["-c", script],
    env: { PATH: process.env["PATH"] ?? "", RUNNER_RUN_ID: runId, RUNNER_ATTEMPT: "1" },
    cwd: "/",
    // Asked when the process has been started, which is when its time begins.
    input: () => {
      startedAt = performance.now();
      return Promise.resolve("");
    },
    marker: { runId, attempt: 1 },
    givesResult: false,
    limits: { attemptMs, killGraceMs, resultBytes: 0, stdoutBytes: 1_000, stderrBytes: 1_000 },
    signal: new AbortController().signal,
  });
  const stopMs = performance.now() - startedAt - attemptMs;
  clearInterval(look);
  return { stopMs, cleanup, begun, orphans: carrying(token) };
}

/** Living processes, other than the turn's own shell, whose command line ends with the token. */
function carrying(token: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "latin1")
        .split("\0")
        .filter((word) => word !== "");
      return words.at(-1) === token ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
