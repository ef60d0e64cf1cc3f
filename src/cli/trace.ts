/** The lines that tell how a call was answered, the same live (`run`) and from the ledger (`show`). Pure. */
import type { Fault, Repair, Usage } from "../errors.ts";
import type { Rung } from "../run/ladder.ts";
import type { Style } from "./output.ts";
import { duration, oneLine } from "./format.ts";

export type Styler = (style: Style, text: string) => string;

export interface TryFacts {
  readonly number: number;
  readonly rung: Rung;
  readonly status: "answered" | "failed" | "running";
  readonly tookMs: number | undefined;
  readonly fault?: Fault | undefined;
  readonly reason?: string | undefined;
  readonly error?: string | undefined;
  readonly usage: Usage;
  readonly repairs: readonly Repair[];
}

export function rungName(rung: Rung): string {
  return `${oneLine(`${rung.provider}/${rung.model}`, 100)}  ${rung.stream ? "streamed  " : "stream off"}`;
}

/** `  2  kimi-coding/k2p5  stream off  answered  1.2 s  312 tokens, repaired: dup_start ×29`. */
export function tryLine(facts: TryFacts, style: Styler): string {
  const words = { answered: style("green", "answered"), failed: style("yellow", "failed  "), running: "under way" } as const;
  const took = facts.tookMs === undefined ? "" : duration(facts.tookMs);
  const told = [facts.status === "failed" ? failure(facts) : "", tokens(facts.usage), repaired(facts.repairs)].filter(
    (part) => part !== "",
  );
  return `  ${String(facts.number).padStart(2)}  ${rungName(facts.rung)}  ${words[facts.status]}  ${took.padStart(7)}  ${told.join(", ")}`.trimEnd();
}

function failure(facts: TryFacts): string {
  const reason = facts.reason === undefined || facts.reason === facts.fault ? "" : ` (${oneLine(facts.reason, 60)})`;
  const error = facts.error === undefined ? "" : `: ${oneLine(facts.error, 160)}`;
  return `${facts.fault ?? "unknown"}${reason}${error}`;
}

export function tokens(usage: Usage): string {
  const total = (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0);
  return total === 0 ? "" : `${total} tokens`;
}

/** `repaired: dup_start ×29, orphan_stop`. */
function repaired(repairs: readonly Repair[]): string {
  if (repairs.length === 0) return "";
  const counts = new Map<string, number>();
  for (const { code } of repairs) counts.set(code, (counts.get(code) ?? 0) + 1);
  return `repaired: ${[...counts].map(([code, count]) => (count === 1 ? code : `${code} ×${count}`)).join(", ")}`;
}

export function waitLine(waitMs: number, why: string, style: Styler): string {
  return style("dim", `      wait ${duration(waitMs)}: ${oneLine(why, 300)}`);
}

export function whyLine(why: string, style: Styler): string {
  return style("dim", `      ${oneLine(why, 300)}`);
}
