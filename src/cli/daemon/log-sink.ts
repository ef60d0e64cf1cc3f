/**
 * Where a daemon's log goes: a descriptor that may be closed, full, or read by nobody, none of which may end the daemon or keep it waiting.
 * `writeAll` of a command waits until its reader has taken everything; here what is not taken is kept for a while, then dropped and counted.
 */
import fs from "node:fs";
import type { Socket } from "node:net";

export interface LogSink {
  /** Never throws, never waits. */
  write(line: string): void;
  /** Gives what is still kept a last chance, for at most so long. */
  close(withinMs: number): Promise<void>;
}

/** Most bytes that are kept for a reader that does not read. */
const keptBytes = 1_048_576;
/** Between two tries to write to a pipe that was full, in ms. */
const retryMs = 50;

/** Takes some of the bytes now and says how many; or a socket, which takes them all by and by. */
type Door = { write(bytes: Uint8Array): number } | { readonly socket: Socket };

export function openLogSink(descriptor: 1 | 2): LogSink {
  const door = openDoor(descriptor);
  return "socket" in door ? socketSink(door.socket) : queueSink(door);
}

/**
 * A pipe and a terminal are opened anew, so that writing to them never waits and nothing changes for whoever else has them. A socket
 * (journald's) cannot be; Node writes to it without waiting. To a file one writes, and a full disk is an error and no wait.
 */
function openDoor(descriptor: 1 | 2): Door {
  const facts = stat(descriptor);
  if (facts === undefined) return { write: (bytes) => bytes.length };
  if (facts.isSocket() || (facts.isFIFO() && process.platform !== "linux")) return openSocket(descriptor);
  if (!facts.isFIFO() && !facts.isCharacterDevice()) return { write: (bytes) => fs.writeSync(descriptor, bytes) };
  const { O_WRONLY, O_NONBLOCK, O_APPEND, O_NOCTTY } = fs.constants;
  try {
    const own = fs.openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_APPEND | O_NOCTTY);
    return { write: (bytes) => fs.writeSync(own, bytes) };
  } catch {
    // A terminal of another user, after `su`; or no /proc.
    return facts.isFIFO() ? openSocket(descriptor) : { write: (bytes) => fs.writeSync(descriptor, bytes) };
  }
}

function stat(descriptor: number): fs.Stats | undefined {
  try {
    return fs.fstatSync(descriptor);
  } catch {
    return undefined;
  }
}

function openSocket(descriptor: 1 | 2): Door {
  // Loaded only where it is needed: it brings Node's streams.
  const net = process.getBuiltinModule("node:net");
  const socket = new net.Socket({ fd: descriptor, readable: false, writable: true });
  socket.unref();
  return { socket };
}

function socketSink(socket: Socket): LogSink {
  const lost = lossCounter();
  let open = true;
  socket.on("error", () => (open = false));
  return {
    write(line) {
      if (!open) return;
      if (socket.writableLength > keptBytes) return lost.add();
      socket.write(lost.tell() + line);
    },
    async close(withinMs) {
      if (!open || socket.writableLength === 0) return;
      await Promise.race([
        new Promise((resolve) => socket.once("drain", resolve).once("error", resolve)),
        new Promise((resolve) => setTimeout(resolve, withinMs)),
      ]);
    },
  };
}

/** How many lines were dropped, told in the first line that is taken again. */
function lossCounter(): { add(): void; tell(): string } {
  let lines = 0;
  return {
    add: () => void lines++,
    tell() {
      if (lines === 0) return "";
      const text = `${lines} ${lines === 1 ? "line" : "lines"} of the log lost: nobody took them\n`;
      lines = 0;
      return text;
    },
  };
}

function queueSink(door: { write(bytes: Uint8Array): number }): LogSink {
  return new QueueSink(door);
}

class QueueSink implements LogSink {
  readonly #door: { write(bytes: Uint8Array): number };
  readonly #lost = lossCounter();
  #queue: Uint8Array[] = [];
  #kept = 0;
  #retry: NodeJS.Timeout | undefined;
  /** Nobody will ever read again. */
  #gone = false;

  constructor(door: { write(bytes: Uint8Array): number }) {
    this.#door = door;
  }

  write(line: string): void {
    if (this.#gone) return;
    if (this.#kept > keptBytes) return this.#lost.add();
    const bytes = Buffer.from(this.#lost.tell() + line);
    this.#queue.push(bytes);
    this.#kept += bytes.length;
    if (this.#retry === undefined) this.#drain();
  }

  async close(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!this.#drain() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, retryMs));
    clearTimeout(this.#retry);
  }

  /** Whether nothing is left that somebody could still take. */
  #drain(): boolean {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (let [first] = this.#queue; first !== undefined; [first] = this.#queue) {
      const taken = this.#attempt(first);
      this.#kept -= taken;
      if (taken === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(taken);
      if (taken > 0) continue;
      this.#retry = setTimeout(() => this.#drain(), retryMs);
      this.#retry.unref();
      return false;
    }
    return true;
  }

  /** How many bytes are settled: taken, or lost. */
  #attempt(bytes: Uint8Array): number {
    try {
      return this.#door.write(bytes);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EAGAIN") return 0;
      // Its reader has gone for good, or its terminal was closed. Of a full disk only this line is lost.
      if (code === "EPIPE" || code === "EIO" || code === "EBADF") {
        this.#gone = true;
        this.#queue = [bytes];
      } else this.#lost.add();
      return bytes.length;
    }
  }
}
