import { describe, expect, test } from "vitest";
import { measure, mixedFaults, originFaults } from "../../bench/gateway-heal.ts";

const calls = 50;
const at = { rate: 0.8, seed: 3, calls };

describe("at four broken streams in five", () => {
  test.each(originFaults)("%s: every call is right, with a clean fallback model and without any", async (fault) => {
    for (const arrangement of ["gateway, clean fallback", "gateway, no fallback"] as const) {
      const { right, wrong, failed, faulted, givenUp } = await measure({ ...at, faults: [fault], arrangement });
      expect({ right, wrong, failed, givenUp }).toEqual({ right: calls, wrong: 0, failed: 0, givenUp: {} });
      expect(faulted).toBeGreaterThan(calls / 2);
    }
  });

  test("a mix with everything else that goes wrong: every call is right with a fallback model", async () => {
    const { right, wrong, failed, givenUp } = await measure({
      ...at,
      faults: mixedFaults,
      arrangement: "gateway, clean fallback",
    });
    expect({ right, wrong, failed, givenUp }).toEqual({ right: calls, wrong: 0, failed: 0, givenUp: {} });
  });

  test("with nothing but broken streams to turn to, a call is right or fails, and is never wrong", async () => {
    const what = { ...at, faults: ["restart_new_id"], arrangement: "gateway, no fallback, stream: true" } as const;
    const { right, wrong, failed, givenUp } = await measure(what);
    expect(wrong).toBe(0);
    expect(right + failed).toBe(calls);
    // Each failure has a fault of its own that was recorded; nothing failed without one.
    expect(Object.values(givenUp).reduce((sum, count) => sum + count, 0)).toBe(failed);
    expect(right).toBeGreaterThan(calls / 2);
  });

  test("the official SDK alone fails four times in five on the same provider", async () => {
    const { failed } = await measure({ ...at, faults: ["restart_new_id"], arrangement: "SDK alone" });
    expect(failed / calls).toBeGreaterThan(0.65);
  });
});
