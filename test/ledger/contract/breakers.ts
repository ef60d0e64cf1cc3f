import { expect, test } from "vitest";
import { keptMs } from "../../../src/ledger/ledger.ts";
import type { BreakerState } from "../../../src/run/breaker.ts";
import type { Bench } from "./bench.ts";

const state: BreakerState = {
  failures: 3,
  openUntil: 9000,
  opened: 1,
  probingUntil: 0,
  fault: "overloaded",
  why: "overloaded 3 times in a row",
  changedAt: 1000,
};

export function breakers(bench: Bench): void {
  test("a breaker is what the last change left, and outlives the process", async () => {
    expect(await bench.ledger().breakers()).toEqual(new Map());
    const seen: (BreakerState | undefined)[] = [];
    const change = (after: BreakerState | undefined) =>
      bench.ledger().changeBreaker("kimi-coding/k2p5", (before) => {
        seen.push(before);
        return after;
      });
    expect(await change(undefined), "nothing to remove").toBeUndefined();
    expect(await change(state)).toEqual(state);
    await bench.reopen();
    expect(await change({ ...state, failures: 4, changedAt: 1000.4 })).toMatchObject({ failures: 4 });
    await bench.ledger().changeBreaker("kimi-coding", () => state);
    expect(seen).toEqual([undefined, undefined, state]);
    expect(await bench.ledger().breakers()).toStrictEqual(
      new Map([
        ["kimi-coding", state],
        ["kimi-coding/k2p5", { ...state, failures: 4 }],
      ]),
    );
    expect(await change(undefined)).toBeUndefined();
    expect([...(await bench.ledger().breakers()).keys()]).toEqual(["kimi-coding"]);
  });

  test("of changes at once, over several connections, none is lost, and one alone may probe", async () => {
    const others = [await bench.open(), await bench.open()];
    const ledgers = [bench.ledger(), ...others];
    let probes = 0;
    const fail = (ledger: (typeof ledgers)[number]) =>
      ledger.changeBreaker("m", (before = { ...state, failures: 0 }) => {
        const probe = before.probingUntil === 0;
        if (probe) probes += 1;
        return { ...before, failures: before.failures + 1, probingUntil: 50 };
      });
    await Promise.all(Array.from({ length: 12 }, () => ledgers.map(fail)).flat());
    expect((await bench.ledger().breakers()).get("m")?.failures).toBe(36);
    expect(probes).toBe(1);
    await Promise.all(others.map((other) => other.close()));
  });

  test("a change that throws changes nothing", async () => {
    await bench.ledger().changeBreaker("m", () => state);
    const fault = new Error("in the change");
    await expect(
      bench.ledger().changeBreaker("m", () => {
        throw fault;
      }),
    ).rejects.toBe(fault);
    expect((await bench.ledger().breakers()).get("m")).toEqual(state);
  });

  test("what nobody has changed for 90 days is forgotten", async () => {
    await bench.ledger().changeBreaker("old", () => state);
    await bench.ledger().changeBreaker("young", () => ({ ...state, changedAt: 1001 }));
    await bench.ledger().rememberRung({ provider: "p", model: "m", fault: "empty", notedAt: 1, expiresAt: 1000 });
    await bench.ledger().prune(1001 + keptMs, { runs: 1, ms: 1 });
    expect([...(await bench.ledger().breakers()).keys()]).toEqual(["young"]);
    expect(await bench.ledger().rungMemories(0)).toEqual([]);
  });
}
