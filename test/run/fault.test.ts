import { describe, expect, test } from "vitest";
import type { Fault } from "../../src/errors.ts";
import { exitCodeOf, exitCodes } from "../../src/run/exit-code.ts";
import { faultPolicies } from "../../src/run/fault.ts";
import { runStatuses } from "../../src/run/run.ts";

const faults = Object.keys(faultPolicies).filter((name): name is Fault => name in faultPolicies);
const rows = faults.map((fault) => ({ fault, ...faultPolicies[fault] }));

describe("the policy table", () => {
  test("the ending's status and exit code agree with the one place that decides exit codes", () => {
    expect(rows.map(({ fault, status }) => [fault, exitCodeOf({ status, fault })])).toEqual(
      rows.map(({ fault, exitCode }) => [fault, exitCode]),
    );
  });

  test("no fault ends a run well", () => {
    const well: ReadonlySet<string> = new Set(["succeeded", "quiet", "skipped", "running"]);
    expect(rows.filter(({ status }) => well.has(status))).toEqual([]);
    expect(rows.map(({ exitCode }) => exitCode)).not.toContain(exitCodes.ok);
  });

  test("what is asked again waits, and no wait shrinks", () => {
    // The wait of a plan's window is the provider's.
    const again = rows.filter(({ fault, sameRung }) => sameRung > 0 && fault !== "quota_window");
    expect(again.filter(({ wait }) => wait.baseMs < 1_000)).toEqual([]);
    expect(rows.filter(({ wait }) => wait.maxMs < wait.baseMs || wait.factor < 1)).toEqual([]);
  });

  test("only what streaming off may heal is remembered across runs, and the origin's fault longer than a day", () => {
    expect(rows.filter(({ rememberMs, streamOff }) => rememberMs > 0 && !streamOff)).toEqual([]);
    expect(faultPolicies.stream_order.rememberMs).toBeGreaterThan(24 * 3_600_000);
  });

  test("a fault that lasts neither starts the ladder over nor gets a new attempt", () => {
    const lasting = rows.filter(({ onward }) => onward !== "next_model");
    expect(lasting.filter(({ startOver }) => startOver)).toEqual([]);
    expect(lasting.filter(({ newAttempt }) => newAttempt).map(({ fault }) => fault)).toEqual(["turn_died", "not_ready"]);
  });
});

describe("exit codes", () => {
  test("every status has one, and signals are told apart", () => {
    for (const status of runStatuses) expect(Object.values(exitCodes)).toContain(exitCodeOf({ status }));
    expect(exitCodeOf({ status: "cancelled", signal: "SIGINT" })).toBe(130);
    expect(exitCodeOf({ status: "cancelled", signal: "SIGTERM" })).toBe(143);
  });

  test("a skip is 0 unless asked otherwise, an expectation 65, a failure by its fault", () => {
    expect(exitCodeOf({ status: "skipped" })).toBe(0);
    expect(exitCodeOf({ status: "skipped", failOnSkip: true })).toBe(1);
    expect(exitCodeOf({ status: "failed", expectationFailed: true })).toBe(65);
    expect(exitCodeOf({ status: "failed", fault: "overloaded" })).toBe(69);
    expect(exitCodeOf({ status: "failed", fault: "model_gone" })).toBe(78);
    expect(exitCodeOf({ status: "failed" })).toBe(1);
    expect(exitCodeOf({ status: "timed_out", fault: "overloaded" })).toBe(124);
  });
});
