/** One worker for each module, shared by every stream of this process; state is kept for each stream apart. */
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { ProviderError } from "../../errors.ts";
import type { Frame } from "../../stream/event.ts";
import { oneLine } from "../one-line.ts";
import type { FromWorker, HandlerFault, ToWorker } from "./protocol.ts";

/** What a handler may take. */
export const handlerLimits = {
  /** Loading the module. */
  loadMs: 10_000,
  /** One event, or the flush at the end; also what it awaits. */
  eventMs: 1_000,
  /** All events of one stream together. */
  streamMs: 30_000,
  /** The worker's heap. */
  heapMb: 64,
} as const;

export type HandlerLimits = { readonly [Key in keyof typeof handlerLimits]: number };

/** A module's handler for one stream. Both throw a `ProviderError` `event_handler`. */
export interface EventHandler {
  /** The events in place of these. */
  take(events: readonly Frame[]): Promise<readonly Frame[]>;
  /** What was held back. */
  flush(): Promise<readonly Frame[]>;
  close(): void;
}

const hosts = new Map<string, Host>();

/** A handler for one stream; the module is loaded with the first. @param path absolute. */
export function openEventHandler(path: string, limits: HandlerLimits = handlerLimits): EventHandler {
  const known = hosts.get(path);
  if (known !== undefined && !known.dead) return known.open(limits);
  const host = new Host(path, limits);
  hosts.set(path, host);
  return host.open(limits);
}

/** Why the module cannot be an event handler; undefined if it can. For `validate` and a dry run: nothing is sent to it. */
export async function eventHandlerProblem(path: string, limits: HandlerLimits = handlerLimits): Promise<string | undefined> {
  const host = new Host(path, limits);
  try {
    await host.loaded();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    host.end("it was only looked at");
  }
}

interface Waiting {
  readonly resolve: (events: readonly Frame[]) => void;
  readonly reject: (error: ProviderError) => void;
}

class Host {
  readonly #path: string;
  readonly #worker: Worker;
  readonly #progress = new Int32Array(new SharedArrayBuffer(4));
  readonly #waiting = new Map<number, Waiting>();
  readonly #loaded: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #loadMs: number;
  #streams = 0;
  dead = false;

  constructor(path: string, limits: HandlerLimits) {
    this.#path = path;
    this.#loadMs = limits.loadMs;
    this.#worker = new Worker(workerFile(), {
      workerData: { path, progress: this.#progress.buffer },
      // Nothing of ours: no key, no argument, no flag.
      env: {},
      argv: [],
      execArgv: [],
      // Kept from our own output; the worker throws it away itself, because reading it here would keep the process alive for ever.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    });
    this.#loaded.promise.catch(() => undefined);
    this.#worker.on("message", (message: FromWorker) => this.#take(message));
    this.#worker.on("error", (error) => this.end(endedBy(error, limits)));
    this.#worker.on("exit", () => this.end("ended its worker"));
  }

  open(limits: HandlerLimits): EventHandler {
    const stream = (this.#streams += 1);
    let spentMs = 0;
    const ask = async (message: ToWorker): Promise<readonly Frame[]> => {
      await this.loaded();
      const began = performance.now();
      const out = await this.#ask(message, stream, limits, limits.streamMs - spentMs);
      spentMs += performance.now() - began;
      return out;
    };
    return {
      take: (events) => ask({ kind: "events", stream, events }),
      flush: () => ask({ kind: "flush", stream }),
      close: () => this.#post({ kind: "close", stream }),
    };
  }

  async loaded(): Promise<void> {
    const timer = setTimeout(() => this.end(`could not be loaded within ${this.#loadMs} ms`), this.#loadMs);
    try {
      await this.#loaded.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the worker; every stream that waits for it is told why. */
  end(why: string): void {
    if (this.dead) return;
    this.dead = true;
    if (hosts.get(this.#path) === this) hosts.delete(this.#path);
    const error = this.#error({ message: why });
    this.#loaded.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    void this.#worker.terminate();
  }

  #post(message: ToWorker): void {
    if (!this.dead) this.#worker.postMessage(message, []);
  }

  async #ask(message: ToWorker, stream: number, limits: HandlerLimits, leftMs: number): Promise<readonly Frame[]> {
    if (this.dead) throw this.#error({ message: "its worker was ended because of another stream" });
    const { promise, resolve, reject } = Promise.withResolvers<readonly Frame[]>();
    this.#waiting.set(stream, { resolve, reject });
    this.#post(message);
    let seen = Atomics.load(this.#progress, 0);
    const pace = setInterval(() => {
      const now = Atomics.load(this.#progress, 0);
      if (now === seen) this.end(`took longer than ${limits.eventMs} ms for one event`);
      seen = now;
    }, limits.eventMs);
    const whole = setTimeout(() => this.end(`took longer than ${limits.streamMs} ms for one stream`), Math.max(1, leftMs));
    try {
      return await promise;
    } finally {
      clearInterval(pace);
      clearTimeout(whole);
      this.#waiting.delete(stream);
    }
  }

  #take(message: FromWorker): void {
    if (message.kind === "loaded") {
      // Whoever waits keeps the process alive; a worker that nobody waits for does not. Only now, because listening refs it.
      this.#worker.unref();
      return this.#loaded.resolve();
    }
    if (message.kind === "load_failed") {
      this.#loaded.reject(this.#error(message.fault));
      return this.end(message.fault.message);
    }
    const waiting = this.#waiting.get(message.stream);
    if (message.kind === "out") waiting?.resolve(message.events);
    else waiting?.reject(this.#error(message.fault));
  }

  #error({ message, at }: HandlerFault): ProviderError {
    return new ProviderError(`the event handler ${at ?? this.#path} ${oneLine(message, 400)}`, {
      fault: "event_handler",
      code: "event_handler",
    });
  }
}

function endedBy(error: unknown, { heapMb }: HandlerLimits): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (code === "ERR_WORKER_OUT_OF_MEMORY") return `took more than ${heapMb} MiB of memory`;
  return `threw where nothing could catch it: ${error instanceof Error ? error.message : String(error)}`;
}

/** The worker's program: beside the bundled command line, above the built library, or this folder's source. */
function workerFile(moduleUrl: string = import.meta.url): string {
  const file = fileURLToPath(moduleUrl);
  const folder = dirname(file);
  if (file.endsWith(".ts")) return join(folder, "worker.ts");
  return join(basename(folder) === "event-handler" ? dirname(dirname(folder)) : folder, "event-handler.cjs");
}
