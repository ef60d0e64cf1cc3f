import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandIncludes, type IncludedFile } from "../../src/job/include.ts";
import { escapeTemplate, nameProblem, namesIn, parseTemplate, renderTemplate } from "../../src/job/template.ts";

const declared = { vars: ["team", "owner"], env: ["REGION"], gate: true };

/** A disk of texts by path; each file lies in the folder of its own name. */
function disk(files: Readonly<Record<string, string>>) {
  return (written: string): IncludedFile | { problem: string } => {
    const text = files[written];
    return text === undefined ? { problem: "there is no such file" } : { text, path: `/${written}`, folder: "/" };
  };
}

function expand(text: string, files: Readonly<Record<string, string>> = {}, maxLength = 1_000) {
  return expandIncludes(text, "/", { read: disk(files), declared, maxLength });
}

function problemsOf(text: string, files?: Readonly<Record<string, string>>, maxLength?: number): string[] {
  const made = expand(text, files, maxLength);
  return "problems" in made ? made.problems.map(({ at, message }) => `${at}: ${message}`) : [];
}

describe("rendering", () => {
  it.each([
    ["plain", "plain"],
    ["{{now}}", "12:00"],
    ["a {{ now }} b", "a 12:00 b"],
    ["{{previous.output}}{{gate}}", "{{now}}$&"],
    ["{{env.REGION}}/{{vars.team}}", "eu/ops"],
    ["{{lastSuccess}}.", "."],
    ["{{toString}}{{__proto__}}", ""],
    ["{{{{now}}", "{{now}}"],
    ["{{{{{{now}}", "{{12:00"],
    ["{{{now}}}", "{12:00}"],
    ["a { b } }} c", "a { b } }} c"],
  ])("%s → %s", (text, rendered) => {
    const values = { now: "12:00", "previous.output": "{{now}}", gate: "$&", "env.REGION": "eu", "vars.team": "ops" };
    expect(renderTemplate(text, values)).toBe(rendered);
  });

  it("gives back any text that was escaped, whatever it holds", () => {
    const braces = fc.string({ unit: fc.constantFrom("{", "}", "a", " ", "\n", "now", '"'), maxLength: 60 });
    fc.assert(
      fc.property(braces, (text) => {
        expect(renderTemplate(escapeTemplate(text), { now: "x", a: "x" })).toBe(text);
      }),
      { numRuns: 5_000 },
    );
  });

  it("is linear: a megabyte of braces is taken apart at once", () => {
    const started = performance.now();
    parseTemplate("{".repeat(1_000_000));
    parseTemplate("{{a".repeat(300_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it("says which values a text needs", () => {
    expect([...namesIn("{{now}} {{gate}} {{now}} {{{{env.X}}")]).toEqual(["now", "gate"]);
  });
});

describe("names", () => {
  it.each([
    ["nwo", "did you mean {{now}}?"],
    ["scheduled", "did you mean {{scheduledFor}}?"],
    ["output", "did you mean {{previous.output}}?"],
    ["team", "did you mean {{vars.team}}?"],
    ["vars.taem", "did you mean {{vars.team}}?"],
    ["vars.else", 'add it: "vars": { "else": "…" }'],
    ["env.HOME", 'allow it: "env": ["HOME"]'],
    ["env.REGOIN", "did you mean {{env.REGION}}?"],
    ["include file.md", 'write {{include "file.md"}}'],
    ["#if x", "known: now, scheduledFor"],
  ])("{{%s}} is refused: %s", (name, suggestion) => {
    expect(nameProblem(name, declared)?.suggestion).toContain(suggestion);
  });
  it("{{gate}} needs a gate", () => {
    expect(nameProblem("gate", declared)).toBeUndefined();
    expect(nameProblem("gate", { ...declared, gate: false })?.message).toContain("has no gate");
  });
  it("that are not closed are told", () => {
    expect(problemsOf("a {{now")).toEqual(['2: "{{" begins a value that does not end in "}}" on its line']);
    expect(problemsOf("{{ }}")).toEqual(['0: "{{}}" names nothing']);
    expect(problemsOf("{{a\n}}")).toHaveLength(1);
  });
});

describe("includes", () => {
  it("are put in, and stay templates", () => {
    const made = expand('Hi\n{{include "a.md"}}!', { "a.md": "A {{now}} {{{{x}}\n{{include 'b.md'}}\n", "b.md": "{" });
    expect(made).toEqual({ text: "Hi\nA {{now}} {{{{x}}\n{!" });
    expect(renderTemplate("text" in made ? made.text : "", { now: "12" })).toBe("Hi\nA 12 {{x}}\n{!");
  });
  it("are refused when they are not there, go round, or grow too large", () => {
    expect(problemsOf('{{include "x.md"}}')).toEqual(['0: {{include "x.md"}}: there is no such file']);
    const ring = { "a.md": '1\n{{include "b.md"}}', "b.md": '{{include "a.md"}}' };
    expect(problemsOf('..{{include "a.md"}}', ring)).toEqual([
      '2: {{include "a.md"}}, line 2: {{include "b.md"}}, line 1: {{include "a.md"}}: includes itself, round in a circle',
    ]);
    expect(problemsOf('{{include "a.md"}}', { "a.md": "x".repeat(101) }, 100)).toHaveLength(1);
    const bomb = Object.fromEntries(
      Array.from({ length: 9 }, (_, at) => [`${at}`, `{{include "${at + 1}"}}`.repeat(10)]).concat([["9", "x".repeat(90)]]),
    );
    expect(problemsOf('{{include "0"}}', bomb)[0]).toContain("more than 8 deep");
    expect(problemsOf('{{include "7"}}{{include "7"}}', bomb, 1_000_000).join()).toContain("more than 100 files");
  });
  it("name the place of a mistake within them, and never a key", () => {
    expect(problemsOf('{{include "a.md"}}', { "a.md": "1\n2\n{{nwo}}" })).toEqual([
      '0: {{include "a.md"}}, line 3: {{nwo}} is nothing that is known',
    ]);
    const key = problemsOf('{{include "a.md"}}', { "a.md": "sk-ant-api03-Pl4ntedPl4ntedPl4nted" });
    expect(key).toEqual(['0: {{include "a.md"}}: holds a text that looks like a key (not shown)']);
  });
});
