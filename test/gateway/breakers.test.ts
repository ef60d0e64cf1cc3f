import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ledgerBreakers } from "../../src/engine/breakers.ts";
import type { Breakers } from "../../src/gateway/gateway.ts";
import { openLedger } from "../../src/ledger/index.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import type { ProvenAnswer, UpstreamRequest } from "../../src/provider/provider.ts";
import type { Rung } from "../../src/run/ladder.ts";
import { answer, clear, failure, ladderOf, limits, question, ScriptedProvider, send, stage } from "./stage.ts";

const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  await clear();
  for (const close of opened.splice(0).toReversed()) await close();
});

const start = Date.UTC(2026, 10, 25, 12);

/** A ledger of its own, a wall clock that a test sets, and the breakers of as many runs as it likes. */
async function world(): Promise<{ ledger: Ledger; clock: { now: number }; run: (quota?: string) => Breakers }> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "breakers-"));
  const ledger = await openLedger({ stateDir });
  opened.push(async () => {
    await ledger.close();
    rmSync(stateDir, { recursive: true });
  });
  const clock = { now: start };
  const run = (quota?: string): Breakers =>
    ledgerBreakers(ledger, {
      now: () => clock.now,
      random: () => 0,
      tryMs: limits.tryMs,
      ...(quota === undefined ? {} : { quotaOf: () => quota }),
    });
  return { ledger, clock, run };
}

const kimi: Rung = { provider: "kimi", model: "k2p5", stream: false };
const backup: Rung = { provider: "backup", model: "other", stream: true };

async function failing(breakers: Breakers, rung: Rung, times: number, ...facts: Parameters<typeof failure>): Promise<void> {
  for (let time = 0; time < times; time++) await breakers.failed(rung, failure(...facts));
}

const bothModels = ladderOf("kimi/k2p5 off", "backup/other");

describe("breakers in the ledger", () => {
  test("of two runs only one probes; its answer closes it for both, its failure opens it for longer", async () => {
    const { ledger, clock, run } = await world();
    const [one, two] = [run(), run()];
    await failing(one, kimi, 5, "overloaded");
    expect([...(await ledger.breakers()).keys()]).toEqual(["model:kimi/k2p5"]);
    expect(await two.admit(kimi)).toMatchObject({ open: true, forMs: 30_000, fault: "overloaded" });
    clock.now += 30_000;
    expect(await Promise.all([one.admit(kimi), two.admit(kimi)])).toEqual([
      { open: false, probe: true },
      expect.objectContaining({ open: true, forMs: limits.tryMs + 30_000 }),
    ]);
    // Whoever does not hold the probe cannot give it back.
    await two.released(kimi);
    expect(await two.admit(kimi)).toMatchObject({ open: true });
    expect(await one.failed(kimi, failure("overloaded"))).toMatchObject({ open: true, forMs: 60_000 });
    clock.now += 60_000;
    expect(await two.admit(kimi)).toEqual({ open: false, probe: true });
    await two.answered(kimi);
    expect(await ledger.breakers()).toEqual(new Map());
  });

  test("models that share a quota share a breaker; an address that does not answer is the provider's alone", async () => {
    const { run } = await world();
    const one = run("plan");
    await failing(one, kimi, 1, "quota_window", { retryAfterMs: 3_600_000 });
    expect(await run("plan").admit(backup)).toMatchObject({ open: true, forMs: 3_600_000, fault: "quota_window" });
    expect(await run().admit(backup)).toMatchObject({ open: false });
    const { run: other } = await world();
    await failing(other("plan"), kimi, 5, "network");
    expect(await other("plan").admit({ ...kimi, model: "k2" })).toMatchObject({ open: true });
    expect(await other("plan").admit(backup)).toMatchObject({ open: false });
  });

  test("a probe of two breakers is given back where one of them is open", async () => {
    const { ledger, clock, run } = await world();
    const one = run();
    await failing(one, kimi, 5, "overloaded");
    clock.now += 30_000;
    await failing(one, { ...kimi, model: "k2" }, 1, "billing");
    expect(await one.admit(kimi)).toMatchObject({ open: true, fault: "billing" });
    expect((await ledger.breakers()).get("model:kimi/k2p5")).toMatchObject({ probingUntil: 0 });
  });

  test("an answer without a breaker writes nothing", async () => {
    const { ledger, run } = await world();
    const written: string[] = [];
    const spied = ledgerBreakers(
      {
        breakers: () => ledger.breakers(),
        changeBreaker: (key, change) => {
          written.push(key);
          return ledger.changeBreaker(key, change);
        },
      },
      { now: () => start, random: () => 0, tryMs: 1 },
    );
    expect(await spied.admit(kimi)).toEqual({ open: false, probe: false });
    await spied.answered(kimi);
    expect(written).toEqual([]);
    await failing(run(), kimi, 1, "overloaded");
    await spied.answered(kimi);
    expect(written).toEqual(["model:kimi/k2p5"]);
  });
});

