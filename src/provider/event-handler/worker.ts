/**
 * The worker that runs an event handler's module; a program of its own, `dist/event-handler.cjs`. It is given events and nothing else: no
 * environment, no key, no header. Bounded in memory by its parent, and in time: it counts the events it is through with, and is
 * ended when it does not go on.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { Frame } from "../../stream/event.ts";
import type { FromWorker, HandlerFault, ToWorker, WorkerStart } from "./protocol.ts";

/** Most events that one call may give back, and most characters of them. */
const mostEvents = 10_000;
const mostChars = 64 * 1024 * 1024;

type Handle = (event: { event: string | undefined; data: string }) => unknown;

interface StreamHandler {
  readonly handle: Handle;
  readonly flush: (() => unknown) | undefined;
}

// What a module prints is nobody's, and would wait in memory for a reader.
for (const stream of [process.stdout, process.stderr]) {
  stream._write = (_chunk, _encoding, done) => done();
  stream._writev = (_chunks, done) => done();
}

const port = parentPort;
const { path, progress } = startOf(workerData);
const counter = new Int32Array(progress);
const streams = new Map<number, StreamHandler>();
const makeHandler = load();
/** Events of all streams, one after another: a handler that waits must not see the next event before it is done. */
let last: Promise<unknown> = makeHandler.catch(() => undefined);

function startOf(data: unknown): WorkerStart {
  if (isRecord(data) && typeof data["path"] === "string" && data["progress"] instanceof SharedArrayBuffer)
    return { path: data["path"], progress: data["progress"] };
  throw new Error("this program is started by runner");
}

function send(message: FromWorker): void {
  port?.postMessage(message);
}

async function load(): Promise<() => StreamHandler> {
  try {
    const module: unknown = await import(pathToFileURL(path).href);
    const made = handlerOf(isRecord(module) ? module["default"] : undefined);
    // Once for nothing, so that a `create` that throws is found before the first stream.
    made();
    send({ kind: "loaded" });
    return made;
  } catch (error) {
    send({ kind: "load_failed", fault: faultOf(error, "could not be loaded") });
    throw error;
  }
}

const shapes = "a function (event) => event | event[] | null, or an object with create() that gives one, or { event, flush }";

function handlerOf(exported: unknown): () => StreamHandler {
  if (isFunction(exported)) return () => ({ handle: exported, flush: undefined });
  const create = isRecord(exported) ? exported["create"] : undefined;
  if (!isFunction(create)) throw new Plain(`cannot be used: its default export is ${kindOf(exported)}; it must be ${shapes}`);
  return () => {
    const made = create.call(exported, undefined);
    if (isFunction(made)) return { handle: made, flush: undefined };
    const event = isRecord(made) ? made["event"] : undefined;
    if (!isFunction(event))
      throw new Plain(`cannot be used: its create() gives ${kindOf(made)}; it must give a function, or { event, flush }`);
    const flush = isRecord(made) ? made["flush"] : undefined;
    return {
      handle: (value) => event.call(made, value),
      flush: isFunction(flush) ? () => flush.call(made, undefined) : undefined,
    };
  };
}

port?.on("message", (message: ToWorker) => {
  if (message.kind === "close") streams.delete(message.stream);
  else last = last.then(() => answer(message));
});

async function answer(message: Exclude<ToWorker, { kind: "close" }>): Promise<void> {
  const { stream } = message;
  try {
    const handler = await handlerFor(stream);
    const out = message.kind === "events" ? await handled(handler, message.events) : await flushed(handler);
    send({ kind: "out", stream, events: out });
  } catch (error) {
    send({ kind: "failed", stream, fault: faultOf(error, "threw") });
  }
}

async function handlerFor(stream: number): Promise<StreamHandler> {
  const known = streams.get(stream);
  if (known !== undefined) return known;
  const made = (await makeHandler)();
  streams.set(stream, made);
  return made;
}

async function handled({ handle }: StreamHandler, events: readonly Frame[]): Promise<Frame[]> {
  const out = new Collected();
  for (const { event, data } of events) {
    const given = handle({ event, data });
    out.add(given instanceof Promise ? await given : given);
    Atomics.add(counter, 0, 1);
  }
  return out.events;
}

async function flushed({ flush }: StreamHandler): Promise<Frame[]> {
  const out = new Collected();
  const given = flush?.();
  out.add(given instanceof Promise ? await given : given);
  return out.events;
}

/** What a handler gave back, checked: events and nothing else, and not without end. */
class Collected {
  readonly events: Frame[] = [];
  #chars = 0;

  add(given: unknown): void {
    if (given === null || given === undefined) return;
    if (!Array.isArray(given)) return this.#one(given);
    for (const one of given as readonly unknown[]) this.#one(one);
  }

  #one(given: unknown): void {
    // Each read once: a getter could say something else the second time.
    const { event, data } = isRecord(given) ? given : {};
    if (typeof data !== "string")
      throw new Plain(`gave back ${kindOf(given)}, which is no event: { event, data } with data as text`);
    if (event !== undefined && event !== null && (typeof event !== "string" || /[\r\n]/.test(event)))
      throw new Plain(`gave back an event whose name is ${typeof event === "string" ? "more than one line" : kindOf(event)}`);
    this.#chars += data.length;
    if (this.events.length >= mostEvents || this.#chars > mostChars)
      throw new Plain(`gave back more than ${mostEvents} events or ${mostChars / 1024 / 1024} MiB at once`);
    this.events.push({ event: typeof event === "string" ? event : undefined, data });
  }
}

/** Its message says all; where it was made says nothing. */
class Plain extends Error {}

function faultOf(error: unknown, verb: string): HandlerFault {
  if (error instanceof Plain) return { message: error.message };
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const at = error instanceof Error ? placeIn(error.stack ?? "") : undefined;
  return { message: `${verb}: ${words}`, ...(at === undefined ? {} : { at }) };
}

/** The first place in the module itself that a stack names. */
function placeIn(stack: string): string | undefined {
  for (const [, file = "", line = ""] of stack.matchAll(/(?:\(|at |^)((?:file:\/\/)?\/[^():\n]*|[A-Za-z]:\\[^():\n]*):(\d+)/gm)) {
    const plain = file.startsWith("file://") ? fileURLToPath(file) : file;
    if (plain === path) return `${path}:${line}`;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isFunction(value: unknown): value is (this: unknown, argument: unknown) => unknown {
  return typeof value === "function";
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return value === null ? "null" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}
