/** Ctrl-C and friends. The first one asks politely; the second one means now. */
import { Stopped, type StopSignal } from "../engine/stopped.ts";

export interface StopSignals {
  /** Aborted by the first signal; the reason is a `Stopped`. */
  readonly signal: AbortSignal;
  /** Resolves at the first signal. */
  readonly stopped: Promise<StopSignal>;
  /** Stop listening. */
  release(): void;
}

const everyStop: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** A wrapper and a shell may each pass one Ctrl-C on; a second signal this soon after the first is the same wish. */
const sameWishMs = 1_000;

/**
 * @param onSecond called when a second signal comes while the first is still being obeyed, and at each one after that.
 * @param names the signals that mean an end; a daemon reads SIGHUP otherwise.
 */
export function onStopSignals(onSecond: (signal: StopSignal) => void, names = everyStop): StopSignals {
  const first = new AbortController();
  const stopped = Promise.withResolvers<StopSignal>();
  let firstAt = Number.POSITIVE_INFINITY;
  const listeners = names.map((name) => {
    const listener = (): void => {
      const now = performance.now();
      if (now - firstAt > sameWishMs) onSecond(name);
      firstAt = Math.min(firstAt, now);
      first.abort(new Stopped({ kind: "signal", signal: name }));
      stopped.resolve(name);
    };
    process.on(name, listener);
    return { name, listener };
  });
  return {
    signal: first.signal,
    stopped: stopped.promise,
    release: () => {
      for (const { name, listener } of listeners) process.off(name, listener);
    },
  };
}
