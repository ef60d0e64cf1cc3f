import { expect, test } from "vitest";
import { endedWithoutRecord } from "../../../src/ledger/ledger.ts";
import { attemptStart, runFinish, runStart, toolFinish, toolStart, underWay } from "../records.ts";
import type { Bench } from "./bench.ts";

export function tools(bench: Bench): void {
  test("no tool runs twice: a number that was started is refused, under way or ended, from any connection", async () => {
    await underWay(bench.ledger(), "run");
    const other = await bench.open();
    await bench.ledger().startTool(toolStart({ runId: "run" }));
    await expect(bench.ledger().startTool(toolStart({ runId: "run" }))).rejects.toThrow(
      /broken invariant: tool run 1\.1 of run run cannot start, because it was started already/,
    );
    await expect(other.startTool(toolStart({ runId: "run", name: "another" }))).rejects.toThrow(/started already/);
    await bench.ledger().finishTool(toolStart({ runId: "run" }), toolFinish());
    await expect(other.startTool(toolStart({ runId: "run" }))).rejects.toThrow(/started already/);
    await other.startTool(toolStart({ runId: "run", tool: 2 }));
    expect((await bench.detail("run")).tools).toStrictEqual([
      { ...toolStart({ runId: "run" }), ...toolFinish() },
      { ...toolStart({ runId: "run", tool: 2 }), status: "running" },
    ]);
    await other.close();
  });

  test("of many starts of one number at once, exactly one may run", async () => {
    await underWay(bench.ledger(), "run");
    const others = [await bench.open(), await bench.open()];
    const starts = Array.from({ length: 8 }, () =>
      [bench.ledger(), ...others].map((ledger) =>
        ledger.startTool(toolStart({ runId: "run" })).then(
          () => true,
          () => false,
        ),
      ),
    );
    expect((await Promise.all(starts.flat())).filter(Boolean)).toHaveLength(1);
    await Promise.all(others.map((other) => other.close()));
  });

  test("no tool starts under what has ended or was never there", async () => {
    await expect(bench.ledger().startTool(toolStart({ runId: "nobody" }))).rejects.toThrow(/what it belongs to is not open/);
    await bench.ledger().claimRun(runStart({ runId: "run" }));
    await expect(bench.ledger().startTool(toolStart({ runId: "run" })), "no attempt").rejects.toThrow(/not open/);
    await bench.ledger().startAttempt(attemptStart({ runId: "run" }));
    await bench.ledger().finishAttempt(attemptStart({ runId: "run" }), { finishedAt: 1, status: "failed", toolRuns: 0 });
    await expect(bench.ledger().startTool(toolStart({ runId: "run" })), "attempt ended").rejects.toThrow(/not open/);
    await underWay(bench.ledger(), "rescued", "another");
    await bench.ledger().finishRun("rescued", runFinish({ status: "interrupted" }));
    await expect(bench.ledger().startTool(toolStart({ runId: "rescued" })), "run rescued").rejects.toThrow(/not open/);
    await expect(bench.ledger().finishTool(toolStart({ runId: "run" }), toolFinish())).rejects.toThrow(/was never started/);
    expect((await bench.detail("run")).tools).toEqual([]);
  });

  test("the end of a run closes its open tool runs; a real end replaces that once, and the first one stays", async () => {
    await underWay(bench.ledger(), "died");
    await underWay(bench.ledger(), "bystander", "another job");
    for (const runId of ["died", "bystander"]) await bench.ledger().startTool(toolStart({ runId }));
    await bench.ledger().startTool(toolStart({ runId: "died", tool: 2 }));
    await bench.ledger().finishTool(toolStart({ runId: "died", tool: 2 }), toolFinish({ status: "failed", error: "exit 1" }));
    await bench.ledger().finishTool(toolStart({ runId: "died", tool: 2 }), toolFinish());
    await bench.ledger().finishRun("died", runFinish({ status: "interrupted" }));
    expect((await bench.detail("died")).tools).toStrictEqual([
      { ...toolStart({ runId: "died" }), status: "failed", error: endedWithoutRecord },
      { ...toolStart({ runId: "died", tool: 2 }), ...toolFinish({ status: "failed", error: "exit 1" }) },
    ]);
    expect((await bench.detail("bystander")).tools).toMatchObject([{ status: "running" }]);
    await bench.ledger().finishTool(toolStart({ runId: "died" }), toolFinish({ finishedAt: 99 }));
    await bench.ledger().finishTool(toolStart({ runId: "died" }), toolFinish({ status: "failed" }));
    expect((await bench.detail("died")).tools[0]).toStrictEqual({
      ...toolStart({ runId: "died" }),
      ...toolFinish({ finishedAt: 99 }),
    });
  });

  test("tools come in their order; long inputs and errors are cut", async () => {
    await underWay(bench.ledger(), "run");
    for (const tool of [12, 2, 1]) await bench.ledger().startTool(toolStart({ runId: "run", tool, input: "i".repeat(4001) }));
    await bench
      .ledger()
      .finishTool(toolStart({ runId: "run", tool: 2 }), toolFinish({ status: "failed", error: "e".repeat(5000) }));
    const rows = (await bench.detail("run")).tools;
    expect(rows.map((row) => row.tool)).toEqual([1, 2, 12]);
    expect([rows[0]?.input.length, rows[1]?.error?.length]).toEqual([4000, 4000]);
  });
}
