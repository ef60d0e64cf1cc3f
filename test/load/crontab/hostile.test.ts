/** Crontabs that somebody has made to hold the reader up. */
import { describe, expect, it } from "vitest";
import { readCrontab } from "../../../src/load/crontab/crontab.ts";

describe("hostile text", () => {
  it.each([
    ["a line of 1 MB", `0 0 * * * ${"x".repeat(1_000_000)}\n`, "has 1000010 characters"],
    ["a NUL byte", "0 0 * * * a\0b\n", "control character"],
    ["a field of 100,000 parts", `${"1,".repeat(60_000)}1 0 * * * x\n`, ""],
    ["many backslashes before a %", `0 0 * * * echo ${"\\".repeat(60_000)}% x\n`, ""],
    ["nothing but open brackets", `0 0 * * * ${"$(".repeat(60_000)}\n`, ""],
    ["a million line ends of old Macs", "\r".repeat(1_000_000), ""],
    ["line ends of Windows", "A=b\r\n0 0 * * *\tx\r\n", ""],
  ])("%s takes no time, and is told if it is refused", (_, text, words) => {
    const began = process.cpuUsage();
    const { issues } = readCrontab(text, { file: "x", system: false });
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1_000).toBeLessThan(2_000);
    // Every line that is not taken is told, and no other.
    expect(issues.map(({ message }) => message.replaceAll(/^.*?(has \d+ characters|control character).*$/g, "$1")).join()).toBe(
      words,
    );
  });
});
