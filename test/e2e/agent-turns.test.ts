import { describe, expect, it } from "vitest";
import { dialects, loopedTurns, wholeTurns } from "../../bench/agent-turns.ts";

describe("turns with two tools, twice, against a provider that breaks four of five answers", () => {
  it.each(dialects)("in the dialect %s: none wrong, none lost, no tool doubled, every one in the record", async (dialect) => {
    const turns = 30;
    const { right, wrong, lost, doubled, unrecorded, reasons, toolRuns, faulted, requests } = await loopedTurns({
      turns,
      seed: 7,
      dialect,
    });
    expect({ right, wrong, lost, doubled, unrecorded, reasons }).toEqual({
      right: turns,
      wrong: 0,
      lost: 0,
      doubled: 0,
      unrecorded: 0,
      reasons: {},
    });
    expect(toolRuns).toBe(turns * 4);
    expect(faulted / requests).toBeGreaterThan(0.5);
  });

  it("the same in whole runs, with a shell tool and an MCP server", async () => {
    const { right, wrong, lost, doubled, unrecorded, reasons, toolRuns } = await wholeTurns({ turns: 4, seed: 7 });
    expect({ right, wrong, lost, doubled, unrecorded, reasons, toolRuns }).toEqual({
      right: 4,
      wrong: 0,
      lost: 0,
      doubled: 0,
      unrecorded: 0,
      reasons: {},
      toolRuns: 16,
    });
  }, 120_000);
});
