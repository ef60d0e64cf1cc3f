import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  failureMarker,
  isBlank,
  outcomeNote,
  quietWord,
  readSentinel,
  unmetNote,
  withoutBlankEdges,
} from "../../src/job/sentinel.ts";

describe("the quiet word", () => {
  it.each(["NO_REPLY", "  NO_REPLY\n", "\uFEFFNO_REPLY\u200B", "\r\n\tNO_REPLY\r\n"])("%j is it", (text) => {
    expect(readSentinel(text, undefined)).toEqual({ kind: "quiet" });
  });

  it.each(["NO_REPLY.", "no_reply", "**NO_REPLY**", "`NO_REPLY`", '"NO_REPLY"', "No_Reply!", "> NO_REPLY"])(
    "%j is nothing but it, so nothing is lost by taking it for it; said as a warning",
    (text) => {
      expect(readSentinel(text, undefined)).toEqual({ kind: "quiet", near: text });
    },
  );

  it.each(["NO_REPLY\n\nThe server is on fire.", "All is well.\nNO_REPLY", "NO_REPLY.\n- but see the log"])(
    "%j says more, so it is an answer",
    (text) => {
      expect(readSentinel(text, undefined)).toEqual({ kind: "quiet_and_more" });
    },
  );

  it.each(["", "No reply", "NO REPLY", "NO_REPLYS", "I send NO_REPLY when there is nothing.", "XNO_REPLY", "NO_REPLY NO_REPLY"])(
    "%j is not it",
    (text) => {
      expect(readSentinel(text, undefined)).toEqual({ kind: "none" });
    },
  );

  it("may be another, or none", () => {
    expect(readSentinel("HEARTBEAT_OK", "HEARTBEAT_OK")).toEqual({ kind: "quiet" });
    expect(readSentinel("NO_REPLY", "HEARTBEAT_OK")).toEqual({ kind: "none" });
    expect(readSentinel("NO_REPLY", false)).toEqual({ kind: "none" });
    expect(readSentinel("-", "-")).toEqual({ kind: "quiet" });
    expect(readSentinel("*", "-")).toEqual({ kind: "none" });
    expect(readSentinel("", "-")).toEqual({ kind: "none" });
  });
});

describe("a declared failure", () => {
  it.each([
    ["TASK_FAILED: no network", "no network"],
    ["I tried twice.\n\nTASK_FAILED: no network\n", "no network"],
    ["TASK_FAILED: no network\nI tried twice.", "no network"],
    ["**TASK_FAILED:** no network", "no network"],
    ["`TASK_FAILED: no network`", "no network"],
    ["```\nTASK_FAILED: no network\n```", "no network"],
    ["> TASK_FAILED – no network", "no network"],
    ["TASK_FAILED\nno network\nat all", "no network"],
    ["TASK_FAILED", ""],
    ["TASK_FAILED:", ""],
    ["a\rTASK_FAILED: no network", "no network"],
  ])("%j", (text, reason) => {
    expect(readSentinel(text, undefined)).toEqual({ kind: "declared", reason });
    expect(readSentinel(text, false)).toEqual({ kind: "declared", reason });
  });

  it.each([
    "The backup failed, and so did the mail.",
    "Line\nTASK_FAILED: in the middle\nline",
    "The word TASK_FAILED: is for failures.",
    "TASK_FAILED_COUNT: 0",
    "TASK_FAILEDX",
    "task_failed: small",
  ])("%j declares nothing", (text) => {
    expect(readSentinel(text, undefined)).toEqual({ kind: "none" });
  });

  it("wins over the quiet word, and its reason is cut", () => {
    expect(readSentinel("NO_REPLY\nTASK_FAILED: x", undefined)).toEqual({ kind: "declared", reason: "x" });
    const { kind, ...rest } = readSentinel(`TASK_FAILED: ${"x".repeat(10_000)}`, undefined);
    expect({ kind, ...rest }).toEqual({ kind: "declared", reason: "x".repeat(500) });
  });
});

describe("what the prompt says", () => {
  it("names both words as they are read", () => {
    expect(outcomeNote(undefined)).toContain(`exactly ${quietWord} `);
    expect(outcomeNote("ALL_WELL")).toContain("exactly ALL_WELL ");
    expect(outcomeNote(false)).not.toContain(quietWord);
    for (const note of [outcomeNote(undefined), outcomeNote(false)]) {
      expect(note).toContain(`${failureMarker}:`);
      // The note itself, quoted back by a model, is no ending.
      expect(readSentinel(note, undefined)).toEqual({ kind: "none" });
    }
  });

  it("gives the reasons of a refusal", () => {
    expect(unmetNote(["contains: x", "minLength: y"])).toContain("- contains: x\n- minLength: y\n");
  });
});

describe("any text", () => {
  const odd = fc.string({ unit: "binary", maxLength: 200 });

  it("loses only what cannot be seen, at its edges", () => {
    fc.assert(
      fc.property(odd, (text) => {
        const rest = withoutBlankEdges(text);
        expect(text).toContain(rest);
        expect(withoutBlankEdges(rest)).toBe(rest);
        expect(isBlank(text)).toBe(rest === "");
      }),
    );
  });

  it("between two words of letters is never quiet nor a declared failure", () => {
    fc.assert(
      fc.property(odd, (text) => {
        expect(["none", "quiet_and_more"]).toContain(readSentinel(`a ${text} b`, undefined).kind);
      }),
    );
  });

  it("is read in linear time", () => {
    const started = performance.now();
    for (const unit of [" ", "\n", "*", "NO_REPLY\n", "`` ", "\u200B\u200Ba"])
      readSentinel(unit.repeat(500_000 / unit.length), "x");
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
