/** Crontabs as cron reads them, good and broken. The broken ones and what is said of them: test/fixtures/crontabs/broken.json. */
import { readFileSync } from "node:fs";
import path from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIssue } from "../../../src/errors.ts";
import { readCrontab, type Crontab } from "../../../src/load/crontab/crontab.ts";
import { escapePercent, splitPercent } from "../../../src/load/crontab/percent.ts";
import { printSetting, readSetting } from "../../../src/load/crontab/setting.ts";
import { root } from "../../cli/stage.ts";

interface Broken {
  readonly crontab: string;
  readonly system?: boolean;
  readonly issues?: readonly string[];
  readonly warnings?: readonly string[];
}

const broken = JSON.parse(readFileSync(path.join(root, "test/fixtures/crontabs/broken.json"), "utf8")) as Broken[];

const read = (text: string, system = false): Crontab => readCrontab(text, { file: "crontab", system });

const picked = (text: string): number[] => {
  const { when } = read(`${text} x\n`).entries[0] ?? { when: { kind: "reboot" } };
  return when.kind === "fields" ? when.fields.slice(0, 2).flatMap(({ values }) => [...values]) : [];
};

const range = (least: number, most: number) =>
  fc
    .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }), fc.integer({ min: 1, max: 9 }))
    .map(([a, b, step]) => `${Math.min(a, b)}-${Math.max(a, b)}/${step}`);

const field = (least: number, most: number) =>
  fc.oneof(
    fc.constant("*"),
    fc.constant("*/3"),
    fc
      .array(fc.oneof(range(least, most), fc.integer({ min: least, max: most }).map(String)), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join(",")),
  );

describe("broken crontabs", () => {
  it("are many", () => expect(broken.length).toBeGreaterThan(60));

  it.each(broken.map((one) => [one.crontab.slice(0, 60), one] as const))(
    "%j",
    (_, { crontab, system = false, issues = [], warnings = [] }) => {
      const found = read(crontab, system);
      expect(found.issues.map(formatIssue)).toEqual(issues);
      expect(found.warnings.map(formatIssue)).toEqual(warnings);
      expect(issues.length + warnings.length).toBeGreaterThan(0);
    },
  );

  it("do not keep good lines from being read", () => {
    const { entries, issues } = read(
      broken
        .map(({ crontab }) => crontab)
        .join("\n0 5 * * * good\n")
        .replaceAll("\0", ""),
    );
    expect(entries.filter(({ command }) => command === "good")).toHaveLength(broken.length - 1);
    expect(issues.length).toBeGreaterThan(50);
  });
});

