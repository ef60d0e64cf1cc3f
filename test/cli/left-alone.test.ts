/** What one run has learned of a dead model, the next one heeds: real processes, one ledger, providers on sockets. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { RunDetail } from "../../src/ledger/ledger.ts";
import { startSimulatedProvider, type SimulatedProvider } from "../../src/provider/script.ts";
import { keys, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;
const servers: SimulatedProvider[] = [];

beforeEach(() => {
  project = stage();
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  project.close();
});

async function serve(fault?: string): Promise<SimulatedProvider> {
  const server = await startSimulatedProvider(
    fault === undefined ? {} : { simulation: { faults: [{ fault, rate: 1 }], seed: 1 } },
  );
  servers.push(server);
  return server;
}

const at = ({ url }: SimulatedProvider): object => ({
  baseUrl: url,
  dialect: "anthropic-messages",
  apiKey: "${TEST_API_KEY}",
});

function configure(test: SimulatedProvider, backup: SimulatedProvider): void {
  project.write("runner.config.json", { providers: { test: at(test), backup: at(backup) } });
}

async function run(...args: readonly string[]): Promise<{ readonly code: number | null; readonly detail: RunDetail }> {
  const { code } = await project.runner(["run", "quick", ...args], keys);
  const shown = await project.runner(["show", "last", "--json"], keys);
  return { code, detail: JSON.parse(shown.stdout) };
}

it("a dead model is left alone by the next runs, and --force asks it all the same", async () => {
  const [dead, backup] = [await serve("overloaded_529"), await serve()];
  configure(dead, backup);
  project.write("jobs/quick.json", quickJob({ payload: { fallbacks: ["backup/model-b"] } }));
  const codes = [(await run()).code, (await run()).code];
  const asked = dead.requests;
  const third = await run();
  expect([...codes, third.code, dead.requests]).toEqual([0, 0, 0, asked]);
  expect(third.detail.tries).toHaveLength(1);
  expect(third.detail.tries[0]).toMatchObject({
    provider: "backup",
    why: expect.stringMatching(
      /^test\/model-a is passed over: left alone after \d+ failures in a row, the last one overloaded, until \d{4}-/,
    ),
  });
  await run("--force");
  expect(dead.requests).toBeGreaterThan(asked);
});

it("with every model left alone a run ends deferred, exit 75, with the time, and asks nobody", async () => {
  const dead = await serve("overloaded_529");
  configure(dead, dead);
  project.write("jobs/quick.json", quickJob());
  const first = await run();
  const asked = dead.requests;
  const second = await run();
  expect([first.code, second.code, dead.requests]).toEqual([69, 75, asked]);
  expect(second.detail.run).toMatchObject({ status: "deferred", fault: "breaker_open" });
  expect(second.detail.run.deferredUntil ?? 0).toBeGreaterThan(second.detail.run.startedAt);
  // What the simulated provider of a run does says nothing about the real one, nor the other way round.
  expect((await run("--simulate", "none")).code).toBe(0);
});

it("a wrong key is asked again, because only that says whether it was mended, and the run ends blocked", async () => {
  const refusing = await serve("http_401");
  configure(refusing, refusing);
  project.write("jobs/quick.json", quickJob());
  const [first, second] = [await run(), await run()];
  expect([first.code, second.code, refusing.requests]).toEqual([77, 77, 2]);
  const mended = await serve();
  configure(mended, mended);
  expect((await run()).code).toBe(0);
});
