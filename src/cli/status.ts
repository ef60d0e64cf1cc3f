import type { LedgerReader, RunRow } from "../ledger/ledger.ts";
import type { RunStatus } from "../run/run.ts";
import type { Style } from "./output.ts";

/** Green for what is good, red for what a person must look at, yellow for what is neither. */
export function statusStyle(status: RunStatus): Style {
  switch (status) {
    case "succeeded":
    case "quiet":
      return "green";
    case "failed":
    case "timed_out":
    case "interrupted":
    case "unknown":
    case "blocked":
    case "missed":
      return "red";
    case "running":
    case "queued":
    case "waiting":
      return "cyan";
    case "skipped":
    case "cancelled":
    case "deferred":
      return "yellow";
  }
}

/** Whether a run that reads `running` has lost its process. The engine's part that knows is loaded only if there is such a run. */
export async function deathWatch(
  runs: readonly RunRow[],
  ledger: Pick<LedgerReader, "ownerLock"> | undefined,
): Promise<(run: RunRow) => boolean> {
  if (!runs.some(({ status }) => status === "running")) return () => false;
  const { hasDied, ownerState, ownerStateBy } = await import("../engine/owner.ts");
  const now = Date.now();
  const stateOf = ledger === undefined ? ownerState : ownerStateBy((owner) => ledger.ownerLock(owner));
  return (run) => hasDied(run, now, stateOf);
}

/** The status in its colour, with what has to be known beside it. */
export function statusWords<Run extends Pick<RunRow, "status" | "simulated">>(
  style: (style: Style, text: string) => string,
  run: Run,
  died: (run: Run) => boolean,
): string {
  if (died(run)) return style("red", "died") + style("dim", " (a daemon or the next run closes it)");
  return style(statusStyle(run.status), run.status) + (run.simulated ? style("dim", " (simulated)") : "");
}
