/** What becomes a line, what does not, and what a line looks like. */
import { describe, expect, it } from "vitest";
import { createDaemonLog, isJournal, type DaemonLogOptions } from "../../../src/cli/daemon/log.ts";
import type { RunOutcome } from "../../../src/engine/outcome.ts";
import type { SchedulerEvent } from "../../../src/engine/scheduler-events.ts";
import type { RunStart } from "../../../src/ledger/ledger.ts";

const owner = { pid: 7, startedAt: "1", bootId: "b", pidNamespace: "n", host: "alpha" };
const at = Date.parse("2026-11-25T06:00:00Z");
const start: RunStart = {
  runId: "0123456789abcdef",
  jobId: "daily",
  jobName: "daily",
  trigger: "slot",
  slotAt: at,
  startedAt: at,
  owner,
  modelAsked: "",
  simulated: false,
  jobHash: "",
};

function begins(runId = start.runId, late = 0): SchedulerEvent {
  return {
    type: "run",
    jobName: "daily",
    event: { type: "run_started", at: at + late, run: { ...start, runId }, ladder: [], notes: [] },
  };
}

function ends(
  status: RunOutcome["status"],
  reason: string,
  runId = start.runId,
  facts: Partial<RunOutcome> = {},
): SchedulerEvent {
  const outcome: RunOutcome = {
    runId,
    jobId: "daily",
    jobName: "daily",
    status,
    exitCode: 0,
    reason,
    output: "THE ANSWER ITSELF",
    modelAsked: "",
    simulated: false,
    startedAt: at,
    finishedAt: at + 1_500,
    attempts: 1,
    calls: 0,
    tries: 0,
    repairs: 0,
    faults: {},
    usage: {},
    ...facts,
  };
  return { type: "run", jobName: "daily", event: { type: "run_finished", at: at + 1_500, outcome } };
}

function logOf(over: Partial<DaemonLogOptions> = {}): {
  readonly lines: string[];
  readonly listen: (event: SchedulerEvent) => void;
} {
  const lines: string[] = [];
  const log = createDaemonLog({
    sink: { write: (line) => void lines.push(line), close: () => Promise.resolve() },
    form: "lines",
    quiet: false,
    once: false,
    zone: () => "Europe/Berlin",
    style: (_style, text) => text,
    redact: (text) => text.replaceAll("sk-secret", "(key)"),
    now: () => at,
    ...over,
  });
  return { lines, listen: log.listen };
}

