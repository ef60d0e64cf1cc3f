/**
 * Talks to systemd as sd_notify(3) does. Node cannot send to a socket of that kind, so systemd's own program does it, `systemd-notify`; the
 * unit needs `NotifyAccess=all`, because the message comes from another process than the service's main one.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

export interface Systemd {
  /** Is up and does its work. */
  ready(status: string): void;
  status(text: string): void;
  reloading(): void;
  stopping(status: string): void;
  /** How often it wants to hear that all is well, in ms; undefined if never. */
  readonly watchdogMs: number | undefined;
  /** All is well. */
  alive(): void;
  /** Resolves when what was said has been sent, or cannot be. */
  flush(): Promise<void>;
}

export interface SystemdOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** Told once that nothing can be said, with the remedy. */
  readonly onTrouble: (what: string) => void;
  /** Where the program may be, absolute paths. */
  readonly programs?: readonly string[];
}

const usualPrograms = ["/usr/bin/systemd-notify", "/bin/systemd-notify", "/run/current-system/sw/bin/systemd-notify"];
/** A message that is not sent by then is given up, in ms. */
const sendMs = 5_000;

const silent: Systemd = {
  ready() {},
  status() {},
  reloading() {},
  stopping() {},
  watchdogMs: undefined,
  alive() {},
  flush: () => Promise.resolve(),
};

/** Silent where no systemd listens, or where it cannot be told. */
export function openSystemd({ env, pid, onTrouble, programs = usualPrograms }: SystemdOptions): Systemd {
  const socket = env["NOTIFY_SOCKET"];
  if (socket === undefined || !/^[/@]/.test(socket)) return silent;
  const program = programs.find((path) => existsSync(path));
  if (program === undefined) {
    onTrouble(
      `systemd waits to be told that this service is ready, and ${programs[0] ?? "systemd-notify"} is not there: use Type=exec in the unit`,
    );
    return silent;
  }
  // One after the other: that of two messages the later counts is true only if it comes later.
  let sending: Promise<void> = Promise.resolve();
  let told = false;
  const send = (...variables: string[]): void => {
    const before = sending;
    sending = (async () => {
      await before;
      const problem = await sendOnce(program, [`--pid=${pid}`, ...variables], socket);
      if (problem === undefined || told) return;
      told = true;
      onTrouble(`systemd could not be told how this service does: ${problem}`);
    })();
  };
  return {
    ready: (status) => send("READY=1", `STATUS=${status}`),
    status: (text) => send(`STATUS=${text}`),
    // Without the time systemd takes the message for the end of an older reload.
    reloading: () => send("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`),
    stopping: (status) => send("STOPPING=1", `STATUS=${status}`),
    watchdogMs: watchdogOf(env, pid),
    alive: () => send("WATCHDOG=1"),
    flush: () => sending,
  };
}

/** Half the time after which systemd takes the service for hung, as sd_watchdog_enabled(3) recommends. */
function watchdogOf(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const micro = Number(env["WATCHDOG_USEC"]);
  const meant = env["WATCHDOG_PID"];
  if (!Number.isSafeInteger(micro) || micro <= 0 || (meant !== undefined && meant !== String(pid))) return undefined;
  return Math.max(100, micro / 2_000);
}

/** Why it could not be sent; undefined if it was. */
function sendOnce(program: string, args: readonly string[], socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { NOTIFY_SOCKET: socket },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: sendMs,
      killSignal: "SIGKILL",
    });
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(0, 300)));
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? undefined : words.trim() || `it ended with ${signal ?? code}`));
  });
}
