/** The table of `runner verify`: what was counted, the two ways beside each other. Pure. */
import type { Way } from "../compose/verify.ts";
import { healingWords, healings, type Verification } from "../run/verification.ts";
import { duration } from "./format.ts";
import { dollars } from "./money.ts";
import type { Style } from "./output.ts";

const headings: Readonly<Record<Way, string>> = { runner: "RUNNER", alone: "PROVIDER ALONE" };

type Paint = (style: Style, text: string) => string;

/** Rows of cells, the head row first. A row nobody has anything to say in is left out. */
export function verificationRows(ways: readonly (readonly [Way, Verification])[], style: Paint): string[][] {
  const rows: string[][] = [["", ...ways.map(([way]) => style("bold", headings[way]))]];
  const row = (name: string, cell: (found: Verification) => string): void => {
    const cells = ways.map(([, found]) => cell(found));
    if (cells.some((text) => text !== "")) rows.push([name, ...cells]);
  };
  row("runs", ({ runs }) => String(runs));
  row("failed", ({ failed, runs }) => style(failed === 0 ? "green" : "red", `${failed} of ${runs}`));
  row("failure rate", ({ failureRate, runs }) => (runs === 0 ? "" : style("bold", percent(failureRate))));
  row("95 % interval", ({ interval, runs }) => (runs === 0 ? "" : `${percent(interval.low)} to ${percent(interval.high)}`));
  const statuses = new Set(ways.flatMap(([, { outcomes }]) => Object.keys(outcomes)));
  for (const status of statuses) row(`  ${status}`, ({ outcomes }) => countOf(outcomes, status));
  row("needed nothing", ({ unaided, runs }) => (runs === 0 ? "" : String(unaided)));
  for (const healing of healings) row(`  ${healingWords[healing]}`, ({ healedBy }) => countOf(healedBy, healing));
  const faults = new Set(ways.flatMap(([, found]) => Object.keys(found.faults)));
  for (const fault of faults) row(`tries failed by ${fault}`, (found) => countOf(found.faults, fault));
  row("time p50, p95", ({ tookMs }) => pair(tookMs, duration));
  row("tokens p50, p95", ({ tokens }) => pair(tokens, (count) => count.toLocaleString("en")));
  row("price p50, p95", ({ cost }) => pair(cost, dollars));
  // Without any known price there is nothing to compare.
  if (ways.some(([, { cost, runs }]) => cost.unpriced < runs)) row("price of all", ({ cost, runs }) => priceOfAll(cost, runs));
  return rows;
}

function countOf(counted: Readonly<Partial<Record<string, number>>>, name: string): string {
  return counted[name] === undefined ? "" : String(counted[name]);
}

function pair({ p50, p95 }: Verification["tookMs"], words: (value: number) => string): string {
  return p50 === undefined || p95 === undefined ? "" : `${words(p50)}, ${words(p95)}`;
}

function priceOfAll({ totalMicroUsd, unpriced }: Verification["cost"], runs: number): string {
  if (runs === 0) return "";
  if (unpriced === runs) return "not known";
  return dollars(totalMicroUsd) + (unpriced === 0 ? "" : ` and ${unpriced} of unknown price`);
}

/** Whole per cent, but never 0 or 100 for what is neither. */
export function percent(share: number): string {
  const whole = Math.round(share * 100);
  if (share > 0 && whole === 0) return "<1 %";
  if (share < 1 && whole === 100) return ">99 %";
  return `${whole} %`;
}