describe("the daemon's log", () => {
  it("writes the instants of a reason as all others, and as they are for programs", () => {
    const range = {
      jobId: "daily",
      runId: start.runId,
      jobName: "daily",
      status: "missed",
      from: at - 7_200_000,
      to: at - 3_600_000,
      slots: 2,
      reason: "made up for by the run of the slot at 2026-11-25T06:00:00.000Z (catchUp: latest)",
      recordedAt: at,
      owner,
      jobHash: "",
    } as const;
    const [people, programs] = [logOf(), logOf({ form: "json" })];
    for (const { listen } of [people, programs]) listen({ type: "slots_recorded", at, range });
    expect(people.lines.join("")).toContain("made up for by the run of the slot at 2026-11-25 07:00:00+01:00 (catchUp: latest)");
    expect(programs.lines.join("")).toContain("the run of the slot at 2026-11-25T06:00:00.000Z");
    // Nothing is lost there, and cron would mail it each minute; what is lost is told.
    const quiet = logOf({ quiet: true });
    const lost = { ...range, reason: "missed slots are not made up for (catchUp: skip)" };
    for (const one of [range, lost]) quiet.listen({ type: "slots_recorded", at, range: one });
    expect(quiet.lines).toEqual([expect.stringContaining("not made up for (catchUp: skip)")]);
  });

  it("has a line for a run's beginning and end, with the time, its offset, the job and the run; never the answer", () => {
    const { lines, listen } = logOf();
    listen(begins(start.runId, 5_000));
    listen(ends("succeeded", "the model ended its turn"));
    expect(lines).toEqual([
      "2026-11-25 07:00:05+01:00  daily  01234567  begins, 5 s after its slot\n",
      "2026-11-25 07:00:01+01:00  daily  01234567  succeeded in 1.5 s: the model ended its turn\n",
    ]);
  });

  it("writes objects of a stable shape", () => {
    const { lines, listen } = logOf({ form: "json" });
    listen(begins());
    listen({ type: "run_waits", at, jobName: "daily", runId: start.runId, until: at + 60_000, why: "429" });
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      {
        version: 1,
        time: "2026-11-25T06:00:00.000Z",
        level: "info",
        event: "run_started",
        job: "daily",
        runId: start.runId,
        slotAt: "2026-11-25T06:00:00.000Z",
        text: "begins",
      },
      {
        version: 1,
        time: "2026-11-25T06:00:00.000Z",
        level: "warning",
        event: "run_waits",
        job: "daily",
        runId: start.runId,
        until: "2026-11-25T06:01:00.000Z",
        text: "waits until 2026-11-25 07:01:00+01:00: 429",
      },
    ]);
  });

  it("leaves the time to journald and gives it the level", () => {
    const { lines, listen } = logOf({ form: "journal" });
    listen(begins());
    listen(ends("failed", "exit 3"));
    expect(lines).toEqual(["<6>daily  01234567  begins\n", "<3>daily  01234567  failed in 1.5 s: exit 3\n"]);
  });

  it("takes secrets out, and keeps foreign text to its line", () => {
    const { lines, listen } = logOf();
    listen({ type: "job_unusable", at, jobName: "daily", reason: "key sk-secret\n\u001B[2Jis wrong" });
    expect(lines).toEqual(["2026-11-25 07:00:00+01:00  daily  error: cannot be scheduled: key (key) [2Jis wrong\n"]);
  });

  it("takes secrets out of every field of the objects", () => {
    const lines: string[] = [];
    const sink = { write: (line: string) => void lines.push(line), close: () => Promise.resolve() };
    const log = createDaemonLog({
      sink,
      form: "json",
      quiet: false,
      once: false,
      zone: () => "UTC",
      style: (_style, text) => text,
      redact: (text) => text.replaceAll("sk-secret", "(key)"),
      now: () => at,
    });
    log.say("error", "reload_refused", "refused", { problems: ["a.yaml: sk-secret is no model"] });
    log.listen({ type: "job_unusable", at, jobName: "sk-secret", reason: "no" });
    // Half a key is not found any more: the words are cut when it is out.
    log.say("error", "reload_refused", `${"x".repeat(995)}sk-secret`);
    expect(lines.pop()).not.toContain("sk-");
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { problems: ["a.yaml: (key) is no model"] },
      { job: "(key)" },
    ]);
  });

  it("tells the same trouble once, then at the 10th and 100th time, and the first run that ends otherwise", () => {
    const { lines, listen } = logOf();
    for (let time = 1; time <= 120; time++) {
      const id = time.toString(16).padStart(8, "0");
      listen(begins(id));
      listen(ends("failed", `exit 3 after ${time} s`, id));
    }
    expect(lines.map((line) => line.slice(27))).toEqual([
      "daily  00000001  begins\n",
      "daily  00000001  failed in 1.5 s: exit 3 after 1 s\n",
      "daily  0000000a  failed in 1.5 s: exit 3 after 10 s (for the 10th time in a row)\n",
      "daily  00000064  failed in 1.5 s: exit 3 after 100 s (for the 100th time in a row)\n",
    ]);
    lines.length = 0;
    listen(begins("aaaaaaaa"));
    listen(ends("succeeded", "exit 0", "aaaaaaaa"));
    listen(begins("bbbbbbbb"));
    expect(lines.map((line) => line.slice(27))).toEqual([
      "daily  aaaaaaaa  begins\n",
      "daily  aaaaaaaa  succeeded in 1.5 s: exit 0 (after 120 times the same trouble)\n",
      "daily  bbbbbbbb  begins\n",
    ]);
  });

  it("knows what blocks a job by its obstacle, whatever the words are", () => {
    const { lines, listen } = logOf();
    const blocks = (words: string, obstacle: string): void =>
      listen(ends("blocked", `mail did not start: ${words}`, start.runId, { obstacle }));
    blocks("no licence for alpha", "mcp.mail");
    listen({ type: "job_blocked", at, jobName: "daily", runId: start.runId, reason: "no licence for alpha" });
    blocks("no licence for beta", "mcp.mail");
    expect(lines).toEqual([expect.stringContaining("blocked in 1.5 s: mail did not start: no licence for alpha\n")]);
    blocks("no licence for beta", "mcp.notes");
    expect(lines).toHaveLength(2);
  });

  it("leaves it to the ledger which of a job's blocked runs is the first, where the process is new each minute", () => {
    const { lines, listen } = logOf({ once: true, quiet: true });
    listen(ends("blocked", "no key"));
    expect(lines).toEqual([]);
    listen({ type: "job_blocked", at, jobName: "daily", runId: start.runId, reason: "no key" });
    listen(ends("failed", "exit 3"));
    expect(lines.map((line) => line.slice(27))).toEqual([
      "daily  01234567  blocked: no key\n",
      "daily  01234567  failed in 1.5 s: exit 3\n",
    ]);
  });

  it("knows the trouble of a job's runs beside that of its slots", () => {
    const { lines, listen } = logOf();
    const skips: SchedulerEvent = {
      type: "slots_recorded",
      at,
      range: {
        runId: "r",
        jobId: "daily",
        jobName: "daily",
        status: "skipped",
        from: at,
        to: at,
        slots: 1,
        reason: "it waits to begin",
        recordedAt: at,
        owner,
        jobHash: "",
      },
    };
    for (let time = 1; time <= 5; time++) for (const event of [begins(), ends("blocked", "no key"), skips]) listen(event);
    expect(lines.map((line) => line.slice(27).replaceAll(/[^a-z ]/g, ""))).toHaveLength(3);
    listen(begins());
    listen(ends("succeeded", "done"));
    listen(skips);
    expect(lines.slice(3).map((line) => line.slice(34))).toEqual([
      "01234567  begins\n",
      "01234567  succeeded in 1.5 s: done (after 5 times the same trouble)\n",
      expect.stringMatching(/^skipped: /),
    ]);
  });

  it("of one that does what is due and ends says that it leaves it to the daemon, and not that it waits for its death", () => {
    const { lines, listen } = logOf({ once: true });
    const report = { projectDir: "/srv/p", zone: "UTC", jobs: 1, running: 0, queued: 0, state: "running", problems: [] } as const;
    const leader = { owner, startedAt: at, seenAt: at, leaseUntil: at, version: "1", report };
    listen({ type: "standing_by", at, leader });
    expect(lines.join("")).toMatch(/leaves it to the daemon: pid 7 on alpha fires the jobs of \/srv\/p since [^;]*$/);
  });

  it("tells a new trouble at once, with the beginning that was held back", () => {
    const { lines, listen } = logOf();
    listen(ends("failed", "exit 3"));
    listen(begins("aaaaaaaa"));
    expect(lines).toHaveLength(1);
    listen(ends("timed_out", "limits.run", "aaaaaaaa"));
    expect(lines).toHaveLength(3);
  });

  it("writes only warnings and errors when it is to be quiet", () => {
    const { lines, listen } = logOf({ quiet: true });
    listen(begins());
    listen(ends("succeeded", "done"));
    listen({ type: "held", at, reason: "the disk is full" });
    expect(lines).toEqual(["2026-11-25 07:00:00+01:00  error: starts nothing: the disk is full\n"]);
  });

  it("believes $JOURNAL_STREAM only for the very stream it names", () => {
    expect(isJournal(2, {})).toBe(false);
    expect(isJournal(2, { JOURNAL_STREAM: "1:1" })).toBe(false);
  });
});
