import os from "node:os";

/** Time as an argument: tests drive the engine with a clock of their own and never sleep. */
export interface Clock {
  /** Epoch milliseconds, for times that are written down or shown. It may jump: somebody sets the clock. */
  now(): number;
  /** Milliseconds that only ever grow, from no instant in particular, for limits, deadlines and durations. */
  monotonic(): number;
  /** Milliseconds since the machine's start, in which a sleep of the machine counts; absent where the system does not tell. */
  sinceBoot?(): number;
  /** Resolves after `ms`, rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * Returns when the wall clock shows the instant, or after `longestHoldMs`; nothing else is done meanwhile. For the last of a sleep: a timer of
   * Node counts whole milliseconds from some time ago, and is mostly 1 to 2 ms late. Absent where a sleep ends exactly.
   */
  hold?(until: number): void;
}

/** The longest time in ms in which nothing else is done. */
export const longestHoldMs = 2;

/** So long is slept in one piece while it is held: a tenth of a millisecond in which nothing is computed. */
const heldAtOnceMs = 0.1;

/** The longest delay a Node timer takes; beyond it the timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sinceBoot: () => os.uptime() * 1000,
  async sleep(ms, signal) {
    // Whichever clock says so first: the wall clock also runs while the machine is suspended, the monotonic one cannot be set back.
    const wallEnd = Date.now() + ms;
    const monotonicEnd = performance.now() + ms;
    for (;;) {
      const left = Math.min(wallEnd - Date.now(), monotonicEnd - performance.now());
      if (left <= 0) return;
      await timer(Math.min(Math.ceil(left), longestTimerMs), signal);
    }
  },
  hold(until) {
    const end = performance.now() + longestHoldMs;
    while (Date.now() < until && performance.now() < end) Atomics.wait(nobodyWakes, 0, 0, heldAtOnceMs);
  },
};

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

function timer(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = (): void => {
      clearTimeout(handle);
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    const handle = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
