import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openLedger } from "../../src/ledger/index.ts";
import { endedWithoutRecord, type Ledger, type RunDetail } from "../../src/ledger/ledger.ts";
import { startProgram, type Program } from "./program.ts";
import { beginning, leadership, openRuns, runFinish, runStart, slotClaim, underWay } from "./records.ts";

let folder: string;
const programs: Program[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runner-ledger-"));
});
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.process.kill("SIGKILL");
    await program.gone();
  }
  await rm(folder, { recursive: true });
});

function start(name: string, ...args: string[]): Program {
  const program = startProgram(name, ...args);
  programs.push(program);
  return program;
}

/** Eight processes for all races: between two orders they hold nothing, so none knows of an earlier race. */
const racers = 8;
const racing: Program[] = [];
beforeAll(async () => {
  for (let at = 0; at < racers; at++) racing.push(startProgram("ledger-racer"));
  const said = await Promise.all(racing.map((program) => program.next()));
  if (said.some((word) => word !== "ready"))
    throw new Error(`a racer did not start: ${racing.map((program) => program.complaints()).join("")}`);
});
afterAll(async () => {
  for (const program of racing) {
    program.process.kill("SIGKILL");
    await program.gone();
  }
});

/** One round: every racer is told at once. Returns the one winner, after each of the others has named it as what it lost to. */
async function race(order: { stateDir: string; jobId: string; slotAt?: number }, round: number): Promise<string> {
  const runIds = racing.map((_, at) => `round-${round}-racer-${at}`);
  for (const [at, program] of racing.entries())
    program.say(["run", order.stateDir, runIds[at], order.jobId, order.slotAt ?? ""].join("\t"));
  const answers = await Promise.all(racing.map(async (program) => (await program.next()) ?? `died: ${program.complaints()}`));
  const winner = runIds[answers.indexOf("won")] ?? "nobody";
  const lost = `lost ${order.slotAt === undefined ? "open_run" : "slot_taken"} ${winner}`;
  expect(answers.toSorted()).toEqual([...Array.from({ length: racers - 1 }, () => lost), "won"]);
  return winner;
}

/** Everything the ledger holds of its runs, in the writer's words. A step that its run's end had to close has no end of its own. */
async function held(ledger: Ledger): Promise<string[]> {
  const words: string[] = [];
  const say = (name: string, row: { finishedAt?: number }): void => {
    words.push(`start ${name}`);
    if (row.finishedAt !== undefined) words.push(`finish ${name}`);
  };
  for (const { runId } of await ledger.history({ limit: 10_000 })) {
    const { run, attempts, calls, tries, tools } = await detail(ledger, runId);
    say(runId, run);
    for (const row of attempts) say(`${runId} ${row.attempt}`, row);
    for (const row of calls) say(`${runId} ${row.attempt}.${row.call}`, row);
    for (const row of tries) say(`${runId} ${row.attempt}.${row.call}.${row.try}`, row);
    for (const row of tools) say(`${runId} ${row.attempt} tool ${row.tool}`, row);
  }
  return words.toSorted();
}

async function detail(ledger: Ledger, runId: string): Promise<RunDetail> {
  const found = await ledger.run(runId);
  if (found === undefined || "ambiguous" in found) throw new Error(`run ${runId} cannot be read`);
  return found;
}

/** Reads a writer's lines until it has said so many, kills it there while it writes on, and returns all that it said. */
async function killAfter(writer: Program, lines: number): Promise<string[]> {
  const said: string[] = [];
  for (let line = await writer.next(); line !== undefined; line = await writer.next()) {
    said.push(line);
    if (said.length === lines) writer.process.kill("SIGKILL");
  }
  await writer.gone();
  expect(writer.complaints()).toBe("");
  return said;
}

