/**
 * What a long line costs the daemon: `node bench/line.ts [queued…] [--seconds 20]`, by default 0, 1,000 and 10,000.
 *
 * A process of its own holds the scheduler as the daemon uses it, with a real ledger, eight places and so many jobs of one second: all of them are
 * claimed and stand in line. Its CPU is measured while they do. `still`: eight runs are under way that do not end, and write a step each quarter
 * of a second, as a turn does. `moving`: runs take a second each and the next ones begin, eight a second. `elsewhere`: as `still`, and another process
 * writes as well, as a run by hand does.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { leaseMs } from "../src/engine/lease.ts";
import { thisOwner } from "../src/engine/owner.ts";
import type { RunCarrier } from "../src/engine/engine.ts";
import { createScheduler } from "../src/engine/scheduler.ts";
import { openLedger } from "../src/ledger/index.ts";
import type { Ledger, Owner } from "../src/ledger/ledger.ts";
import { scheduledJob } from "./scheduled-job.ts";
import { asByDefault, schedulerParts } from "./scheduler-parts.ts";

const modes = ["still", "moving", "elsewhere"] as const;
const places = 8;
const stepMs = 250;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "20" }, child: { type: "string" } },
});
const seconds = Number(values.seconds);

function carrierOf(ledger: Ledger, owner: Owner, moving: boolean): RunCarrier {
  return {
    async carryOn(_job, run) {
      const at = Date.now();
      const { modelAsked, jobHash: hash } = run;
      await ledger.beginRun(run.runId, { owner, leaseUntil: at + leaseMs, at, modelAsked, jobHash: hash });
      if (!moving) return new Promise(() => {});
      await wait(1_000);
      await ledger.finishRun(run.runId, { status: "quiet", finishedAt: Date.now(), reason: "", exitCode: 0, usage: {} });
      return { kind: "gone" };
    },
  };
}

/** Prints the share of one core that is used while so many stand in line. */
async function measure(queued: number, mode: (typeof modes)[number]): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "runner-line-"));
  const ledger = await openLedger({ stateDir: folder });
  const other = await openLedger({ stateDir: folder });
  const owner = thisOwner();
  const { promise: leading, resolve: leads } = Promise.withResolvers<void>();
  const carrier = carrierOf(ledger, owner, mode === "moving");
  const settings = { ...asByDefault, maxRuns: places };
  const scheduler = createScheduler({ ...schedulerParts({ folder, ledger, carrier, settings, leads }), owner });
  const at = Math.ceil((Date.now() + 4_000 + queued) / 1_000) * 1_000;
  const schedule = { kind: "at", at: new Date(at).toISOString() } as const;
  await scheduler.replaceJobs(
    Array.from({ length: queued + places }, (_, number) => scheduledJob(number, schedule)),
    true,
  );
  const stop = new AbortController();
  void scheduler.run({ stop: stop.signal, now: stop.signal });
  await leading;
  const writer = mode === "elsewhere" ? [ledger, other] : [ledger];
  const step = (): void => {
    for (const one of writer) void one.noteEvent({ at: Date.now(), kind: "armed", text: "a step" });
  };
  await wait(at + 5_000 - Date.now());
  const stepping = setInterval(step, stepMs);
  const before = process.cpuUsage();
  const from = performance.now();
  await wait(seconds * 1_000);
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1_000 / (performance.now() - from);
  clearInterval(stepping);
  const open = await ledger.openRuns();
  const stand = open.filter(({ status }) => status === "queued").length;
  process.stdout.write(JSON.stringify({ share, stand }), () => {
    rmSync(folder, { recursive: true });
    process.exit(0);
  });
}

const [queuedBefore, modeGiven] = values.child?.split(" ") ?? [];
const child = modes.find((mode) => mode === modeGiven);
if (child !== undefined) await measure(Number(queuedBefore), child);
else {
  const load = os.loadavg()[0]?.toFixed(1);
  console.log(`CPU of the daemon, in ms each second over ${seconds} s (load ${load} before):`);
  for (const queued of positionals.length > 0 ? positionals : ["0", "1000", "10000"]) {
    const told: string[] = [];
    for (const mode of modes) {
      const self = fileURLToPath(import.meta.url);
      const args = ["--disable-warning=ExperimentalWarning", self, "--seconds", String(seconds), "--child", `${queued} ${mode}`];
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      if (stdout === "") throw new Error(stderr);
      const { share, stand }: { readonly share: number; readonly stand: number } = JSON.parse(stdout);
      told.push(`${mode} ${(share * 1_000).toFixed(1)} (${stand} in line at the end)`);
    }
    console.log(`${queued.padStart(6)} queued: ${told.join(", ")}`);
  }
}