describe("a crontab", () => {
  it("takes no line that was commented out, and no heading of the columns, for a description", () => {
    const text = `# m h  dom mon dow   command
0 1 * * * a
# Nightly backup
#0 3 * * * curl https://example.com/
# MAILTO=ops@example.com
#@daily old
0 4 * * * b
# at 4, as 5 * is taken
0 5 * * * c
`;
    expect(read(text).entries.map(({ comment }) => comment)).toEqual([[], ["Nightly backup"], ["at 4, as 5 * is taken"]]);
  });

  it("warns in the order of the lines", () => {
    const { warnings } = read("0 1 * * * a\\\n0 3 * * * dos\r\n0 4 * * * b\\\n0 5 * * * x");
    expect(warnings.map(({ line }) => line)).toEqual([1, 2, 3, 4]);
  });

  it("gives each entry the settings and the comment above it, and none of those below", () => {
    const { entries, issues, warnings } = read(
      '# Of the file\n\nA=1\n0 5 * * * first\n# Says why.\n# In two lines.\nA = "2 3"  \nB=\'x"y\'\n# Second\n*/5 9-17/2 1,15 jan-mar mon,WED second --all\n\n@reboot third\n',
    );
    expect([issues, warnings]).toEqual([[], []]);
    expect(entries.map(({ command, line, comment }) => [command, line, comment])).toEqual([
      ["first", 4, []],
      ["second --all", 10, ["Second"]],
      ["third", 12, []],
    ]);
    const values = (at: number): object =>
      Object.fromEntries([...(entries[at]?.settings ?? [])].map(([name, { value }]) => [name, value]));
    expect([values(0), values(1), values(2)]).toEqual([{ A: "1" }, { A: "2 3", B: 'x"y' }, { A: "2 3", B: 'x"y' }]);
    const [, second, third] = entries;
    expect(second?.when).toMatchObject({ kind: "fields", text: "*/5 9-17/2 1,15 jan-mar mon,WED" });
    expect(second?.when.kind === "fields" ? [...(second.when.fields[1]?.values ?? [])] : []).toEqual([9, 11, 13, 15, 17]);
    expect(third?.when).toEqual({ kind: "reboot" });
  });

  it("of the system has a user before the command", () => {
    const { entries } = read("-0 5 * * *\twww-data\t/bin/x  y\n@daily root run-parts /etc/cron.daily\n", true);
    expect(entries).toMatchObject([
      { user: "www-data", command: "/bin/x  y", unlogged: true },
      { user: "root", command: "run-parts /etc/cron.daily", unlogged: false },
    ]);
  });

  it("with random times gives the same ones each time, within their ranges", () => {
    const [minute = -1, hour = -1] = picked("10~20 ~ * * *");
    expect(minute >= 10 && minute <= 20 && hour >= 0 && hour <= 23).toBe(true);
    expect(picked("10~20 ~ * * *")).toEqual([minute, hour]);
  });

  it("is read without a throw, whatever the bytes, and in time", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, system) => {
        const text = Buffer.from(bytes).toString("utf8");
        const { entries, issues } = read(text, system);
        expect(entries.length + issues.length).toBeLessThanOrEqual(text.split("\n").length);
      }),
    );
    for (const evil of [
      "*,".repeat(500_000),
      "=".repeat(1_000_000),
      `A${" ".repeat(1_000_000)}`,
      '"'.repeat(1_000_000),
      "0 ".repeat(500_000),
      "\\".repeat(1_000_000),
    ]) {
      // One that is read in a time that grows by its square meets the test's own limit.
      read(`${evil}\n0 5 * * * ${evil}\n`);
    }
  });

  it("gives back what was printed", () => {
    const time = fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)).map((fields) => fields.join(" "));
    const command = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
      .filter((text) => /^[^\s*?]/.test(text) && !/\p{Cc}|\uFFFD/u.test(text));
    fc.assert(
      fc.property(time, command, (when, what) => {
        const { entries, issues } = read(`${when} ${what}\n`);
        expect(issues).toEqual([]);
        expect(entries).toMatchObject([{ when: { text: when }, command: what }]);
      }),
    );
  });
});

describe("a setting", () => {
  it("gives back what was printed", () => {
    const value = fc
      .string({ unit: "grapheme", maxLength: 40 })
      .filter((text) => !/\p{Cc}/u.test(text) && !(text.includes('"') && text.includes("'")));
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z_]\w{0,20}$/), value, (name, text) => {
        expect(readSetting(printSetting({ name, value: text }))).toEqual({ name, value: text });
      }),
    );
  });
});

describe("%", () => {
  it.each([
    ["mail joe%Joe,%%Where?%", "mail joe", "Joe,\n\nWhere?\n"],
    ["date +\\%F", "date +%F", undefined],
    ["date +%F", "date +", "F\n"],
    ["cat%a\\%b\\c", "cat", "a%b\\c\n"],
    ["cat%", "cat", ""],
    ["a\\\\%b", "a\\\\", "b\n"],
    ["cat%a\\", "cat", "a\\\n"],
  ])("%j", (written, command, input) => {
    expect(splitPercent(written)).toEqual(input === undefined ? { command } : { command, input });
  });

  it("is given to the shell as it was when it is escaped", () => {
    const plain = fc.string({ maxLength: 60 }).filter((text) => !text.includes("\\"));
    fc.assert(
      fc.property(plain, (text) => {
        expect(splitPercent(escapePercent(text))).toEqual({ command: text });
      }),
    );
  });
});