describe("eight processes race for one run", () => {
  test("exactly one wins, in the same ledger and while a new one is being made", async () => {
    for (let round = 0; round < 16; round++) {
      // In every fourth round there is no ledger yet, so that making and migrating it is raced for as well.
      const stateDir = join(folder, `state-${Math.floor(round / 4)}`);
      const winner = await race({ stateDir, jobId: "job" }, round);
      const ledger = await openLedger({ stateDir });
      expect(await openRuns(ledger)).toEqual([winner]);
      expect(await ledger.finishRun(winner, runFinish())).toBe(true);
      await ledger.close();
    }
  });

  test("exactly one answers a slot, however soon its run is over", async () => {
    const stateDir = join(folder, "state");
    for (let round = 0; round < 12; round++) await race({ stateDir, jobId: `job-${round % 3}`, slotAt: round }, round);
    const ledger = await openLedger({ stateDir });
    expect((await ledger.history({ limit: 99 })).map((run) => run.slotAt)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    await ledger.close();
  });
});

/** One round of the same order to every racer; how many won. */
async function winners(...order: readonly string[]): Promise<number> {
  for (const program of racing) program.say(order.join("\t"));
  const answers = await Promise.all(racing.map(async (program) => (await program.next()) ?? `died: ${program.complaints()}`));
  expect(answers.filter((answer) => answer !== "won" && answer !== "lost")).toEqual([]);
  return answers.filter((answer) => answer === "won").length;
}

describe("eight processes race for what must be done once", () => {
  test("exactly one claims a slot, by whichever way, and one alone begins it", async () => {
    const stateDir = join(folder, "state");
    const ledger = await openLedger({ stateDir });
    for (let round = 0; round < 6; round++) {
      const slotAt = round * 1000;
      for (const [at, program] of racing.entries()) {
        const byHand = ["run", stateDir, `hand-${round}-${at}`, "b", slotAt];
        const bySchedule = ["slots", stateDir, `slot-${round}-${at}`, "a,b,c", slotAt];
        program.say((round % 2 === 0 || at % 2 === 0 ? bySchedule : byHand).join("\t"));
      }
      const answers = await Promise.all(racing.map(async (program) => (await program.next()) ?? `died: ${program.complaints()}`));
      const won = answers.filter((answer) => answer.startsWith("won")).toSorted();
      // One by hand may have been quicker than the one that claimed all three.
      expect([["won"], ["won", "won 2 of 3"]].slice(0, 1 + (round % 2))).toContainEqual(won);
      const runs = await Promise.all(["a", "b", "c"].map((jobId) => ledger.slotRecord(jobId, slotAt)));
      expect(runs.map((run) => run?.slotAt)).toEqual([slotAt, slotAt, slotAt]);
      const queued = runs.find((run) => run?.status === "queued")?.runId ?? "";
      expect(await winners("begin", stateDir, queued)).toBe(1);
      for (const run of await ledger.openRuns())
        await ledger.finishRun(run.runId, runFinish({ status: run.status === "queued" ? "skipped" : "succeeded" }));
    }
    expect(await ledger.history({ limit: 999 })).toHaveLength(18);
    await ledger.close();
  });

  test("exactly one carries a waiting run on, and exactly one leads", async () => {
    const stateDir = join(folder, "state");
    const ledger = await openLedger({ stateDir });
    await ledger.claimRun(runStart({ runId: "run" }));
    const wait = { until: 1, why: "later", kind: "attempt", since: 0, ranMs: 0, uncounted: 0 } as const;
    for (let round = 0; round < 4; round++) {
      expect(await ledger.parkRun("run", wait)).toBe(true);
      expect(await winners("begin", stateDir, "run")).toBe(1);
      expect(await winners("lead", stateDir)).toBe(1);
      await ledger.changeLeader(() => undefined);
    }
    await ledger.close();
  });

  test("a run that has nothing under way is begun by one or ended by one, never both", async () => {
    const stateDir = join(folder, "state");
    const ledger = await openLedger({ stateDir });
    const wait = { until: 1, why: "later", kind: "attempt", since: 0, ranMs: 0, uncounted: 0 } as const;
    for (let round = 0; round < 8; round++) {
      const runId = `run-${round}`;
      const still = round % 2 === 0 ? "waiting" : "queued";
      if (still === "queued") await ledger.claimSlots([slotClaim({ runId, slotAt: round })]);
      else await ledger.claimRun(runStart({ runId }));
      if (still === "waiting") await ledger.parkRun(runId, wait);
      for (const [at, program] of racing.entries())
        program.say(["begin", "end"].map((what) => [what, stateDir, runId, still].join("\t"))[at % 2] ?? "");
      const answers = await Promise.all(racing.map(async (program) => (await program.next()) ?? program.complaints()));
      expect(answers.toSorted()).toEqual([...Array.from({ length: racers - 1 }, () => "lost"), "won"]);
      const { run } = await detail(ledger, runId);
      expect(run.status).toBe(answers.indexOf("won") % 2 === 0 ? "running" : "cancelled");
      await ledger.finishRun(runId, runFinish());
    }
    await ledger.close();
  });

  test("exactly one may run a tool, round after round", async () => {
    const stateDir = join(folder, "state");
    const ledger = await openLedger({ stateDir });
    await underWay(ledger, "run");
    for (let tool = 1; tool <= 12; tool++) expect(await winners("tool", stateDir, "run", String(tool))).toBe(1);
    expect((await detail(ledger, "run")).tools.map((row) => row.tool)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await ledger.close();
  });

  test("exactly one probes a model whose breaker is half open, and no failure is lost in the count", async () => {
    const stateDir = join(folder, "state");
    for (let round = 0; round < 12; round++)
      expect(await winners("probe", stateDir, `model-${round % 3}`)).toBe(round < 3 ? 1 : 0);
    const ledger = await openLedger({ stateDir });
    const counts = [...(await ledger.breakers()).values()].map(({ failures }) => failures);
    expect(counts).toEqual([4 * racers, 4 * racers, 4 * racers]);
    await ledger.close();
  });
});

describe("a writer that is killed at any moment", () => {
  test("leaves a whole database that holds every step it was told of, and at most the one that was under way", async () => {
    const stateDir = join(folder, "state");
    const done: string[] = [];
    // At which instruction it dies, the machine decides: it writes on while the signal is on its way.
    for (const [life, lines] of [1, 2, 3, 7, 18, 40, 61, 4, 95, 33].entries()) {
      const said = await killAfter(start("ledger-writer", stateDir, String(life)), lines);
      done.push(...said.filter((line) => line.startsWith("did ")).map((line) => line.slice(4)));

      const file = new DatabaseSync(join(stateDir, "ledger.sqlite"));
      expect(file.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
      expect(file.prepare("PRAGMA foreign_key_check").all()).toEqual([]);
      file.close();

      const ledger = await openLedger({ stateDir });
      const words = await held(ledger);
      // The step that was announced last may have reached the ledger before the writer could say so.
      const announced = said.at(-1)?.startsWith("will ") === true ? said.at(-1)?.slice(5) : undefined;
      if (announced !== undefined && words.includes(announced)) done.push(announced);
      expect(words).toEqual(done.toSorted());
      await ledger.close();
    }
  });

  test("and its run is closed by the next one, which then wins the claim", async () => {
    const stateDir = join(folder, "state");
    const writer = start("ledger-writer", stateDir, "1", "start life-1-run-1 1.1.2");
    await killAfter(writer, 12);
    const ledger = await openLedger({ stateDir });
    const runId = "life-1-run-1";
    const blocker = { runId, status: "running", owner: { pid: writer.process.pid } };
    expect(await ledger.claimRun(runStart({ runId: "next" }))).toMatchObject({ won: false, because: "open_run", blocker });
    expect(await ledger.finishRun(runId, runFinish({ status: "interrupted" }))).toBe(true);
    expect(await ledger.claimRun(runStart({ runId: "next" }))).toEqual({ won: true });
    const { attempts, calls, tries } = await detail(ledger, runId);
    expect([attempts.map((row) => row.error), calls.map((row) => row.reason)]).toEqual([
      [endedWithoutRecord],
      [endedWithoutRecord],
    ]);
    expect(tries.map((row) => `${row.status} ${row.error?.slice(0, 22)}`)).toEqual([
      `answered ${"e".repeat(22)}`,
      `failed ${endedWithoutRecord}`,
    ]);
    await ledger.close();
  });
});

describe("a scheduler that is killed at any moment", () => {
  test("has claimed all slots of an instant or none, and everything it was told of is there", async () => {
    const stateDir = join(folder, "state");
    const done = new Set<string>();
    for (const [life, lines] of [1, 3, 6, 11, 17, 8].entries()) {
      const said = await killAfter(start("ledger-scheduler", stateDir, String(life)), lines);
      for (const line of said) if (line.startsWith("did ")) done.add(line.slice(4));

      const ledger = await openLedger({ stateDir });
      const runs = (await ledger.history({ limit: 99_999 })).map((run) => ({ ...run, of: run.runId.split(" ")[0] ?? "" }));
      const ofInstant = Map.groupBy(
        runs.filter((run) => run.slotFrom === undefined),
        (run) => run.of,
      );
      for (const [of, some] of ofInstant) expect(`${of} ${some.length}`).toBe(`${of} 40`);
      const waiting = new Set(runs.filter((run) => run.wait !== undefined).map((run) => run.of));
      const ended = new Set(runs.filter((run) => run.status === "cancelled").map((run) => run.of));
      const known = (what: string): ReadonlySet<string> =>
        what === "claim"
          ? new Set(ofInstant.keys())
          : what === "park"
            ? waiting
            : what === "end"
              ? ended
              : new Set(runs.map((run) => run.of));
      for (const [what = "", of = ""] of [...done].map((line) => line.split(" ")))
        expect(`${what} ${known(what).has(of) ? of : "lost"}`).toBe(`${what} ${of}`);

      const counted = Map.groupBy(
        runs.filter((run) => run.finishedAt !== undefined),
        (run) => `${run.jobId} ${run.status}`,
      );
      const expected = [...counted].map(([key, some]) => `${key} ${some.reduce((sum, run) => sum + (run.slots ?? 1), 0)}`);
      const counts = (await ledger.statusCounts({ since: 0 })).map((row) => `${row.jobId} ${row.status} ${row.runs}`);
      expect(counts.toSorted()).toEqual(expected.toSorted());
      await ledger.close();
    }
    expect(done.size).toBeGreaterThan(20);
  });
});

describe("a ledger that another process holds", () => {
  test("is waited for and then reported as locked; reading goes on; once it is free, writing does too", async () => {
    const stateDir = join(folder, "state");
    const ledger = await openLedger({ stateDir, busyTimeoutMs: 150 });
    const patient = await openLedger({ stateDir, busyTimeoutMs: 20_000 });
    await ledger.claimRun(runStart({ runId: "before" }));
    const holder = start("ledger-holder", join(stateDir, "ledger.sqlite"));
    expect(await holder.next()).toBe("holding");

    await expect(ledger.claimRun(runStart({ runId: "during", jobId: "j" }))).rejects.toMatchObject({
      name: "LedgerError",
      reason: "locked",
      message: expect.stringContaining("another process holds it"),
      location: join(stateDir, "ledger.sqlite"),
    });
    const locked = { name: "LedgerError", reason: "locked" };
    await expect(ledger.claimSlots([slotClaim({ runId: "during" })])).rejects.toMatchObject(locked);
    await expect(ledger.beginRun("during", beginning())).rejects.toMatchObject(locked);
    await expect(ledger.changeLeader(() => leadership())).rejects.toMatchObject(locked);
    expect(await ledger.openRuns(), "reading needs no lock").toMatchObject([{ runId: "before" }]);
    expect([await ledger.hasChanged(), await ledger.hasChanged()]).toEqual([true, false]);
    expect((await ledger.history({})).map((run) => run.runId)).toEqual(["before"]);
    const late = await openLedger({ stateDir, busyTimeoutMs: 150 });
    expect(await openRuns(late)).toEqual(["before"]);

    // The patient claim is under way before the holder lets go: this process's event loop is not blocked by its waiting.
    const waiting = patient.claimRun(runStart({ runId: "patient", jobId: "j" }));
    holder.say("let go");
    expect(await holder.next()).toBe("let go");
    expect(await waiting).toEqual({ won: true });
    for (const open of [ledger, patient, late]) await open.close();
  });
});
