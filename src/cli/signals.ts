/** Ctrl-C and friends. The first one asks politely, a second one ends what is going on at once. */
import os from "node:os";

export interface StopSignals {
  /** Aborted by the first signal; the reason is a `StoppedBySignal`. */
  readonly first: AbortSignal;
  /** Aborted by the second. */
  readonly second: AbortSignal;
  /** Resolves at the first signal with its exit code, 128 + number. */
  readonly stopped: Promise<number>;
  /** Stop listening. */
  release(): void;
}

export class StoppedBySignal extends Error {
  readonly exitCode: number;
  constructor(name: NodeJS.Signals) {
    super(`stopped by ${name}`);
    this.name = "StoppedBySignal";
    this.exitCode = 128 + os.constants.signals[name];
  }
}

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function onStopSignals(): StopSignals {
  const [first, second] = [new AbortController(), new AbortController()];
  const listener = (name: NodeJS.Signals): void => (first.signal.aborted ? second : first).abort(new StoppedBySignal(name));
  for (const name of names) process.on(name, listener);
  return {
    first: first.signal,
    second: second.signal,
    stopped: new Promise((resolve) => {
      first.signal.addEventListener("abort", () => resolve((first.signal.reason as StoppedBySignal).exitCode), { once: true });
    }),
    release: () => {
      for (const name of names) process.off(name, listener);
    },
  };
}
