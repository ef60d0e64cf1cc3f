/** Which models a run may ask, on which rungs. */
import { UsageError } from "../errors.ts";
import type { Job } from "../job/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { buildLadder, type Rung } from "../run/ladder.ts";
import type { TurnSpec } from "../turn/turn.ts";
import type { EngineParts, RunRequest } from "./parts.ts";

export interface RunPlan {
  readonly modelAsked: string;
  readonly ladder: readonly Rung[];
  readonly dialect: TurnSpec["dialect"];
  /** What the ladder owes to earlier runs, in words. */
  readonly notes: readonly string[];
}

/** Which models on which rungs, best first. Reads the ledger's memory of broken streams; changes nothing. */
export async function planRun(
  parts: Pick<EngineParts, "resolveModel" | "defaults" | "clock" | "simulated" | "strict"> & {
    readonly ledger: Pick<Ledger, "rungMemories"> | undefined;
  },
  job: Job,
  request: Pick<RunRequest, "model" | "stream">,
): Promise<RunPlan> {
  // A plain job asks no model.
  if (job.payload.kind === "command") return { modelAsked: "", ladder: [], dialect: "anthropic-messages", notes: [] };
  const own = [job.payload.model ?? parts.defaults.model, ...(job.payload.fallbacks ?? parts.defaults.fallbacks)];
  // A model the job itself names twice is noted by the ladder; that the one asked for is also the job's own needs no note.
  const names = [request.model, ...own.filter((name) => name !== request.model)].filter((name) => name !== undefined);
  const models = names.map(parts.resolveModel);
  const [first] = models;
  const [modelAsked] = names;
  if (first === undefined || modelAsked === undefined)
    throw new UsageError(`the job ${job.name} names no model, and the configuration names none either`);
  const now = parts.clock.now();
  const strict = parts.strict === true;
  const memories = parts.simulated || strict ? [] : ((await parts.ledger?.rungMemories(now)) ?? []);
  const { rungs, notes } = buildLadder({ models, stream: request.stream ?? job.payload.stream, memories, now });
  return { modelAsked, ladder: strict ? rungs.slice(0, 1) : rungs, dialect: first.dialect, notes: strict ? [] : notes };
}
