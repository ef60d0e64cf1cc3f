import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Dialect, JsonObject } from "../provider.ts";
import { aside } from "./aside.ts";
import { generate } from "./answer.ts";
import type { ScriptedAnswer, SimulatedRequest } from "./answer.ts";
import { cleanReply, replyOf } from "./fault.ts";
import type { Scene, SimulatedDelays } from "./fault.ts";
import { plannedAnswer } from "./plan.ts";
import { play } from "./play.ts";
import type { Ending, Split } from "./play.ts";
import { randomFor } from "./random.ts";
import { dialectOf, errorReply, keyProblem, parseBody, promptOf, readBody, routeOf } from "./request.ts";
import { drawFault } from "./simulation.ts";
import type { SimulationSpec } from "./simulation.ts";
import type { Reply } from "./wire.ts";

/** How many requests the log keeps; older ones are forgotten first. */
const requestLogLimit = 10_000;

export interface SimulatedProviderOptions {
  /** Default: no faults, seed 1. */
  readonly simulation?: SimulationSpec;
  /** Faults of their own for some models, by the id in the request; a model that is not named gets `simulation`. */
  readonly models?: Readonly<Record<string, SimulationSpec>>;
  /** What to say instead of the provider's own text. */
  readonly answer?: (request: SimulatedRequest) => ScriptedAnswer;
  readonly delays?: SimulatedDelays;
  /** Default `frames`: one write a frame. */
  readonly split?: Split;
  /** `true`: any key will do; a string: only this one. Default false. */
  readonly requireKey?: boolean | string;
  readonly host?: "127.0.0.1";
  /** Default 0: one that is free. */
  readonly port?: number;
  /** Called for each request for an answer, before it is answered. */
  readonly onRequest?: (info: RequestInfo) => void;
}

/** One request for an answer as it came, with its headers and so with its key: for a test's eyes only. */
export interface RequestInfo {
  readonly number: number;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: JsonObject;
  /** Name of the fault it will get. */
  readonly fault: string | undefined;
}

/** One request for an answer, without headers and body. */
export interface RequestLog {
  readonly number: number;
  readonly path: string;
  readonly dialect: Dialect;
  readonly model: string;
  readonly stream: boolean;
  /** Name of the fault it got; `undefined` for a clean answer. */
  readonly fault: string | undefined;
  readonly status: number;
  /** `undefined` while the answer is under way. */
  readonly ending: Ending | undefined;
}

export interface SimulatedProvider {
  /** `http://127.0.0.1:PORT`, the base of every path. */
  readonly url: string;
  /** Requests for an answer that were well formed, faulted or not. */
  readonly requests: number;
  /** Those of them that got a fault. */
  readonly faulted: number;
  readonly log: readonly RequestLog[];
  /** Ends every connection at once. */
  close(): Promise<void>;
}

const defaultDelays: Required<SimulatedDelays> = {
  beforeHeadersMs: 0,
  betweenFramesMs: 0,
  slowMs: 20,
  retryAfterMs: 1000,
  pingMs: 50,
};

/** Starts the simulated provider: real bytes over real HTTP on loopback, in both dialects. */
export async function startSimulatedProvider(options: SimulatedProviderOptions = {}): Promise<SimulatedProvider> {
  const desk = new Desk(options);
  const server = createServer((request, response) => void desk.serve(request, response));
  // A hanging answer is one of the faults, so no limit of the server may end it.
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.timeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  let closing: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    get requests() {
      return desk.requests;
    },
    get faulted() {
      return desk.faulted;
    },
    log: desk.log,
    close: () =>
      (closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      })),
  };
}

/** Numbers the requests, draws their faults and answers them. */
class Desk {
  requests = 0;
  faulted = 0;
  readonly log: RequestLog[] = [];
  readonly #options: SimulatedProviderOptions;
  readonly #simulation: SimulationSpec;
  readonly #delays: Required<SimulatedDelays>;

