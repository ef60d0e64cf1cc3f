/** What signals mean to a daemon: TERM and INT stop it, a second one now, a third one without looking; HUP reads the files anew. */
import { Stopped, type StopSignal } from "../../engine/stopped.ts";
import { exitCodes } from "../../run/exit-code.ts";
import { onStopSignals } from "../signals.ts";
import type { DaemonLog } from "./log.ts";

export interface DaemonSignals {
  /** Stop scheduling, and let end what is under way. */
  readonly stop: AbortSignal;
  /** End everything. */
  readonly now: AbortSignal;
  /** The first of those that came. */
  readonly first: StopSignal | undefined;
  release(): void;
}

/** A wrapper and a shell may each pass a wish on; a signal this soon after another is the same wish. */
const sameWishMs = 1_000;

export function onDaemonSignals(options: {
  readonly log: Pick<DaemonLog, "say">;
  readonly exitNow: (exitCode: number) => void;
  /** Reads the files anew, at SIGHUP. Absent: SIGHUP stops, as it does a command. */
  readonly reload: (() => void) | undefined;
}): DaemonSignals {
  const { log, exitNow, reload } = options;
  const now = new AbortController();
  let secondAt: number | undefined;
  const stops = onStopSignals(
    (signal) => {
      const at = performance.now();
      if (secondAt === undefined) {
        secondAt = at;
        log.say("warning", "stopping_now", `${signal} again: ends everything now`);
        now.abort(new Stopped({ kind: "daemon" }));
      } else if (at - secondAt > sameWishMs) exitNow(signal === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated);
    },
    reload === undefined ? ["SIGTERM", "SIGINT", "SIGHUP"] : ["SIGTERM", "SIGINT"],
  );
  let first: StopSignal | undefined;
  stops.signal.addEventListener(
    "abort",
    () => {
      const { reason }: { reason: unknown } = stops.signal;
      if (reason instanceof Stopped && reason.reason.kind === "signal") first = reason.reason.signal;
    },
    { once: true },
  );
  if (reload !== undefined) process.on("SIGHUP", reload);
  return {
    stop: stops.signal,
    now: now.signal,
    get first() {
      return first;
    },
    release: () => {
      stops.release();
      if (reload !== undefined) process.off("SIGHUP", reload);
    },
  };
}
