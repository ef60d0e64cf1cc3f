/** The crontab outside the block is nobody's but its owner's; the line reaches the shell as it was meant. */
import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  crontabBlock,
  findBlock,
  shellWords,
  toText,
  variablesOf,
  withBlock,
  withoutBlock,
} from "../../../src/compose/service/crontab.ts";
import { shellWord } from "../../../src/load/shell-word.ts";
import { commandLine } from "../../../src/compose/service/service.ts";
import { ConfigError } from "../../../src/errors.ts";
import { oddFolders, serviceOf } from "./facts.ts";

const service = serviceOf({ tick: true });
const block = crontabBlock(service);

/** Lines as people have them, of any bytes. */
const line = fc.oneof(
  fc.constantFrom(
    "MAILTO=ops",
    "",
    "# comment",
    "*/5 * * * * /usr/bin/true % in\r",
    "# >>> runner install: /srv/other",
    "\t@daily x",
  ),
  fc.string({ unit: "binary", maxLength: 40 }).map((text) => Buffer.from(text).toString("latin1").replaceAll("\n", "")),
);
const crontab = fc.array(line, { maxLength: 12 }).map((lines) => lines.map((one) => `${one}\n`).join(""));

describe("the block", () => {
  it("goes in once and comes out without a trace", () => {
    fc.assert(
      fc.property(crontab, (before) => {
        const after = withBlock(before, "/srv/fpl", block);
        expect(findBlock(after, "/srv/fpl")).toBe(block);
        expect(withBlock(after, "/srv/fpl", block)).toBe(after);
        expect(withoutBlock(after, "/srv/fpl")).toBe(before);
        expect(withoutBlock(before, "/srv/fpl")).toBe(before);
      }),
    );
  });

  it("stays where it stands when it is written anew, and two projects do not meet", () => {
    const other = crontabBlock(serviceOf({ projectDir: "/srv/fpl2" }));
    const both = withBlock(withBlock("A=1\n", "/srv/fpl", block), "/srv/fpl2", other);
    const changed = crontabBlock(serviceOf({ environment: { PATH: "/bin" } }));
    expect(withBlock(both, "/srv/fpl", changed)).toBe(`A=1\n${changed}${other}`);
    expect(withoutBlock(both, "/srv/fpl")).toBe(`A=1\n${other}`);
  });

  it("makes one of two, as a person who copied it leaves them", () => {
    expect(withBlock(`${block}X=1\n${block}`, "/srv/fpl", block)).toBe(`${block}X=1\n`);
  });

  it("ends the last line that no line feed ends, for cron does not read it", () => {
    expect(withBlock("0 0 * * * x", "/srv/fpl", block)).toBe(`0 0 * * * x\n${block}`);
  });

  it("is left alone if its end is missing, with the line", () => {
    const broken = `MAILTO=x\n${block.slice(0, block.indexOf("* * * * *"))}0 1 * * * mine\n`;
    for (const touch of [() => withBlock(broken, "/srv/fpl", block), () => withoutBlock(broken, "/srv/fpl")]) {
      expect(touch).toThrow(ConfigError);
      expect(touch).toThrow(/crontab:2: .*does not end.*<<< runner install: \/srv\/fpl/);
    }
  });

  it("is refused where cron would cut it", () => {
    const long = serviceOf({ environment: { PATH: `/${"a".repeat(1_000)}` } });
    expect(() => crontabBlock(long)).toThrow(/cron takes 990 \(shorten PATH/);
  });
});

/** What cron makes of a line: the five fields go, `\%` becomes `%`, and an unescaped one would end the command (crontab(5)). */
function asCronDoes(text: string): string {
  const command = text.replace(/^(?:\S+ ){5}/, "");
  expect(command.replaceAll("\\%", "")).not.toContain("%");
  return command.replaceAll("\\%", "%");
}

describe("the line", () => {
  it.each(oddFolders)("takes %s to the program unchanged", (dir) => {
    const odd = serviceOf({
      tick: true,
      projectDir: dir,
      node: `${dir}/node`,
      keyFile: `${dir}/k.env`,
      environment: { PATH: dir },
    });
    const text = toText(crontabBlock(odd))
      .split("\n")
      .find((one) => one.startsWith("* "));
    const command = asCronDoes(text ?? "").replace(
      "/usr/bin/env",
      `'${process.execPath}' -e 'console.log(JSON.stringify(process.argv.slice(1)))' --`,
    );
    const words = JSON.parse(execFileSync("/bin/sh", ["-c", command], { encoding: "utf8", env: {} })) as string[];
    const wanted = [`PATH=${dir}`, ...commandLine(odd, [`--env-file-if-exists=${dir}/k.env`]), "-q"];
    expect(words).toEqual(wanted);
    expect(shellWords(command.slice(command.indexOf(" -- ") + 4))).toEqual(wanted);
  });

  it("is written in words that sh(1) and we read alike", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        expect(shellWords(words.map(shellWord).join(" ").replaceAll("%", "\\%"))).toEqual(words);
      }),
    );
  });
});

describe("variables of a crontab", () => {
  it("are found as crontab(5) has them", () => {
    const text = `# A=1\nKEY=v\n "Q" = 'two words' \n* * * * * B=2 true\nEMPTY=\n`;
    expect(variablesOf(text)).toEqual({ KEY: "v", Q: "two words", EMPTY: "" });
  });
});
