/** The words of a run's story: every failure has its own, and what to do about it. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultAdvice, faultWords, failureWords, streamWords } from "../../src/cli/fault-words.ts";
import { storyOf } from "../../src/cli/story.ts";
import { faults } from "../../src/errors.ts";
import { openLedger } from "../../src/ledger/index.ts";
import type { RunDetail } from "../../src/ledger/ledger.ts";
import { ids, noon, tellDied, tellRuns } from "./told-runs.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "runner-story-"));
const details = new Map<string, RunDetail>();

beforeAll(async () => {
  await tellRuns(folder);
  await tellDied(folder);
  const ledger = await openLedger({ stateDir: folder });
  for (const id of Object.values(ids)) {
    const found = await ledger.run(id);
    if (found !== undefined && !("ambiguous" in found)) details.set(id, found);
  }
  await ledger.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

function detailOf(id: string): RunDetail {
  const found = details.get(id);
  if (found === undefined) throw new Error(`no run ${id}`);
  return found;
}
function told(detail: RunDetail, died = false): string {
  return storyOf(detail, { died, now: noon + 500_000 })
    .map(({ about, text }) => `${about}: ${text}`)
    .join("\n");
}

describe("failures in words", () => {
  it("every fault and every reason of a stream has words of its own, and every fault something to do", () => {
    const words = Object.values(faultWords);
    expect(new Set(words).size).toBe(faults.length);
    for (const text of [...words, ...Object.values(streamWords)]) expect(text).toMatch(/^[a-z].*[^.]$/);
    for (const fault of faults)
      expect(faultAdvice[fault]({ job: "job", run: "1f2e3d4c", provider: undefined }).join("\n").length).toBeGreaterThan(20);
  });

  it("a stream's reason says more than its fault; a provider's own code is told beside the words", () => {
    expect(failureWords("stream_order", "spliced_message")).toBe(
      "two answers in one stream: refused, because a wrong answer is worse than none",
    );
    expect(failureWords("rate_limit", "1302")).toContain("asked to slow down (1302)");
    expect(failureWords(undefined)).toBe(faultWords.unknown);
    expect(failureWords("server", "constructor"), "no name of JavaScript's own").toBe(`${faultWords.server} (constructor)`);
  });
});

describe("a story", () => {
  it("says why a run was blocked, and what to do", () => {
    expect(told(detailOf(ids.lost))).toMatch(/try: 1\. moonshot\/kimi-k2\.5: the provider did not accept the key/);
    expect(told(detailOf(ids.lost))).toContain(
      "advice: Set or renew the key, then look whether everything is there: runner run digest --dry-run",
    );
  });

  it("says which tools ran, which did not, and of which nobody knows", () => {
    const story = told(detailOf(ids.acted));
    expect(story).toContain("tool: The tool get_orders (mcp:shop) ran once, and did its work in 499 ms.");
    expect(story).toContain(
      "tool: The tool delete_order (mcp:shop) was not run: the job does not allow it: not among the granted tools",
    );
    expect(story).toContain(
      "tool: The tool place_order (mcp:shop) was begun, and nobody recorded its end: it may have done its work.",
    );
    expect(story).toContain("advice: Find out whether this was done, because nobody recorded it: place_order");
    expect(story).toContain("healing: What healed it: repair of the stream, proven not to change the answer.");
  });

  it("tells a gate, a time to come, an expectation, a plain command and a dead process each in its words", () => {
    expect(told(detailOf(ids.quiet))).toContain(
      "found nothing to do, so no model was asked and no token was spent (150 ms): no new mail",
    );
    expect(told(detailOf(ids.deferred))).toContain("end: It was put off until 2026-11-24 14:00:00Z (exit 75)");
    const unmet = told(detailOf(ids.unmet));
    expect(unmet).toContain("start: It repeats run c3000001.");
    expect(unmet).toContain("because the answer is not what the job expects (exit 65)");
    expect(unmet).toContain("at a price that runner does not know");
    expect(told(detailOf(ids.backup))).toContain("It is a plain command; no model is asked.");
    const died = told(detailOf(ids.died), true);
    expect(died).toContain("attempt: It was under way when its process was gone.");
    expect(died).toContain("advice: A daemon or the next run closes it as interrupted: runner run dead");
  });

  it("says nothing of what nobody knows, and warns before a run that has acted is repeated", () => {
    const acted = detailOf(ids.acted);
    const failed = told({ ...acted, run: { ...acted.run, status: "failed", fault: "server" } });
    expect(failed).toContain("advice: Tools have run in it; before it is run again, see what they did: runner show c3000001");
    expect(told(detailOf(ids.backup))).not.toMatch(/token|\$/);
  });

  it("never lets a model's or a provider's words steer the terminal", () => {
    const lost = detailOf(ids.lost);
    const nasty = "\u001B[2Jgone\u0007";
    const story = told({
      ...lost,
      run: { ...lost.run, reason: nasty, warnings: [nasty], modelAsked: nasty },
      tries: lost.tries.map((one) => ({ ...one, reason: nasty, model: nasty, why: `${nasty} is passed over: x; ` })),
      calls: lost.calls.map((call) => ({ ...call, reason: nasty })),
    });
    expect(story).not.toMatch(/[^\P{Cc}\n]/u);
  });
});
