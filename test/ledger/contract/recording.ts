import { expect, test } from "vitest";
import type { Repair } from "../../../src/errors.ts";
import type { RunDetail } from "../../../src/ledger/ledger.ts";
import {
  attemptStart,
  callStart,
  runFinish,
  runStart,
  toolFinish,
  toolStart,
  tryFinish,
  tryStart,
  underWay,
} from "../records.ts";
import type { Bench } from "./bench.ts";

export function recording(bench: Bench): void {
  test("a whole run reads back as it was written, also after the ledger was closed and opened", async () => {
    const run = runStart({
      runId: "whole",
      trigger: "slot",
      slotAt: 1_700_000_000_000,
      simulated: true,
      payloadKind: "command",
      rerunOf: "an earlier one",
    });
    const attempts = [
      attemptStart({ runId: "whole" }),
      attemptStart({ runId: "whole", attempt: 2, why: "the first one died" }),
    ] as const;
    const call = callStart({ runId: "whole", attempt: 2, stream: false });
    const tries = [1, 2].map((number) =>
      tryStart({ runId: "whole", attempt: 2, try: number, stream: number === 1, waitedMs: number }),
    );
    const repairs: Repair[] = [{ code: "dup_start", at: 1, event: "message_start", proof: "same id; nothing between" }];
    const failed = tryFinish({
      status: "failed",
      fault: "stream_order",
      reason: "restarted_message",
      error: "Unexpected event order: 'quote' \"double\" \u0000 \n 🙂 ÿ",
      httpStatus: 200,
      requestId: "req_1",
      retryAfterMs: 1500,
      firstByteMs: 80,
      repairs,
    });
    const answered = tryFinish({
      modelUsed: "k2p5",
      stopReason: "end_turn",
      usage: { inputTokens: 7, outputTokens: 0, cacheReadTokens: 1 },
      costMicroUsd: 0,
    });
    const output = "line one\nline two \u0000 🙂\n";
    const end = runFinish({
      output,
      value: '{"line":1}',
      modelUsed: "k2p5",
      usage: { inputTokens: 7, cacheWriteTokens: 2 },
      costMicroUsd: 1234,
      deferredUntil: 2000,
      gate: { verdict: "go", why: "3 new files", startedAt: 11, tookMs: 250 },
      warnings: ["tool send_mail was refused", "no price for k2p5 🙂"],
    });
    const tool = toolStart({ runId: "whole", attempt: 2 });

    expect(await bench.ledger().claimRun(run)).toEqual({ won: true });
    await bench.ledger().startAttempt(attempts[0]);
    await bench.ledger().finishAttempt(attempts[0], {
      finishedAt: 20,
      status: "failed",
      fault: "turn_died",
      error: "killed",
      toolRuns: 0,
    });
    await bench.ledger().startAttempt(attempts[1]);
    await bench.ledger().startCall(call);
    for (const [index, start] of tries.entries()) {
      await bench.ledger().startTry(start);
      await bench.ledger().finishTry(start, index === 0 ? failed : answered);
    }
    await bench.ledger().finishCall(call, { finishedAt: 60, status: "answered", httpStatus: 200, modelUsed: "k2p5" });
    await bench.ledger().startTool(tool);
    await bench.ledger().finishTool(tool, toolFinish({ status: "refused", error: "not granted" }));
    await bench.ledger().finishAttempt(attempts[1], { finishedAt: 61, status: "succeeded", toolRuns: 3 });
    expect(await bench.ledger().finishRun("whole", end)).toBe(true);

    const expected: RunDetail = {
      run: { ...run, ...end },
      attempts: [
        { ...attempts[0], finishedAt: 20, status: "failed", fault: "turn_died", error: "killed", toolRuns: 0 },
        { ...attempts[1], finishedAt: 61, status: "succeeded", toolRuns: 3 },
      ],
      calls: [{ ...call, finishedAt: 60, status: "answered", httpStatus: 200, modelUsed: "k2p5" }],
      tries: tries.map((start, index) => ({ ...start, ...(index === 0 ? failed : answered) })),
      tools: [{ ...tool, ...toolFinish({ status: "refused", error: "not granted" }) }],
    };
    expect(await bench.detail("whole")).toStrictEqual(expected);
    await bench.reopen();
    expect(await bench.detail("whole")).toStrictEqual(expected);
  });

  test("what is under way reads as running, without facts it cannot have", async () => {
    await underWay(bench.ledger(), "open");
    expect(await bench.detail("open")).toStrictEqual({
      run: { ...runStart({ runId: "open" }), status: "running" },
      attempts: [{ ...attemptStart({ runId: "open" }), status: "running" }],
      calls: [{ ...callStart({ runId: "open" }), status: "running" }],
      tries: [{ ...tryStart({ runId: "open" }), status: "running", usage: {}, repairs: [] }],
      tools: [],
    });
  });

  test("closing twice does nothing more", async () => {
    await bench.ledger().close();
    await bench.ledger().close();
    await bench.reopen();
    expect(await bench.ledger().history({})).toEqual([]);
  });
}
