/** The list of turn kinds: one line each. */
import { createAgentTurn, type AgentTurnOptions } from "./agent.ts";
import type { Turn } from "./turn.ts";

export { endLeftovers } from "./leftovers.ts";

/** Every kind of turn, by its `kind`, which is the job's `payload.kind`. */
export function turnKinds(options: AgentTurnOptions = {}): ReadonlyMap<string, Turn> {
  return new Map([createAgentTurn(options)].map((turn) => [turn.kind, turn]));
}
