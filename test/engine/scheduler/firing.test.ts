import { afterEach, describe, expect, it } from "vitest";
import { Machine, job, minute } from "./stage.ts";

let machine: Machine;
afterEach(() => machine.close());

describe("the scheduler", () => {
  it("fires each slot once, at its time, and sleeps between", async () => {
    machine = new Machine("2026-11-25T08:00:30Z");
    const daemon = await machine.start([job("a", "*/10 * * * *"), job("b", "5 * * * *")]);
    expect(daemon.types()).toEqual(["leading"]);
    await machine.clock.passUntil("2026-11-25T08:21:00Z");
    expect(await machine.story("a")).toEqual(["08:10 succeeded", "08:20 succeeded"]);
    expect(await machine.story("b")).toEqual(["08:05 succeeded"]);
    expect(machine.begun.map(({ at }) => at % minute)).toEqual([0, 0, 0]);
    daemon.stop.abort();
    await machine.clock.settle();
    expect(await daemon.ended).toEqual({ cut: 0, failed: 0 });
    expect(await daemon.ledger.leader()).toBeUndefined();
  });
});