  constructor(options: SimulatedProviderOptions) {
    this.#options = options;
    this.#simulation = options.simulation ?? { faults: [], seed: 1 };
    this.#delays = { ...defaultDelays, ...options.delays };
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that leaves in mid-request is no failure of the provider.
    response.on("error", () => undefined);
    try {
      await this.#answer(request, response);
    } catch (error) {
      if (!response.headersSent && !response.destroyed) {
        const message = error instanceof Error ? error.message : String(error);
        response
          .writeHead(500, { "content-type": "application/json" })
          .end(JSON.stringify({ error: { type: "simulation_error", message } }));
      } else response.destroy();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(request.url ?? "/", "http://127.0.0.1");
    const route = routeOf(request.method ?? "", pathname);
    const dialect = dialectOf(request, pathname);
    const refused = keyProblem(request, dialect, this.#options.requireKey ?? false);
    const bytes = await readBody(request);
    if (bytes === undefined)
      return await this.#send(response, errorReply(dialect, 413, "request_too_large", "Request exceeds the maximum size"));
    if (refused !== undefined && route !== "unknown") return await this.#send(response, refused);
    if (route !== "messages" && route !== "chat") return await this.#send(response, aside(route, dialect, bytes, pathname));
    const parsed = parseBody(bytes, dialect);
    if ("problem" in parsed) return await this.#send(response, parsed.problem);
    const asked = this.#ask(parsed, dialect);
    const spec = this.#options.models?.[asked.model] ?? this.#simulation;
    const scene = this.#scene(asked, spec);
    const fault = drawFault(spec, asked);
    const faulty = fault === undefined ? undefined : replyOf(fault, scene);
    if (faulty !== undefined) this.faulted++;
    const name = faulty === undefined ? undefined : fault?.name;
    this.#options.onRequest?.({
      number: asked.number,
      path: pathname,
      query: search,
      headers: request.headers,
      body: asked.body,
      fault: name,
    });
    const reply = faulty ?? cleanReply(scene);
    const entry = { ...asked, path: pathname, fault: name, status: reply.status, ending: undefined };
    await this.#send(response, reply, this.#note(entry), asked.number, spec.seed);
  }

  #ask({ body, model }: { body: JsonObject; model: string }, dialect: Dialect): SimulatedRequest {
    this.requests++;
    return {
      number: this.requests,
      generation: 1,
      dialect,
      model,
      stream: body["stream"] === true,
      prompt: promptOf(body),
      body,
    };
  }

  #scene(request: SimulatedRequest, { seed }: SimulationSpec): Scene {
    const answer = (asked: SimulatedRequest): ScriptedAnswer | undefined => this.#options.answer?.(asked) ?? plannedAnswer(asked);
    return {
      request,
      seed,
      random: randomFor(seed, "scene", request.number),
      first: generate(request, seed, answer),
      second: () => generate({ ...request, generation: 2 }, seed, answer),
      delays: this.#delays,
    };
  }

  #note(entry: RequestLog): (ending: Ending) => void {
    const { number, path, dialect, model, stream, fault, status } = entry;
    const kept: { -readonly [Key in keyof RequestLog]: RequestLog[Key] } = {
      number,
      path,
      dialect,
      model,
      stream,
      fault,
      status,
      ending: undefined,
    };
    this.log.push(kept);
    if (this.log.length > requestLogLimit) this.log.shift();
    return (ending) => void (kept.ending = ending);
  }

  async #send(response: ServerResponse, reply: Reply, note?: (ending: Ending) => void, number = 0, seed = 1): Promise<void> {
    const id = `req_simulated_${number}`;
    const headers = { "request-id": id, "x-request-id": id, "x-simulated-by": "turn-runner", ...reply.headers };
    const ending = await play(
      response,
      { ...reply, headers },
      {
        split: this.#options.split ?? "frames",
        beforeHeadersMs: this.#delays.beforeHeadersMs,
        betweenFramesMs: this.#delays.betweenFramesMs,
        random: randomFor(seed, "split", number),
      },
    );
    note?.(ending);
  }
}
