/** A ledger as some days of use leave it, written by the ledger's own contract: what the reading commands are tested on. */
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger, RunFinish, RunStart, TryFinish, TryStart } from "../../src/ledger/ledger.ts";
import { attemptStart, callStart, runFinish, runStart, toolFinish, toolStart, tryFinish, tryStart } from "../ledger/records.ts";

/** 2026-11-24 12:00:00Z. */
export const noon = Date.UTC(2026, 10, 24, 12);
export const jobId = "b393d508-ec9a-4b6d-bb97-7f584eb0ef83";
export const ids = {
  before: "a0000001-4b6d-bb97-7f58-4eb0ef831111",
  healed: "a1000001-4b6d-bb97-7f58-4eb0ef831111",
  lost: "b2000001-4b6d-bb97-7f58-4eb0ef831111",
  acted: "c3000001-4b6d-bb97-7f58-4eb0ef831111",
  quiet: "d4000001-4b6d-bb97-7f58-4eb0ef831111",
  deferred: "e5000001-4b6d-bb97-7f58-4eb0ef831111",
  unmet: "f6000001-4b6d-bb97-7f58-4eb0ef831111",
  backup: "ab000001-4b6d-bb97-7f58-4eb0ef831111",
  died: "de000001-4b6d-bb97-7f58-4eb0ef831111",
} as const;

const spliced: Partial<TryFinish> = {
  status: "failed",
  fault: "stream_order",
  reason: "spliced_message",
  error: "message_start after content of another message",
  usage: { inputTokens: 1200, outputTokens: 40 },
  costMicroUsd: 820,
};
const unpriced: Partial<TryFinish> = { stopReason: "end_turn", usage: { inputTokens: 1200, outputTokens: 300 } };
const whole: Partial<TryFinish> = { ...unpriced, costMicroUsd: 1470 };

type Told = Partial<RunStart> & Pick<RunStart, "runId">;

export function start(facts: Told): RunStart {
  return runStart({ jobId, startedAt: noon, ...facts });
}

interface Asked {
  readonly call?: number;
  readonly tries: readonly (readonly [Partial<TryStart>, Partial<TryFinish>])[];
}

/** One call with its tries, each 1.5 s long and beginning when the wait after the last one is over; epoch ms of its end. */
async function ask(ledger: Ledger, runId: string, at: number, { call = 1, tries }: Asked): Promise<number> {
  await ledger.startCall(callStart({ runId, call, startedAt: at }));
  let now = at;
  for (const [index, [asked, ended]] of tries.entries()) {
    const begin = tryStart({ runId, call, try: index + 1, ...asked, startedAt: now + (asked.waitedMs ?? 0) });
    now = begin.startedAt + 1500;
    await ledger.startTry(begin);
    await ledger.finishTry(begin, tryFinish({ ...ended, finishedAt: now }));
  }
  const failed = tries.at(-1)?.[1].status === "failed";
  const reason = failed ? { reason: "the ladder is used up", fault: "auth" as const } : {};
  await ledger.finishCall(
    { runId, attempt: 1, call },
    { finishedAt: now, status: failed ? "failed" : "answered", httpStatus: failed ? 502 : 200, ...reason },
  );
  return now;
}

async function tell(ledger: Ledger, begin: Told, asked: Asked, end: Partial<RunFinish>): Promise<void> {
  const run = start(begin);
  const { runId } = run;
  await ledger.claimRun(run);
  await ledger.startAttempt(attemptStart({ runId, startedAt: run.startedAt + 100 }));
  const now = await ask(ledger, runId, run.startedAt + 200, asked);
  const failed = end.status !== undefined && end.status !== "succeeded";
  const fault = failed && end.fault !== undefined ? { fault: end.fault, error: end.reason ?? "" } : {};
  await ledger.finishAttempt(
    { runId, attempt: 1 },
    { finishedAt: now + 50, status: failed ? "failed" : "succeeded", toolRuns: 0, ...fault },
  );
  await ledger.finishRun(runId, runFinish({ finishedAt: now + 100, ...end }));
}

