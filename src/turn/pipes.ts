/** The output side of a process: bounded keepers on its pipes, and the knowledge whether somebody still holds them. */
import { setTimeout as wait } from "node:timers/promises";
import { FirstLine, Tail } from "./output.ts";

export interface PipeLimits {
  /** Most bytes of the result's line. */
  readonly resultBytes: number;
  /** Bytes of stdout that are kept, its last ones. */
  readonly stdoutBytes: number;
  /** The same of stderr. */
  readonly stderrBytes: number;
}

export interface OutputStreams {
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  /** Absent for a process that has no result beside its output. */
  readonly result: NodeJS.ReadableStream | undefined;
}

/** Between two looks at whether the pipes are closed, in ms. */
const lookMs = 20;

export class Pipes {
  readonly stdout: Tail;
  readonly stderr: Tail;
  readonly result: FirstLine;
  /** Resolves when the result's line is whole, or too long; never, if there is none. */
  readonly said: Promise<"result" | "overflow">;
  /** When something came on any pipe, by `performance.now`; at first when the pipes were opened. */
  lastOutputAt = performance.now();
  readonly #streams: readonly NodeJS.ReadableStream[];
  readonly #closed: Promise<true>;

  constructor(streams: OutputStreams, limits: PipeLimits) {
    this.stdout = new Tail(limits.stdoutBytes);
    this.stderr = new Tail(limits.stderrBytes);
    this.result = new FirstLine(limits.resultBytes);
    const keep = (stream: NodeJS.ReadableStream, tail: Tail): void => {
      stream.on("data", (chunk: Buffer) => {
        this.lastOutputAt = performance.now();
        tail.push(chunk);
      });
    };
    keep(streams.stdout, this.stdout);
    keep(streams.stderr, this.stderr);
    this.said = new Promise((resolve) => {
      streams.result?.on("data", (chunk: Buffer) => {
        this.result.push(chunk);
        if (this.result.overflow) resolve("overflow");
        else if (this.result.line !== undefined) resolve("result");
      });
    });
    this.#streams = [streams.stdout, streams.stderr, ...(streams.result === undefined ? [] : [streams.result])];
    this.#closed = Promise.all(this.#streams.map((stream) => closed(stream))).then(() => true);
  }

  /**
   * Whether every pipe was read to its end within the time. A pipe ends when its last holder is gone, so an open one proves
   * that something of the turn still lives, even if no list of processes shows it.
   */
  async endWithin(limitMs: number): Promise<boolean> {
    // Many short waits, not one long: after the event loop was busy, each gives the pipes another turn to be read.
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += lookMs) {
      const timer = new AbortController();
      const ended = await Promise.race([this.#closed, wait(lookMs, false, { signal: timer.signal }).catch(() => false)]);
      timer.abort();
      if (ended) return true;
    }
    return false;
  }

  /** Gives up reading, so that nothing keeps our own process alive. */
  destroy(): void {
    for (const stream of this.#streams) if ("destroy" in stream && typeof stream.destroy === "function") stream.destroy();
  }
}

function closed(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", resolve);
    // A broken pipe is closed right afterwards; without a listener its error would be thrown at us.
    stream.on("error", () => {});
  });
}