describe("at the gateway", () => {
  test("a model that is left alone is passed over, and the record says why", async () => {
    const { run } = await world();
    await failing(run(), kimi, 5, "overloaded");
    const first = new ScriptedProvider("kimi", [answer("never")]);
    const second = new ScriptedProvider("backup", [answer("from the backup")]);
    const { gateway, token, recorder } = await stage([first, second], { ladder: bothModels, breakers: run() });
    expect((await send(gateway, { token, body: question })).json).toMatchObject({ content: [{ text: "from the backup" }] });
    expect(first.asked).toEqual([]);
    expect(recorder.lines[1]).toBe(
      "try 1: backup/other on: kimi/k2p5 is passed over: left alone after 5 failures in a row, the last one overloaded, until 2026-11-25T12:00:30.000Z; first try",
    );
  });

  test("every model left alone: the call ends at once with the soonest time, and nothing is asked", async () => {
    const { run } = await world();
    await failing(run(), kimi, 5, "overloaded");
    await failing(run(), backup, 3, "timeout");
    const providers = [new ScriptedProvider("kimi", [answer("x")]), new ScriptedProvider("backup", [answer("x")])];
    const { gateway, token, recorder } = await stage(providers, { ladder: bothModels, breakers: run() });
    const reply = await send(gateway, { token, body: question });
    expect([reply.status, reply.headers["x-runner-fault"], reply.headers["retry-after"]]).toEqual([503, "breaker_open", "30"]);
    expect(reply.text).toContain("kimi/k2p5 is left alone after 5 failures in a row");
    expect(reply.text).toContain("backup/other is left alone after 3 failures in a row, the last one timeout");
    expect(providers.map(({ asked }) => asked.length)).toEqual([0, 0]);
    expect(recorder.ends[0]?.failure).toMatchObject({ fault: "breaker_open", retryAfterMs: 30_000 });
  });

  test("a dead model is not asked 16 times by 16 runs, and one probe finds out when it is back", async () => {
    const { clock, run } = await world();
    const dead = new ScriptedProvider("kimi", [failure("server")]);
    const second = new ScriptedProvider("backup", [answer("from the backup")]);
    const ask = async (providers: readonly ScriptedProvider[]): Promise<unknown> => {
      const { gateway, token } = await stage(providers, { ladder: bothModels, breakers: run() });
      return (await send(gateway, { token, body: question })).json;
    };
    for (let runs = 0; runs < 16; runs++) await ask([dead, second]);
    // Four tries of the first call, and of the second as many: a call's own failures do not end its climb.
    expect(dead.asked).toHaveLength(8);
    clock.now += 30_000;
    for (let runs = 0; runs < 16; runs++) await ask([dead, second]);
    expect(dead.asked).toHaveLength(9);
    clock.now += 3_600_000;
    const back = new ScriptedProvider("kimi", [answer("back")]);
    for (let runs = 0; runs < 3; runs++) expect(await ask([back, second])).toMatchObject({ content: [{ text: "back" }] });
  });

  test("the tries of a call go on when its own failures open the breaker", async () => {
    const { run } = await world();
    const lines = [...Array.from({ length: 9 }, () => failure("overloaded")), answer("at last")];
    const { gateway, token } = await stage([new ScriptedProvider("kimi", lines)], {
      ladder: ladderOf("kimi/k2p5 off"),
      breakers: run(),
    });
    const reply = await send(gateway, { token, body: question });
    expect([reply.status, reply.headers["x-runner-tries"]]).toEqual([200, "10"]);
    expect(await run().admit(kimi)).toEqual({ open: false, probe: false });
  });

  test("the next attempt of the run that opened the breaker goes on as its retry says, if there is no other model; other runs do not", async () => {
    const { run } = await world();
    const mine = run();
    const ladder = ladderOf("kimi/k2p5 off");
    const dead = new ScriptedProvider("kimi", [failure("overloaded")]);
    const first = await stage([dead], { ladder, breakers: mine });
    expect((await send(first.gateway, { token: first.token, body: question })).status).toBe(529);
    const lines = [failure("overloaded"), failure("overloaded"), answer("at last")];
    const second = await stage([new ScriptedProvider("kimi", lines)], { ladder, breakers: run() });
    expect((await send(second.gateway, { token: second.token, body: question })).headers["x-runner-fault"]).toBe("breaker_open");
    // A fallback is asked first all the same: the run need not learn the same again with every call.
    const beside = await stage([dead, new ScriptedProvider("backup", [answer("backup")])], {
      ladder: bothModels,
      breakers: mine,
    });
    expect((await send(beside.gateway, { token: beside.token, body: question })).headers["x-runner-tries"]).toBe("1");
    const third = await stage([new ScriptedProvider("kimi", lines)], { ladder, breakers: mine });
    const reply = await send(third.gateway, { token: third.token, body: question });
    expect([reply.status, reply.headers["x-runner-tries"]]).toEqual([200, "3"]);
    expect(third.recorder.lines[1]).toContain("asked all the same, because this run's retry says so");
    // A time that the provider names is a minimum for its own run as well.
    const limited = run();
    await failing(limited, kimi, 6, "overloaded", { retryAfterMs: 120_000 });
    const fourth = await stage([dead], { ladder, breakers: limited });
    expect((await send(fourth.gateway, { token: fourth.token, body: question })).headers["x-runner-fault"]).toBe("breaker_open");
  });

  test("what a person has to mend is asked once all the same, when nothing else can be asked: the end is honest", async () => {
    const { run } = await world();
    await failing(run(), kimi, 1, "auth");
    const first = new ScriptedProvider("kimi", [failure("auth")]);
    const alone = await stage([first], { ladder: ladderOf("kimi/k2p5 off"), breakers: run() });
    const reply = await send(alone.gateway, { token: alone.token, body: question });
    expect([reply.status, reply.headers["x-runner-fault"], first.asked.length]).toEqual([401, "auth", 1]);
    expect(alone.recorder.lines[1]).toContain("first try; asked all the same, because no other can be asked");
    const mended = await stage([new ScriptedProvider("kimi", [answer("mended")])], {
      ladder: ladderOf("kimi/k2p5 off"),
      breakers: run(),
    });
    expect((await send(mended.gateway, { token: mended.token, body: question })).status).toBe(200);
    expect(await run().admit(kimi)).toEqual({ open: false, probe: false });
  });

  test("beside a model that time will bring back, it is not", async () => {
    const { run } = await world();
    await failing(run(), kimi, 1, "auth");
    await failing(run(), backup, 5, "overloaded");
    const providers = [new ScriptedProvider("kimi", [answer("x")]), new ScriptedProvider("backup", [answer("x")])];
    const { gateway, token } = await stage(providers, { ladder: bothModels, breakers: run() });
    const reply = await send(gateway, { token, body: question });
    expect([reply.headers["x-runner-fault"], reply.headers["retry-after"]]).toEqual(["breaker_open", "30"]);
  });

  test("a failure of the only other model does not hide that the first one comes back", async () => {
    const { run } = await world();
    await failing(run(), kimi, 5, "overloaded");
    const providers = [new ScriptedProvider("kimi", [answer("x")]), new ScriptedProvider("backup", [failure("auth")])];
    const { gateway, token } = await stage(providers, { ladder: bothModels, breakers: run() });
    const reply = await send(gateway, { token, body: question });
    expect([reply.headers["x-runner-fault"], reply.headers["retry-after"]]).toEqual(["breaker_open", "30"]);
    expect(reply.text).toContain("auth happened");
  });

  test("run --force asks in the ladder's order, and its answer counts", async () => {
    const { run } = await world();
    await failing(run(), kimi, 5, "overloaded");
    const { gateway, token } = await stage([new ScriptedProvider("kimi", [answer("forced")])], {
      ladder: bothModels,
      breakers: run(),
      force: true,
    });
    expect((await send(gateway, { token, body: question })).json).toMatchObject({ content: [{ text: "forced" }] });
    expect(await run().admit(kimi)).toEqual({ open: false, probe: false });
  });

  test("a turn that is under way is not ended because its model is left alone meanwhile", async () => {
    const { run } = await world();
    const provider = new ScriptedProvider("kimi", [answer("one"), failure("overloaded"), answer("two")]);
    const { gateway, token } = await stage([provider], { ladder: ladderOf("kimi/k2p5 off"), breakers: run() });
    expect((await send(gateway, { token, body: question })).status).toBe(200);
    await failing(run(), kimi, 5, "overloaded");
    const second = await send(gateway, { token, body: question });
    expect([second.status, second.headers["x-runner-tries"]]).toEqual([200, "2"]);
  });

  test("a probe that fails leaves the model alone for the rest of the call as well", async () => {
    const { clock, run } = await world();
    await failing(run(), kimi, 5, "overloaded");
    clock.now += 30_000;
    const first = new ScriptedProvider("kimi", [failure("overloaded")]);
    const second = new ScriptedProvider("backup", [answer("from the backup")]);
    const { gateway, token, recorder, waits } = await stage([first, second], { ladder: bothModels, breakers: run() });
    expect((await send(gateway, { token, body: question })).status).toBe(200);
    expect([first.asked.length, waits]).toEqual([1, []]);
    expect(recorder.lines[3]).toContain("try 2: backup/other on: kimi/k2p5 is passed over: left alone after 6 failures in a row");
  });

  test("a probe that is cancelled is given back", async () => {
    const { clock, run } = await world();
    await failing(run(), kimi, 5, "overloaded");
    clock.now += 30_000;
    let asked: (() => void) | undefined;
    const begun = new Promise<void>((resolve) => (asked = resolve));
    const silent = ({ signal }: UpstreamRequest): Promise<ProvenAnswer> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(failure("aborted")), { once: true });
        asked?.();
      });
    const { gateway, token, end } = await stage([new ScriptedProvider("kimi", [silent])], {
      ladder: ladderOf("kimi/k2p5 off"),
      breakers: run(),
    });
    const reply = send(gateway, { token, body: question });
    await begun;
    expect(await run().admit(kimi)).toMatchObject({ open: true });
    end.abort(new Error("the run was cancelled"));
    await reply;
    expect(await run().admit(kimi)).toEqual({ open: false, probe: true });
  });

  test("silence for less time than a model may take says nothing against it", async () => {
    const { ledger, run } = await world();
    const { gateway, token } = await stage([new ScriptedProvider("kimi", [failure("timeout")])], {
      ladder: ladderOf("kimi/k2p5 off"),
      breakers: run(),
      deadline: { leftMs: () => 5_000, limit: "payload.timeoutSeconds" },
    });
    expect((await send(gateway, { token, body: question })).status).toBe(504);
    expect(await ledger.breakers()).toEqual(new Map());
  });

  test("a try that cannot be written down gives its probe back", async () => {
    const { clock, run } = await world();
    await failing(run(), kimi, 5, "overloaded");
    clock.now += 30_000;
    const { gateway, token, recorder } = await stage([new ScriptedProvider("kimi", [answer("x")])], {
      ladder: ladderOf("kimi/k2p5 off"),
      breakers: run(),
    });
    recorder.failAt = "try 1";
    expect((await send(gateway, { token, body: question })).status).toBe(500);
    expect(await run().admit(kimi)).toEqual({ open: false, probe: true });
  });
});
