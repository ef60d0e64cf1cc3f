/** Processes in a PID namespace of their own, as a container has one; where the system allows it to be made. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { OwnerState } from "../../src/engine/owner.ts";
import type { Owner } from "../../src/ledger/ledger.ts";
import { programFile } from "../fixtures/programs.ts";

const program = programFile("owner-elsewhere");

/** Of util-linux, where there is one. */
const unshare = "unshare";

/** `--kill-child`: whoever kills `unshare` kills what runs in the namespace, as a container's runtime does. */
const ways = {
  "with a /proc of its own": ["--pid", "--fork", "--kill-child", "--mount-proc"],
  "with another namespace's /proc": ["--pid", "--fork", "--kill-child"],
} as const;
export type Way = keyof typeof ways;
export const namespaces = (["with a /proc of its own", "with another namespace's /proc"] as const).filter(
  (way) => spawnSync(unshare, [...ways[way], "true"]).status === 0,
);

export interface Elsewhere {
  readonly owner: Owner;
  /** What it takes the other owner and itself for. */
  readonly state: OwnerState;
  readonly itself: OwnerState;
  readonly kill: () => Promise<void>;
}

export async function startElsewhere(way: Way, ...args: readonly string[]): Promise<Elsewhere> {
  const child = spawn(unshare, [...ways[way], process.execPath, program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const [said] = await once(child.stdout, "data");
  return {
    ...JSON.parse(String(said)),
    async kill() {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}
