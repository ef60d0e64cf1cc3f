/** docs/healing.md promises what each fault leads to; the promise is checked against the table that decides it. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Fault } from "../../src/errors.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import { answerReserveMs, nextModelMs } from "../../src/run/call-time.ts";
import { faultPolicies, type FaultPolicy, type Onward } from "../../src/run/fault.ts";
import { inWords } from "../../src/run/ladder.ts";
import { longSleepMs } from "../../src/run/pause.ts";

const page = readFileSync(new URL("../../docs/healing.md", import.meta.url), "utf8");

const onward: Record<Onward, string> = {
  next_model: "next model",
  other_model: "other model",
  other_provider: "other provider",
  stop: "stop",
};

function rowOf(fault: Fault, row: FaultPolicy): string[] {
  const { wait } = row;
  return [
    `\`${fault}\``,
    row.sameRung === 0 ? "–" : String(row.sameRung),
    wait.baseMs === 0 ? "–" : `${inWords(wait.baseMs)} × ${wait.factor} to ${inWords(wait.maxMs)}`,
    row.cools,
    row.streamOff ? "yes" : "–",
    onward[row.onward],
    row.startOver ? "yes" : "–",
    row.newAttempt ? "yes" : "–",
    row.rememberMs === 0 ? "–" : inWords(row.rememberMs),
    `${row.status}, ${row.exitCode}`,
  ];
}

const cellsOf = (line: string): string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

test("the table in docs/healing.md is the policy table", () => {
  const [, table = ""] = page.split("## Each fault's policy");
  const written = (table.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| `"));
  const faults = Object.keys(faultPolicies).filter((name): name is Fault => name in faultPolicies);
  expect(written.map(cellsOf)).toEqual(faults.map((fault) => rowOf(fault, faultPolicies[fault])));
});

const limitOf = (name: string): string | undefined =>
  page
    .split("\n")
    .map(cellsOf)
    .find(([first]) => first === name)?.[1];
const seconds = (ms: number): string => `${ms / 1_000} s`;

test("the fixed limits are those of the code", () => {
  expect(["long sleep", "next model", "answer reserve"].map(limitOf)).toEqual(
    [longSleepMs, nextModelMs, answerReserveMs].map(seconds),
  );
});

test("the waits named in the text are the job's defaults", () => {
  const { delayMs, factor, maxDelayMs, jitter } = standardRetry;
  expect(page).toContain(
    `\`delay\` ${inWords(delayMs)}, \`factor\` ${factor}, \`maxDelay\` ${inWords(maxDelayMs)}, \`jitter\` ${jitter}`,
  );
});
