/**
 * A daemon of the library's own parts whose clock is faster than the world's: `chaos-daemon-program.ts FOLDER FACTOR REAL_START`. All
 * processes that are given the same start share the same time.
 */
import { setTimeout as wait } from "node:timers/promises";
import { openDaemon } from "../src/compose/daemon/daemon.ts";
import { loadProject } from "../src/compose/project.ts";
import type { Clock } from "../src/engine/clock.ts";
import { fastNow } from "./chaos-daemon.ts";

const [dir = ".", factorText = "1", realStart = "0"] = process.argv.slice(2);
const factor = Number(factorText);
const clock: Clock = {
  now: () => fastNow(Number(realStart), factor),
  monotonic: () => performance.now() * factor,
  sleep: async (ms, signal) => wait(Math.max(1, ms / factor), undefined, { signal }),
};

const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const project = await loadProject({ dir, configFile: undefined, stateDir: undefined, env: process.env });
const daemon = await openDaemon(project, { version: "chaos", clock, listen: () => {} });
await daemon.run({ stop: stop.signal, now: new AbortController().signal });
await daemon.close();
