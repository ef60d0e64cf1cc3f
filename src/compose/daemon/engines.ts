/**
 * The engine of a daemon, which may become another while runs are under way: they end with the one they began with, whose providers and
 * gateway stay until then. All of them write into one ledger.
 */
import type { Clock } from "../../engine/clock.ts";
import type { RunCarrier } from "../../engine/engine.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Project } from "../project.ts";
import { openRuntime, type Runtime, type Simulate } from "../runtime.ts";

export interface Engines extends RunCarrier {
  /** Runs that begin from now on are carried by an engine for this project, if it is one that would carry them otherwise. */
  use(project: Project): Promise<void>;
  close(): Promise<void>;
}

interface Generation {
  readonly runtime: Runtime;
  /** What of the project the engine is made of. */
  readonly madeOf: string;
  running: number;
  retired: boolean;
}

export async function openEngines(
  project: Project,
  options: { readonly ledger: Ledger; readonly clock: Clock; readonly simulate?: Simulate },
): Promise<Engines> {
  const open = async (of: Project): Promise<Generation> => ({
    runtime: await openRuntime(of, options),
    madeOf: madeOf(of),
    running: 0,
    retired: false,
  });
  let current = await open(project);
  return {
    async carryOn(job, run, request) {
      const mine = current;
      mine.running++;
      try {
        return await mine.runtime.engine.carryOn(job, run, request);
      } finally {
        mine.running--;
        if (mine.retired && mine.running === 0) await mine.runtime.close();
      }
    },
    async use(next) {
      if (madeOf(next) === current.madeOf) return;
      const before = current;
      current = await open(next);
      before.retired = true;
      if (before.running === 0) await before.runtime.close();
    },
    close: () => current.runtime.close(),
  };
}

function madeOf({ providers, defaultModel, defaultFallbacks, zone, scheduler }: Project): string {
  return JSON.stringify([[...providers], defaultModel, defaultFallbacks, zone, scheduler.killGraceMs]);
}
