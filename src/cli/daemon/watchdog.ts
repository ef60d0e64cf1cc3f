/** Says to systemd that all is well, but only while the scheduler's own loop turns: a timer alone beats on in a process that does nothing more. */
import type { Systemd } from "./systemd.ts";

export interface Watchdog {
  /** The scheduler's loop has turned. */
  turned(): void;
  close(): void;
}

export function startWatchdog(systemd: Pick<Systemd, "watchdogMs" | "alive">): Watchdog {
  const { watchdogMs } = systemd;
  if (watchdogMs === undefined) return { turned() {}, close() {} };
  let turns = 0;
  let told = 0;
  const beat = (): void => {
    if (turns === told) return;
    told = turns;
    systemd.alive();
  };
  const timer = setInterval(beat, watchdogMs);
  timer.unref();
  return { turned: () => void turns++, close: () => clearInterval(timer) };
}
