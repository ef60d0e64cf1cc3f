/** docs/budgets.md promises when a model is left alone and for how long; the promise is checked against the rules that decide it. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { faults, type Fault } from "../../src/errors.ts";
import { breakerRule, type BreakerScope } from "../../src/run/breaker-rules.ts";

const page = readFileSync(new URL("../../docs/budgets.md", import.meta.url), "utf8");

const units: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000 };
const durationsIn = (words: string): number[] =>
  [...words.matchAll(/(\d+) (s|min|h)\b/g)].map(([, count, unit]) => Number(count) * (units[unit ?? ""] ?? Number.NaN));

const scopes: Readonly<Record<string, BreakerScope>> = {
  "the model": "model",
  "the provider's address": "provider",
  "the quota": "quota",
};

interface Row {
  readonly fault: Fault;
  readonly after: number;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly scope: BreakerScope | undefined;
}

function rowsOf(line: string): Row[] {
  const [, named = "", after = "", lasts = "", who = ""] = line.split("|").map((cell) => cell.trim());
  const times = durationsIn(lasts);
  return faults
    .filter((fault) => named.includes(`\`${fault}\``))
    .map((fault) => ({
      fault,
      after: after === "the first" ? 1 : Number.parseInt(after, 10),
      from: times[0],
      to: times.at(-1),
      scope: scopes[who],
    }));
}

const byFault = (one: Row, other: Row): number => one.fault.localeCompare(other.fault);

test("the table of breakers in docs/budgets.md is that of the rules", () => {
  const [, part = ""] = page.split("## Models that are left alone");
  const written = part.split("\n").filter((line) => line.startsWith("| `"));
  const rules = faults.flatMap((fault): Row[] => {
    const rule = breakerRule(fault, false);
    if (rule === undefined) return [];
    return [{ fault, after: rule.after, from: rule.open.baseMs, to: rule.open.maxMs, scope: rule.scope }];
  });
  expect(written.flatMap(rowsOf).toSorted(byFault)).toEqual(rules.toSorted(byFault));
});
