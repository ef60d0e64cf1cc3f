/** The time limits of one try, as timers. The first that runs out is the cause of death and the only one that is told. */
import { ProviderError } from "../errors.ts";

export interface TryLimits {
  /** Streamed only: from sending to the first byte of the body. */
  readonly firstByteMs?: number;
  /** Streamed only: silence between two chunks. */
  readonly idleMs?: number;
  /** The whole try. A non-streamed try has no other limit, because its headers come only when the whole answer is written. */
  readonly tryMs: number;
}

/** A machine that does not even open a connection in this time is down: 30 s. */
const connectMs = 30_000;

export interface LimitWatch {
  connecting(): void;
  connected(): void;
  /** Bytes of the body arrived. */
  byte(): void;
  close(): void;
}

export function watchLimits(provider: string, limits: TryLimits, breach: (error: ProviderError) => void): LimitWatch {
  const timers = new Set<NodeJS.Timeout>();
  const start = (ms: number, error: () => ProviderError): NodeJS.Timeout => {
    const timer = setTimeout(() => breach(error()), Math.min(ms, longestTimerMs));
    timers.add(timer);
    return timer;
  };

  start(
    limits.tryMs,
    () =>
      new ProviderError(`${provider}: no whole answer within the try limit of ${span(limits.tryMs)}`, {
        fault: "timeout",
        code: "try_limit",
      }),
  );
  const firstByte =
    limits.firstByteMs === undefined
      ? undefined
      : start(limits.firstByteMs, () =>
          stall(provider, `no first byte within the limit of ${span(limits.firstByteMs ?? 0)}`, "first_byte_limit"),
        );
  let connect: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;
  return {
    connecting() {
      connect ??= start(
        connectMs,
        () =>
          new ProviderError(`${provider}: no connection within ${span(connectMs)}`, { fault: "network", code: "connect_limit" }),
      );
    },
    connected: () => clearTimeout(connect),
    byte() {
      clearTimeout(firstByte);
      if (limits.idleMs === undefined) return;
      idle ??= start(limits.idleMs, () =>
        stall(provider, `no further byte within the idle limit of ${span(limits.idleMs ?? 0)}`, "idle_limit"),
      );
      idle.refresh();
    },
    close: () => timers.forEach(clearTimeout),
  };
}

/** The longest delay a Node timer takes; beyond it the timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

function stall(provider: string, words: string, code: string): ProviderError {
  return new ProviderError(`${provider}: ${words}`, { fault: "stream_stall", code, reason: "idle_timeout" });
}

const span = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`);
