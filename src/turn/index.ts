/** The list of turn kinds: one line each. */
import { createAgentTurn, type AgentTurnOptions } from "./agent.ts";
import { createCommandTurn } from "./command.ts";
import type { Judge, Turn } from "./turn.ts";

export { cgroupFor, cgroupWords } from "./cgroup-search.ts";
export { endLeftovers } from "./leftovers.ts";
export { runProgram } from "./program.ts";
export { needsSandbox, sandboxFor, sandboxWords } from "./sandbox.ts";

/** Every kind of turn, by its `kind`, which is the job's `payload.kind`. */
export function turnKinds(options: AgentTurnOptions = {}): ReadonlyMap<string, Turn> {
  return new Map([createAgentTurn(options), createCommandTurn()].map((turn) => [turn.kind, turn]));
}

/** Loads what a job's expectations need when they are asked for. */
export function createJudge(): Judge {
  return {
    mark: async (expect, workDir) =>
      expect?.files === undefined ? new Map() : (await import("./expect-file.ts")).markFiles(expect, workDir),
    judge: async (result, job, context) => (await import("./expect.ts")).judgeAnswer(result, job, context),
    schemaProblem: async (schema) => (await import("./expect-schema.ts")).schemaProblem(schema),
  };
}
