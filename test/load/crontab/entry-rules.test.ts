/** The reader of crontabs held against the rules of Debian's cron, written down again from its entry.c and env.c, on lines made at random. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCrontab } from "../../../src/load/crontab/crontab.ts";

interface Field {
  readonly bits: readonly number[];
  readonly star: boolean;
}
type Line =
  | { readonly name: string; readonly value: string }
  | { readonly fields: readonly Field[]; readonly command: string }
  | "refused";

const names = [
  [],
  [],
  [],
  ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"],
] as const;
const bounds = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/** Sunday is 0 and 7. */
function ordered(values: ReadonlySet<number>, index: number): number[] {
  return [...new Set([...values].map((value) => (index === 4 ? value % 7 : value)))].toSorted((a, b) => a - b);
}

/** load_env() of env.c: a state for each part; what does not end in its last one is no setting. */
function loadEnv(line: string): { readonly name: string; readonly value: string } | undefined {
  let [state, quote, name, value] = ["namei", "", "", ""];
  for (let at = 0; at < line.length;) {
    const sign = line.charAt(at);
    if (state === "namei" || state === "valuei") {
      if (sign === "'" || sign === '"') {
        quote = sign;
        at += 1;
      }
      state = state === "namei" ? "name" : "value";
      if (quote !== "") continue;
    }
    if (state === "name" || state === "value") {
      if (quote !== "" && sign === quote) {
        state = state === "name" ? "eq1" : "fini";
        at += 1;
        continue;
      }
      if (state === "name" && quote !== "" && sign === "=") return undefined;
      if (state === "name" && quote === "" && (/\s/.test(sign) || sign === "=")) {
        state = "eq1";
        continue;
      }
      if (state === "name") name += sign;
      else value += sign;
      at += 1;
      continue;
    }
    if (state === "eq1") {
      if (sign === "=") [state, quote] = ["eq2", ""];
      else if (!/\s/.test(sign)) return undefined;
      at += 1;
    } else if (/\s/.test(sign)) at += 1;
    else if (state === "eq2") state = "valuei";
    else return undefined;
  }
  if (state === "fini") return { name, value };
  return state === "value" && quote === "" ? { name, value: value.trimEnd() } : undefined;
}

/** get_list() and get_range() of entry.c, at an offset of the line; undefined is its EOF. */
function getList(line: string, from: number, index: number): { readonly field: Field; readonly to: number } | undefined {
  const [low, high] = bounds[index] ?? [0, 0];
  const bits = new Set<number>();
  let at = from;
  const getNumber = (least: number, known: readonly string[]): number | undefined => {
    const [text = ""] = /^[A-Za-z0-9]*/.exec(line.slice(at)) ?? [];
    at += text.length;
    if (text === "") return undefined;
    if (/^\d+$/.test(text)) return Number(text);
    const named = known.indexOf(text.toLowerCase());
    return named < 0 ? undefined : named + least;
  };
  for (;;) {
    let [first, last, step]: [number, number, number] = [low, high, 1];
    if (line.charAt(at) === "*") at += 1;
    else {
      const one = getNumber(low, names[index] ?? []);
      if (one === undefined) return undefined;
      first = last = one;
      if (line.charAt(at) === "-") {
        at += 1;
        const two = getNumber(low, names[index] ?? []);
        if (two === undefined) return undefined;
        last = two;
      } else {
        if (one < low || one > high || line.charAt(at) === "/") return undefined;
        bits.add(one);
        if (line.charAt(at) !== ",") break;
        at += 1;
        continue;
      }
    }
    if (line.charAt(at) === "/") {
      at += 1;
      const three = getNumber(0, []);
      if (three === undefined || three <= 0) return undefined;
      step = three;
    }
    if (first < low || first > high || last < low || last > high) return undefined;
    for (let value = first; value <= last; value += step) bits.add(value);
    if (line.charAt(at) !== ",") break;
    at += 1;
  }
  const [rest = ""] = /^[^ \t]*[ \t]*/.exec(line.slice(at)) ?? [];
  return { field: { bits: ordered(bits, index), star: line.charAt(from) === "*" }, to: at + rest.length };
}

function byDebian(line: string): Line {
  const text = line.replace(/^[ \t]+/, "");
  const setting = loadEnv(text);
  if (setting !== undefined) return setting;
  const fields: Field[] = [];
  let at = 0;
  for (const index of bounds.keys()) {
    const read = getList(text, at, index);
    if (read === undefined || read.to >= text.length) return "refused";
    fields.push(read.field);
    at = read.to;
  }
  return text.charAt(at) === "*" ? "refused" : { fields, command: text.slice(at) };
}

function byRunner(line: string): Line {
  const { entries, issues } = readCrontab(`${line}\n0 0 1 1 * probe\n`, { file: "x", system: false });
  const [entry, probe] = entries.length === 2 ? entries : [undefined, entries[0]];
  if (issues.length > 0) return "refused";
  const [setting] = probe?.settings.values() ?? [];
  if (setting !== undefined) return { name: setting.name, value: setting.value };
  if (entry?.when.kind !== "fields") return "refused";
  const fields = entry.when.fields.map(({ values, star }, index) => ({ bits: ordered(values, index), star }));
  return { fields, command: entry.command };
}

