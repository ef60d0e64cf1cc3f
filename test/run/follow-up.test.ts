import { describe, expect, it } from "vitest";
import { followUp } from "../../src/run/follow-up.ts";

const untouched = { run: { trigger: "slot", payloadKind: "agentTurn" }, attempts: [{ toolRuns: 0 }], tools: [] } as const;
const acted = { ...untouched, tools: [{ status: "succeeded" }] };
const policy = { idempotent: false, maxAttempts: 3, mayBeginUntil: 2_000 };

describe("a run that was interrupted", () => {
  it.each([
    ["has not acted", untouched, 1, policy, 1_999, undefined],
    ["has acted", acted, 1, policy, 1_999, "1 tool has run, and the job does not say idempotent: true"],
    ["has acted and may", acted, 1, { ...policy, idempotent: true }, 1_999, undefined],
    ["was begun once too often", untouched, 3, policy, 1_999, "it has been begun 3 times (retry.maxAttempts)"],
    [
      "may be begun once only",
      untouched,
      1,
      { ...policy, maxAttempts: 1 },
      1_999,
      "it has been begun 1 time (retry.maxAttempts)",
    ],
    ["was answered by the next slot", untouched, 1, policy, 2_000, "the job's next slot has come"],
    ["was started by hand", { ...untouched, run: { trigger: "manual" } } as const, 1, policy, 1_999, "it was started by hand"],
  ] as const)("and %s", (_, detail, chain, rules, now, why) => {
    expect(followUp(detail, chain, rules, now)).toEqual(why === undefined ? { may: true } : { may: false, why });
  });
});
