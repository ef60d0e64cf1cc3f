/** The lines that tell how a call was answered, the same live (`run`) and from the ledger (`show`). Pure. */
import type { Fault, Repair, Usage } from "../errors.ts";
import type { Rung } from "../run/ladder.ts";
import type { Style } from "./output.ts";
import { duration, oneLine } from "./format.ts";
import { dollars } from "./money.ts";

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
  readonly costMicroUsd?: number | undefined;
  readonly repairs: readonly Repair[];
}

export function rungName(rung: Rung): string {
  return `${oneLine(`${rung.provider}/${rung.model}`, 100)}  ${rung.stream ? "streamed  " : "stream off"}`;
}

/** `  2  kimi-coding/k2p5  stream off  answered  1.2 s  312 tokens, repaired: dup_start ×29`. */
export function tryLine(facts: TryFacts, style: Styler): string {
  const words = { answered: style("green", "answered"), failed: style("yellow", "failed  "), running: "under way" } as const;
  const took = facts.tookMs === undefined ? "" : duration(facts.tookMs);
  const told = [
    facts.status === "failed" ? failure(facts) : "",
    tokens(facts.usage),
    facts.costMicroUsd === undefined ? "" : dollars(facts.costMicroUsd),
    repaired(facts.repairs),
  ].filter((part) => part !== "");
  return `  ${String(facts.number).padStart(2)}  ${rungName(facts.rung)}  ${words[facts.status]}  ${took.padStart(7)}  ${told.join(", ")}`.trimEnd();
}

function failure(facts: TryFacts): string {
  const reason = facts.reason === undefined || facts.reason === facts.fault ? "" : ` (${oneLine(facts.reason, 60)})`;
  const error = facts.error === undefined ? "" : `: ${oneLine(facts.error, 160)}`;
  return `${facts.fault ?? "unknown"}${reason}${error}`;
}

function tokens(usage: Usage): string {
  const total = (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0);
  return total === 0 ? "" : `${total} tokens`;
}

/** `repaired: dup_start ×29, orphan_stop`. */
export function repaired(repairs: readonly Repair[]): string {
  if (repairs.length === 0) return "";
  const counts = new Map<string, number>();
  for (const { code } of repairs) counts.set(code, (counts.get(code) ?? 0) + 1);
  return `repaired: ${[...counts].map(([code, count]) => (count === 1 ? code : `${code} ×${count}`)).join(", ")}`;
}

export interface ToolFacts {
  readonly name: string;
  readonly status: "running" | "succeeded" | "failed" | "refused";
  readonly tookMs: number | undefined;
  readonly error?: string | undefined;
}

/** `      tool send_mail succeeded in 30 ms`. */
export function toolLine({ name, status, tookMs, error }: ToolFacts, style: Styler): string {
  const why = status === "succeeded" || status === "running" ? "" : `: ${oneLine(error ?? "without a reason", 160)}`;
  const took = tookMs === undefined || status === "refused" ? "" : ` in ${duration(tookMs)}`;
  const line = `      tool ${oneLine(name, 60)} ${status === "running" ? "is running" : status}${took}${why}`;
  return style(status === "failed" || status === "refused" ? "yellow" : "dim", line);
}

/** `  gate go in 120 ms: 3 new files`. */
export function gateLine(
  gate: { readonly verdict: "go" | "nothing_to_do" | "failed"; readonly why: string; readonly tookMs: number },
  style: Styler,
): string {
  const why = gate.why === "" ? "" : `: ${oneLine(gate.why, 200)}`;
  return style(
    gate.verdict === "failed" ? "yellow" : "dim",
    `  gate ${gate.verdict.replaceAll("_", " ")} in ${duration(gate.tookMs)}${why}`,
  );
}

export function waitLine(waitMs: number, why: string, style: Styler): string {
  return style("dim", `      wait ${duration(waitMs)}: ${oneLine(why, 300)}`);
}

export function whyLine(why: string, style: Styler): string {
  return style("dim", `      ${oneLine(why, 300)}`);
}
