/** What the single runs that OpenClaw recorded of a job say more than its state. Pure. */
import type { Receipt } from "../load/openclaw/stored.ts";

type State = Readonly<Record<string, unknown>>;

/** The state writes down when a run has ended, and its receipt when it began to: so much apart they are of one run. */
const sameRunMs = 1_000;

const failed = new Set(["error", "interrupted"]);

/** The state, with what the receipts know of a later run than it: a gateway that died has not written its end there. */
export function stateWithReceipts(state: State, receipts: readonly Receipt[]): State {
  const ended = receipts.filter(({ status }) => status !== "running" && status !== "superseded");
  const [newest] = ended;
  const known = state["lastRunAtMs"];
  if (newest === undefined || (typeof known === "number" && newest.startedAtMs <= known + sameRunMs)) return state;
  const good = ended.findIndex(({ status }) => !failed.has(status));
  return {
    ...state,
    lastRunStatus: failed.has(newest.status) ? "error" : newest.status,
    lastRunAtMs: newest.startedAtMs,
    lastError: newest.error ?? (newest.status === "interrupted" ? "interrupted: its gateway died" : undefined),
    lastErrorReason: undefined,
    consecutiveErrors: good < 0 ? ended.length : good,
  };
}

/** One line on the last runs there, if some of them did not end well; and one on a run that has no end. */
export function receiptLines(state: State, receipts: readonly Receipt[], instant: (at: number) => string): string[] {
  const lines: string[] = [];
  const open = receipts.find(({ status }) => status === "running");
  if (open !== undefined && state["runningAtMs"] === undefined && state["queuedAtMs"] === undefined)
    lines.push(`a run of it that began there on ${instant(open.startedAtMs)} has no end, by what the store says`);
  const counts = new Map<string, number>();
  for (const { status } of receipts) counts.set(status, (counts.get(status) ?? 0) + 1);
  const told = (["error", "interrupted", "superseded"] as const).flatMap((status) => {
    const count = counts.get(status) ?? 0;
    return count === 0 ? [] : [`${count} ${status === "error" ? "failed" : status}`];
  });
  if (told.length > 0 && receipts.length > 1) lines.push(`of its last ${receipts.length} runs there: ${told.join(", ")}`);
  return lines;
}