/** What runner refuses on purpose though Debian's cron takes it: see docs/moving.md. */
function refusedOnPurpose(line: Exclude<Line, "refused">, written: string): boolean {
  if ("name" in line) return line.name === "";
  const five = written
    .trim()
    .split(/[ \t]+/)
    .slice(0, 5);
  const signs = five.some((field) =>
    field.split(",").some((part) => !/^(?:\*|[A-Za-z0-9]+(?:-[A-Za-z0-9]+)?)(?:\/\d+)?$/.test(part)),
  );
  const [, , days, months, weekdays] = line.fields;
  const longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const never =
    (days?.star === true || weekdays?.star === true) &&
    months?.bits.every((month) => Math.min(...(days?.bits ?? [])) > (longest[month - 1] ?? 31)) === true;
  const backwards = five.some((field, at) => field.split(",").some((part) => runsBackwards(part, at)));
  return signs || never || backwards || /^[*?](?:\s|$)/.test(line.command) || line.fields.some(({ bits }) => bits.length === 0);
}

function runsBackwards(part: string, at: number): boolean {
  const [, from = "", to = ""] = /^([A-Za-z0-9]+)-([A-Za-z0-9]+)/.exec(part) ?? [];
  const [low] = bounds[at] ?? [0];
  const value = (text: string): number =>
    /^\d+$/.test(text) ? Number(text) : (names[at] ?? []).indexOf(text.toLowerCase() as never) + low;
  return from !== "" && value(from) > value(to);
}

const blank = fc.constantFrom(" ", "\t", "  ", " \t");
const number = fc.oneof(
  fc.integer({ min: 0, max: 61 }).map(String),
  // Good in every field, so that lines enough are taken.
  fc.integer({ min: 1, max: 7 }).map(String),
  fc.constantFrom("00", "007", "sun", "SAT", "mon", "jan", "Dec", "sund", "1x"),
);
const part = fc.oneof(
  { weight: 6, arbitrary: number },
  { weight: 3, arbitrary: fc.constant("*") },
  { weight: 3, arbitrary: fc.tuple(number, number).map(([a, b]) => `${a}-${b}`) },
  { weight: 2, arbitrary: fc.tuple(number, number, fc.integer({ min: 0, max: 9 })).map(([a, b, step]) => `${a}-${b}/${step}`) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 70 }).map((step) => `*/${step}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      "-",
      "*/",
      "5/",
      "-5",
      "*-5",
      "**",
      "5#2",
      "?",
      "1-2-3",
      "*/2/3",
      "@",
      "/",
      "%",
      "'",
      '"',
      "=",
    ),
  },
);
const field = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(","));
const command = fc.constantFrom(
  "true",
  "a=b c",
  "echo 100\\% 5",
  "x % y %% z",
  "* true",
  "? x",
  "'it",
  '"',
  "-x",
  "=",
  "a\\",
  "",
  "@reboot",
  "# no",
);
const entryLine = fc
  .tuple(fc.constantFrom("", " ", "\t"), fc.array(fc.tuple(field, blank), { minLength: 3, maxLength: 6 }), command)
  .map(([lead, fields, last]) => `${lead}${fields.map(([text, gap]) => text + gap).join("")}${last}`);
/** Plausible lines, of which most are taken. */
const goodLine = fc
  .tuple(
    ...[
      [0, 59],
      [0, 23],
      [1, 28],
      [1, 12],
      [0, 7],
    ].map(([least = 0, most = 0]) => {
      const value = fc.integer({ min: least, max: most });
      const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
      const one = fc.oneof(
        value.map(String),
        fc.constant("*"),
        range,
        range.map((text) => `${text}/2`),
        fc.constant("*/3"),
      );
      return fc.array(one, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(","));
    }),
  )
  .chain((fields) => fc.tuple(fc.constant(fields.join(" ")), command).map(([text, last]) => `${text} ${last}`));
const settingLine = fc
  .tuple(
    fc.constantFrom("", " "),
    fc.constantFrom("A", "'A'", '"A"', '"A=B"', "A B", "", "A'", "MAILTO", "é", "1A"),
    fc.constantFrom("=", " = ", "\t=", "= ", " ", "=="),
    fc.constantFrom("", '""', "x", "x y ", "'x y'", '"x', 'x"y"', "'x'y", "' x '", "$HOME/é", "a=b", "'x' ", '"it\'s"', "  "),
  )
  .map((parts) => parts.join(""));

describe("a line of a crontab", () => {
  const numRuns = Number(process.env["PROPERTY_RUNS"] ?? 3_000);

  it.each([
    ["made of anything", entryLine],
    ["made of good fields", goodLine],
    ["that sets a variable", settingLine],
  ])("%s means what it means to Debian's cron, or is refused", (_, lines) => {
    let taken = 0;
    fc.assert(
      fc.property(lines, (line) => {
        if (line.trim() === "" || line.trim().startsWith("#") || line.includes("~")) return;
        const [theirs, ours] = [byDebian(line), byRunner(line)];
        if (ours !== "refused") taken += 1;
        const meant = ours === "refused" && theirs !== "refused" && refusedOnPurpose(theirs, line) ? "refused" : theirs;
        expect({ line, meaning: ours }).toEqual({ line, meaning: meant });
      }),
      { numRuns },
    );
    expect(taken).toBeGreaterThan(numRuns / 300);
  });
});