/** Oldest first; `healed` is the newest of its job but for those that ended otherwise. */
export async function tellRuns(stateDir: string): Promise<void> {
  const ledger = await openLedger({ stateDir });
  await tell(
    ledger,
    { runId: ids.before, startedAt: noon - 86_400_000 },
    { tries: [[{}, whole]] },
    {
      output: "GW13: no injuries.\nCaptain: Haaland.\n",
      modelUsed: "kimi-coding/k2p5",
      usage: { inputTokens: 1200, outputTokens: 300 },
      costMicroUsd: 1470,
      reason: "answered by kimi-coding/k2p5",
    },
  );
  await tell(
    ledger,
    { runId: ids.healed, trigger: "slot", slotAt: noon - 4000 },
    {
      tries: [
        [{}, spliced],
        [
          { waitedMs: 2000, why: "same rung again after stream_order (spliced_message)" },
          { ...spliced, reason: "restarted_message" },
        ],
        [{ stream: false, why: "streaming off after stream_order (restarted_message)" }, whole],
      ],
    },
    {
      output: "GW13: no injuries.\nCaptain: Salah.\n",
      modelUsed: "kimi-coding/k2p5",
      usage: { inputTokens: 3600, outputTokens: 380 },
      costMicroUsd: 3110,
      reason: "answered by kimi-coding/k2p5 with streaming off; healed: 2 × stream_order",
    },
  );
  await tell(
    ledger,
    { runId: ids.lost, startedAt: noon + 60_000, jobName: "digest", jobId: "digest" },
    {
      tries: [
        [
          { provider: "moonshot", model: "kimi-k2.5" },
          { status: "failed", fault: "auth", httpStatus: 401, error: "Invalid Authentication" },
        ],
      ],
    },
    {
      status: "blocked",
      fault: "auth",
      exitCode: 77,
      reason: "moonshot did not accept the key; another attempt would not change it",
    },
  );
  await tellActed(ledger);
  await ledger.claimRun(start({ runId: ids.quiet, startedAt: noon + 180_000, jobId: "mail", jobName: "mail" }));
  await ledger.finishRun(
    ids.quiet,
    runFinish({
      status: "quiet",
      finishedAt: noon + 180_200,
      reason: "the gate found nothing to do",
      gate: { verdict: "nothing_to_do", why: "no new mail", startedAt: noon + 180_010, tookMs: 150 },
    }),
  );
  await ledger.recordRun(
    start({ runId: ids.deferred, startedAt: noon + 240_000, jobId: "report", jobName: "report" }),
    runFinish({
      status: "deferred",
      exitCode: 75,
      fault: "quota_window",
      finishedAt: noon + 240_000,
      deferredUntil: noon + 7_200_000,
      reason: "the plan's window resets at 14:00",
    }),
  );
  await tell(
    ledger,
    { runId: ids.unmet, startedAt: noon + 300_000, jobId: "json", jobName: "json", rerunOf: ids.acted },
    { tries: [[{}, unpriced]] },
    {
      status: "failed",
      exitCode: 65,
      output: "not json",
      usage: { inputTokens: 1200, outputTokens: 300 },
      reason: "the answer is no JSON of the schema",
    },
  );
  await ledger.claimRun(
    start({
      runId: ids.backup,
      startedAt: noon + 360_000,
      jobId: "backup",
      jobName: "backup",
      payloadKind: "command",
      modelAsked: "",
    }),
  );
  await ledger.startAttempt(attemptStart({ runId: ids.backup, startedAt: noon + 360_010 }));
  await ledger.finishAttempt({ runId: ids.backup, attempt: 1 }, { finishedAt: noon + 361_000, status: "succeeded", toolRuns: 0 });
  await ledger.finishRun(ids.backup, runFinish({ finishedAt: noon + 361_100, output: "backed up 12 files\n", reason: "exit 0" }));
  await ledger.close();
}

/** A run whose process died while a tool ran, and which was closed later. */
async function tellActed(ledger: Ledger): Promise<void> {
  const run = start({ runId: ids.acted, startedAt: noon + 120_000, jobId: "orders", jobName: "orders" });
  const { runId, startedAt } = run;
  await ledger.claimRun(run);
  await ledger.startAttempt(attemptStart({ runId, startedAt: startedAt + 100 }));
  await ask(ledger, runId, startedAt + 200, {
    tries: [[{}, { ...whole, repairs: [{ code: "dup_start", at: 1, event: "message_start", proof: "same id" }] }]],
  });
  for (const [tool, name] of [
    [1, "get_orders"],
    [2, "delete_order"],
    [3, "place_order"],
  ] as const)
    await ledger.startTool(toolStart({ runId, tool, name, grant: "mcp:shop", startedAt: startedAt + 2000 + tool }));
  await ledger.finishTool({ runId, attempt: 1, tool: 1 }, toolFinish({ finishedAt: startedAt + 2500 }));
  await ledger.finishTool(
    { runId, attempt: 1, tool: 2 },
    toolFinish({ finishedAt: startedAt + 2004, status: "refused", error: "not among the granted tools", outputBytes: 0 }),
  );
  await ledger.finishRun(
    runId,
    runFinish({
      status: "interrupted",
      exitCode: 1,
      fault: "turn_died",
      finishedAt: startedAt + 60_000,
      reason: "its process was gone",
      warnings: ["tool delete_order was refused"],
    }),
  );
}

/** One more run, open, of a process that is gone. */
export async function tellDied(stateDir: string): Promise<void> {
  const ledger = await openLedger({ stateDir });
  await ledger.claimRun(
    start({ runId: ids.died, startedAt: noon + 400_000, jobId: "dead", jobName: "dead", leaseUntil: noon + 430_000 }),
  );
  await ledger.startAttempt(attemptStart({ runId: ids.died, startedAt: noon + 400_100 }));
  await ledger.close();
}
