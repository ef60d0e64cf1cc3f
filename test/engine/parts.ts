/** The parts of an engine for tests that are about a few of them: what is not given finds nothing, starts nothing and takes nothing out. */
import { thisOwner } from "../../src/engine/owner.ts";
import type { EngineParts } from "../../src/engine/parts.ts";
import { createJudge } from "../../src/turn/index.ts";

type Needed = "ledger" | "gateway" | "turns" | "clock";

export function engineParts(given: Pick<EngineParts, Needed> & Partial<EngineParts>): EngineParts {
  return {
    random: () => 0,
    env: {},
    owner: thisOwner(),
    ownerState: () => "alive",
    sweep: () => Promise.resolve(true),
    resolveModel: () => ({ provider: "p", model: "m", dialect: "anthropic-messages" }),
    hash: () => "hash",
    defaults: { model: "p/m", fallbacks: [] },
    zone: () => "UTC",
    judge: createJudge(),
    meter: () => ({ tokens: 0 }),
    runProgram: () => Promise.reject(new Error("no program is started")),
    inspect: () => Promise.resolve([]),
    redaction: () => ({ known: (text) => text, keyLike: (text) => text }),
    simulated: false,
    ...given,
  };
}
