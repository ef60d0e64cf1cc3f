/**
 * Processes that outlive a turn which is timed out: `node bench/orphans.ts [TIMEOUTS] [--at-once N] [--grace MS]` (default 100, 2, 1000).
 *
 * Each turn ignores TERM and begins a process that ignores it too and has lost its parent: in the turn's session and in one of its own, with
 * and without the turn's environment, with and without the turn's output pipes. It is done twice, with a control group (where this machine
 * gives one) and without. Counted are processes that still live afterwards, found by their command line and not by any sign that runner
 * goes by, and the time from the limit to the end. The exit code is 1 for one orphan that was called dead, or one stop longer than grace + 1 s.
 * Without a control group the last kind may get away (docs/isolation.md, "Where it stops"): its orphans are counted and told, and ended here.
 */
import { parseArgs } from "node:util";
import { cgroupFor, cgroupWords } from "../src/turn/cgroup-search.ts";
import { orphanKinds, timeOut, type OrphanKind, type Stopped } from "../test/turn/orphan-stage.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { "at-once": { type: "string", default: "2" }, grace: { type: "string", default: "1000" } },
});
const timeouts = Number(positionals[0] ?? 100);
const atOnce = Number(values["at-once"]);
const graceMs = Number(values.grace);
const kinds = Object.keys(orphanKinds) as OrphanKind[];
const onlyGrouped = kinds.at(-1);
const place = await cgroupFor({});
let failed = false;

async function stopAll(): Promise<Map<OrphanKind, Stopped[]>> {
  const byKind = new Map<OrphanKind, Stopped[]>(kinds.map((kind) => [kind, []]));
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < timeouts) {
      const kind = kinds[next++ % kinds.length] ?? "own session, holds stdout";
      const stopped = await timeOut(kind, graceMs);
      for (const pid of stopped.orphans) process.kill(pid, "SIGKILL");
      byKind.get(kind)?.push(stopped);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return byKind;
}

function tell(title: string, byKind: Map<OrphanKind, Stopped[]>, grouped: boolean): void {
  process.stdout.write(`\n${title}\n${"kind".padEnd(58)} timeouts  orphans  stop p50   p99   max\n`);
  for (const [kind, all] of byKind) {
    const times = all.map(({ stopMs }) => stopMs).toSorted((a, b) => a - b);
    const at = (share: number): string =>
      `${Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0)}`.padStart(5);
    const orphans = all.reduce((sum, one) => sum + one.orphans.length, 0);
    const unseen = all.filter(({ begun }) => begun === 0).length;
    const mayGetAway = !grouped && kind === onlyGrouped;
    if (unseen > 0 || (orphans > 0 && !mayGetAway) || (times.at(-1) ?? 0) > graceMs + 1_000) failed = true;
    const note = unseen > 0 ? `  (${unseen} began nothing)` : "";
    process.stdout.write(
      `${kind.padEnd(58)} ${String(all.length).padStart(8)} ${String(orphans).padStart(8)}  ${at(0.5)} ms ${at(0.99)} ${at(1)}${note}\n`,
    );
  }
}

process.stdout.write(
  `${timeouts} timeouts, ${atOnce} at once, grace ${graceMs} ms; Node ${process.versions.node}; cgroup ${cgroupWords(place)}\n`,
);
if (place.kind === "cgroup") tell("with a control group", await stopAll(), true);
process.env["RUNNER_CGROUP"] = "off";
tell("without one", await stopAll(), false);
process.exitCode = failed ? 1 : 0;
