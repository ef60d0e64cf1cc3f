/**
 * Whether a run that was interrupted may be repeated by itself: the side-effect rule, read from what is recorded. Pure. Every tool run is recorded
 * before it begins, so a tool that is not there has not run. What a command does nobody sees, so it has acted once it was started.
 */

/** What is known of the run: the part of the ledger's `RunDetail` that decides. */
export interface Interrupted {
  readonly run: { readonly trigger: "manual" | "slot" | "retry" | "boot"; readonly payloadKind?: "agentTurn" | "command" };
  readonly attempts: readonly { readonly toolRuns?: number }[];
  readonly tools: readonly { readonly status: string }[];
}

export type MayRepeat = { readonly may: true } | { readonly may: false; readonly why: string };

/** Everything that the run started must be confirmed dead before this is asked. `job` is as its file says now. */
export function mayRepeat({ run, attempts, tools }: Interrupted, { idempotent }: { readonly idempotent: boolean }): MayRepeat {
  if (run.trigger === "manual") return { may: false, why: "it was started by hand" };
  if (idempotent) return { may: true };
  const unless = "and the job does not say idempotent: true";
  if (run.payloadKind === "command" && attempts.length > 0) return { may: false, why: `its command was started, ${unless}` };
  const recorded = tools.filter(({ status }) => status !== "refused").length;
  const said = attempts.reduce((sum, { toolRuns }) => sum + (toolRuns ?? 0), 0);
  const acted = Math.max(recorded, said);
  if (acted === 0) return { may: true };
  return { may: false, why: `${acted} ${acted === 1 ? "tool has" : "tools have"} run, ${unless}` };
}
