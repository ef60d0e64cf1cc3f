/** `runner import crontab`: what it writes, prints and leaves alone. */
import { chmodSync, existsSync, statSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stage, type Stage } from "./stage.ts";

let project: Stage;
beforeEach(() => {
  project = stage();
});
afterEach(() => project.close());

const crontab = `MAILTO=ops@example.com
API_TOKEN=sk-planted-0123456789abcdefghijklmnop
# Nightly backup
30 1 * * * echo backup >> out.log
*/15 * * * * true-check --all
CRON_TZ=America/New_York
0,30 2 * * * sync
@reboot up
0 5 * * fri-mon never
`;
const written = (name: string): string => readFileSync(path.join(project.dir, "jobs/imported", name), "utf8");

describe("import crontab", () => {
  it("writes one job a line, each valid, with no key in it, and says what it could not take over", async () => {
    project.write("tab", crontab);
    const { code, stdout, stderr } = await project.runner(["import", "crontab", "tab"]);
    expect(code).toBe(78);
    expect(stderr).toContain("tab:9:9: bad day of week");
    expect(stderr).toContain("4 jobs from tab, 1 could not be taken over");
    expect(readdirSync(path.join(project.dir, "jobs/imported")).toSorted()).toEqual([
      "backup.yaml",
      "sync.yaml",
      "true-check.yaml",
      "up.yaml",
    ]);
    expect(written("backup.yaml")).toMatch(
      /^# From the crontab, line 4:\n# {3}30 1 \* \* \* echo backup >> out\.log\n# MAILTO=ops@example\.com/,
    );
    expect(written("backup.yaml")).toContain("API_TOKEN: ${API_TOKEN}");
    expect(stdout).toContain("set: API_TOKEN in runner's environment");
    expect(stdout + stderr + written("backup.yaml") + written("up.yaml")).not.toContain("sk-planted");
    const checked = await project.runner(["validate"]);
    expect(checked.code).toBe(0);
    expect(checked.stderr).not.toMatch(/OpenClaw|means nothing/);
    expect((await project.runner(["list"])).stdout).toContain("true-check");
    expect((await project.runner(["next", "sync", "-n", "1"])).stdout).toMatch(/02:[03]0:00 -0[45]:00/);
  });

  it("shows the next runs side by side, and what is different when the clock changes", async () => {
    project.write("tab", crontab);
    const { stdout } = await project.runner(["import", "crontab", "tab", "--dry-run", "-n", "2"]);
    expect(existsSync(path.join(project.dir, "jobs/imported"))).toBe(false);
    expect(stdout).toMatch(/crontab \w{3} [\d-]{10} 02:[03]0:00 -0[45]:00 {3}runner \w{3} [\d-]{10} 02:[03]0:00/);
    expect(stdout).toMatch(/the clock is put on by 60 min\n.*cron starts it 2 times within the minute, here it runs once/);
    expect(stdout).toMatch(/the same over the change of the clock on \d{4}-11-\d\d/);
    const { stdout: document } = await project.runner(["import", "crontab", "tab", "--dry-run", "--json"]);
    const body = JSON.parse(document) as { jobs: { name: string; comparison?: { next: { before: boolean; now: boolean }[] } }[] };
    expect(body).toMatchObject({ kind: "import", from: "crontab", dryRun: true, issues: [{ line: 9, column: 9 }] });
    const rows = body.jobs.flatMap(({ comparison }) => comparison?.next ?? []);
    expect(rows).toHaveLength(9);
    expect(rows.every(({ before, now }) => before && now)).toBe(true);
  });

  it("a second time changes nothing, and what a person changed is not overwritten", async () => {
    project.write("tab", "0 5 * * * one\n0 6 * * * two\n");
    await project.runner(["import", "crontab", "tab"]);
    const again = await project.runner(["import", "crontab", "tab"]);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(/as it is +jobs\/imported\/one\.yaml/);
    writeFileSync(path.join(project.dir, "jobs/imported/two.yaml"), "command: [mine]\n");
    const refused = await project.runner(["import", "crontab", "tab"]);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain("--force");
    expect(written("two.yaml")).toBe("command: [mine]\n");
    expect(await project.runner(["import", "crontab", "tab", "--force"])).toMatchObject({ code: 0 });
    expect(written("two.yaml")).toContain("- two");
    expect(await project.runner(["import", "crontab", "tab", "--out", "elsewhere"])).toMatchObject({ code: 0 });
    expect(existsSync(path.join(project.dir, "elsewhere/one-2.yaml"))).toBe(true);
  });

  it("takes no name that another job has", async () => {
    project.write("jobs/one.yaml", "command: [other]\n");
    project.write("tab", "0 5 * * * one\n");
    await project.runner(["import", "crontab", "tab"]);
    expect(existsSync(path.join(project.dir, "jobs/imported/one-2.yaml"))).toBe(true);
    expect(await project.runner(["validate"])).toMatchObject({ code: 0 });
  });

  it("runs what it imported as cron would: its folder, its environment, its stdin", async () => {
    project.write(
      "tab",
      `HOME=${project.dir}\nGREETING=hello\n0 5 * * * cat > got.txt; echo "$GREETING $LOGNAME $PATH" >> got.txt%one%two\n`,
    );
    expect(await project.runner(["import", "crontab", "tab"])).toMatchObject({ code: 0 });
    expect(await project.runner(["run", "cat"])).toMatchObject({ code: 0 });
    expect(readFileSync(path.join(project.dir, "got.txt"), "utf8")).toMatch(/^one\ntwo\nhello \S+ \/usr\/bin:\/bin\n$/);
  });

  it.runIf(existsSync("/proc/version"))("says of a folder that cannot be made which it is, why, and what to do", async () => {
    project.write("tab", "0 5 * * * one\n");
    const { code, stderr } = await project.runner(["import", "crontab", "tab", "--out", "/proc/none/deeper"]);
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: expect.stringMatching(
        /^error: \/proc\/none: this folder is not there and cannot be made: nothing can be made there; nothing was written \(name another folder with --out\)$/m,
      ) as string,
    });
  });

  it("leaves nothing for validate to warn of that nobody would change", async () => {
    project.write(
      "tab",
      [
        "MAILTO=ops@example.com",
        "CRON_TZ=Europe/London",
        "* * * * * true",
        "*/5 * * * * /bin/true --check",
        "@hourly /bin/true hourly",
        "30 1 * * * /bin/true backup",
        "15 1 * * 0 /bin/true weekly",
        "0 9-17 * * 1-5 cd /srv && /bin/true work >> work.log 2>&1",
        "@reboot /bin/true up",
        "",
      ].join("\n"),
    );
    expect(await project.runner(["import", "crontab", "tab"])).toMatchObject({ code: 0 });
    const { code, stdout, stderr } = await project.runner(["validate", "--json"]);
    const { warnings } = JSON.parse(stdout) as { warnings: { path: string; message: string }[] };
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(warnings).toMatchObject([
      {
        path: "schedule.expr",
        message: expect.stringMatching(
          /^times of true-3, true-4 are jumped over by the clocks of Europe\/London on \d{4}-03-\d\d: their slots are at 02:00 that day$/,
        ) as string,
      },
    ]);
  });

  it("tells what it left out in the order of the lines, and that what it took would run twice", async () => {
    project.write("tab", "0 5 * * * one\nCRON_TZ=\n0 6 * * * lost\n0 0 31 2 * never\n");
    const { code, stderr } = await project.runner(["import", "crontab", "tab"]);
    expect(code).toBe(78);
    expect(stderr.match(/^error: tab:\d+/gm)).toEqual(["error: tab:2", "error: tab:3", "error: tab:4"]);
    expect(stderr).toContain(
      "1 job from tab, 3 could not be taken over. Before runner start, remove from there what is a job here now, or it runs twice.",
    );
  });

  it("recognises the origin's loop, and asks the model itself", async () => {
    project.write(
      "retry-cron.sh",
      '#!/bin/bash\nDELAY=5\nfor i in 1 2 3 4; do\n  openclaw agent --message "Run FPL check..." --model kimi-coding/k2p5 && exit 0\n  sleep $DELAY\n  DELAY=$((DELAY * 2))\ndone\nexit 1\n',
    );
    project.write("tab", `0 12 * * * ${project.dir}/retry-cron.sh\n`);
    const { code, stdout } = await project.runner(["import", "crontab", "tab"]);
    expect(code).toBe(0);
    expect(stdout).toContain("was a loop of up to 4 tries");
    const run = await project.runner(["run", "retry-cron", "--simulate", "stream_order:0.8", "--seed", "3"]);
    expect(run).toMatchObject({ code: 0 });
    expect(written("retry-cron.yaml")).toMatch(/kind: agentTurn\n {2}message: Run FPL check\.\.\.\n/);
  });

  it("lets others read what it writes only if they could read the crontab", async () => {
    project.write("tab", "0 5 * * * open\n");
    project.write("own", "0 5 * * * closed\n");
    chmodSync(path.join(project.dir, "own"), 0o600);
    for (const file of ["tab", "own"]) expect((await project.runner(["import", "crontab", file])).code).toBe(0);
    const mode = (name: string): number => statSync(path.join(project.dir, "jobs/imported", name)).mode;
    expect(mode("closed.yaml") & 0o077).toBe(0);
    expect(mode("open.yaml") & 0o044).toBe(statSync(path.join(project.dir, "tab")).mode & 0o044);
  });

  it.runIf(existsSync("/dev/zero"))("reads no more of a device without an end than a crontab may have", async () => {
    const { code, stderr } = await project.runner(["import", "crontab", "/dev/zero"]);
    expect(stderr).toContain("/dev/zero: has more than 1048576 bytes (is this a crontab?)");
    expect(code).toBe(78);
  });

  it.each([
    [["import"], 2, "missing required argument"],
    [["import", "crontb"], 2, 'Did you mean "crontab"?'],
    [["import", "crontab", "none"], 2, "there is no file"],
    [["import", "crontab", "."], 2, "is a folder"],
    [["import", "crontab", "empty"], 0, "nothing in it to import"],
    [["import", "crontab", "empty", "-n", "x"], 2, "-n"],
  ])("answers %j with %i", async (args, exit, words) => {
    project.write("empty", "# nothing\n");
    project.write("one", "0 5 * * * one\n");
    const { code, stderr } = await project.runner(args);
    expect(stderr).toContain(words);
    expect(code).toBe(exit);
  });
});
