import { expect, test } from "vitest";
import { keptRecording } from "../../../src/ledger/ledger.ts";
import { runFinish, tryFinish, tryStart, underWay } from "../records.ts";
import type { Bench } from "./bench.ts";

export function streams(bench: Bench): void {
  test("recorded streams are given by run, in order, and never with the run itself", async () => {
    await underWay(bench.ledger(), "run");
    const text = `${JSON.stringify({ event: "message_start", bytes: 17 })}\n🙂\u0000\n`;
    const first = tryFinish({ status: "failed", fault: "stream_order", recording: { mode: "shape", text } });
    await bench.ledger().finishTry(tryStart({ runId: "run" }), first);
    await bench.ledger().finishTry(tryStart({ runId: "run" }), { ...first, recording: { mode: "full", text: "told again" } });
    for (const number of [3, 2]) await bench.ledger().startTry(tryStart({ runId: "run", try: number }));
    await bench.ledger().finishTry(tryStart({ runId: "run", try: 3 }), tryFinish({ recording: { mode: "full", text: "" } }));
    await bench.ledger().finishTry(tryStart({ runId: "run", try: 2 }), tryFinish());
    await bench.reopen();
    expect(await bench.ledger().recordings("run")).toStrictEqual([
      { attempt: 1, call: 1, try: 1, mode: "shape", text },
      { attempt: 1, call: 1, try: 3, mode: "full", text: "" },
    ]);
    expect((await bench.detail("run")).tries[0]).not.toHaveProperty("recording");
    expect(await bench.ledger().recordings("nobody")).toEqual([]);
  });

  test("1 MiB of text is kept whole; of a longer one whole lines are kept, and it says so", async () => {
    await underWay(bench.ledger(), "run");
    for (const number of [2, 3]) await bench.ledger().startTry(tryStart({ runId: "run", try: number }));
    const just = "ü".repeat(keptRecording);
    const line = `${"x".repeat(999)}\n`;
    const recorded = [just, line.repeat(1100), "z".repeat(keptRecording + 1)];
    for (const [at, text] of recorded.entries())
      await bench.ledger().finishTry(tryStart({ runId: "run", try: at + 1 }), tryFinish({ recording: { mode: "full", text } }));
    const rows = await bench.ledger().recordings("run");
    expect(rows.map(({ text, cut }) => [text.length, cut])).toEqual([
      [keptRecording, undefined],
      [1_048_000, true],
      [0, true],
    ]);
    expect(rows[0]?.text === just && rows[1]?.text.endsWith(line)).toBe(true);
  });

  test("recordings go with their run", async () => {
    await underWay(bench.ledger(), "old");
    await bench.ledger().finishTry(tryStart({ runId: "old" }), tryFinish({ recording: { mode: "shape", text: "a\n" } }));
    await bench.ledger().finishRun("old", runFinish());
    await underWay(bench.ledger(), "new");
    expect(await bench.ledger().prune(1_000_000, { runs: 1, ms: 1 })).toBe(1);
    expect(await bench.ledger().recordings("old")).toEqual([]);
  });
}
