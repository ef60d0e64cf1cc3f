/** What a command needs to end runs and to begin a job afresh: the machine's own part of it. */
import { breakerKeys } from "../engine/breakers.ts";
import type { EndRunParts } from "../engine/end-run.ts";
import { ownerStateBy } from "../engine/owner.ts";
import type { Job } from "../job/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { endLeftovers } from "../turn/index.ts";
import { quotas } from "./models.ts";
import type { Project } from "./project.ts";

/** From TERM to KILL for what a dead run left behind. */
const sweepGraceMs = 2_000;

async function sweep(runId: string): Promise<boolean> {
  return (await endLeftovers({ runId }, sweepGraceMs)).confirmed;
}

export function endRunParts(ledger: Ledger): EndRunParts {
  return { ledger, ownerState: ownerStateBy((owner) => ledger.ownerLock(owner)), sweep, now: Date.now };
}

/** A model by its name, and the breakers under which it may be left alone. */
export interface JobModel {
  readonly provider: string;
  readonly model: string;
  readonly breakers: readonly string[];
}

/** The models that a job may ask; none of a plain command. */
export function modelsOf(project: Project, { payload }: Job): readonly JobModel[] {
  if (payload.kind === "command") return [];
  const names = [payload.model ?? project.defaultModel, ...(payload.fallbacks ?? project.defaultFallbacks)];
  const quotaOf = quotas(project.providers);
  return [...new Set(names)].flatMap((name) => {
    const [, provider, model] = /^([^/]+)\/(.+)$/.exec(name ?? "") ?? [];
    if (provider === undefined || model === undefined) return [];
    return [{ provider, model, breakers: [...breakerKeys({ provider, model }, quotaOf).keys()] }];
  });
}
