/**
 * The gateway as an HTTP server on loopback. This file is the door: who may enter, to which address, how large a request may be. What
 * happens to a call behind it is `answer-call.ts`.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Dialect } from "../provider/provider.ts";
import { modelName } from "../run/ladder.ts";
import { answerCall, type CallEnd } from "./answer-call.ts";
import type { Gateway, GatewayOptions, Grant, PingTimes } from "./gateway.ts";
import { doorRefusals, refusalOf, tooManyCalls, type Refusal } from "./refusal.ts";
import { Reply, sendJson, sendRefusal } from "./release.ts";
import { askedIn, isOwnHost, jsonObject, readBody, routeOf, tokenOf, type Asked, type Route } from "./request.ts";
import { toolBodyLimit, ToolBook, type ToolRoute } from "./tools.ts";

/** A turn may think between two calls for as long as its attempt lasts; a connection closed meanwhile would look like a fault. */
const keepAliveMs = 30 * 60_000;
/** From a request's first byte to its last: it comes from this machine. */
const requestMs = 60_000;
/** `anthropic-beta` lists grow long; Node's own limit is 16 KiB. */
const headerBytes = 64 * 1024;
const connectionLimit = 256;

const defaultPings: PingTimes = { firstMs: 20_000, everyMs: 10_000 };

/** One attempt's right to ask. */
interface Door {
  readonly grant: Grant;
  /** SHA-256 of the token: all of the same length, as a comparison in constant time needs. */
  readonly digest: Buffer;
  readonly closing: AbortController;
  readonly tools: ToolBook;
  calls: number;
  /** A call was answered. */
  underWay: boolean;
}

/** Opens the gateway on a free port of 127.0.0.1. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const desk = new Desk(options);
  const server = createServer(
    { maxHeaderSize: headerBytes, keepAliveTimeout: keepAliveMs, requestTimeout: requestMs },
    (request, response) => desk.receive(request, response),
  );
  // An answer may take as long as its call; the call has its own limit.
  server.timeout = 0;
  server.maxConnections = connectionLimit;
  server.on("upgrade", refuseUpgrade);
  desk.port = await listen(server);
  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${desk.port}`,
    open: (grant) => desk.open(grant),
    connect: (connection) => void server.emit("connection", connection),
    close: () => (closed ??= desk.close(server)),
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      server.off("error", reject);
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new Error("the gateway has no port"));
    });
  });
}

function refuseUpgrade(_: IncomingMessage, socket: Socket): void {
  socket.on("error", () => socket.destroy());
  socket.end("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
}

class Desk {
  port = 0;
  readonly #options: GatewayOptions;
  readonly #pings: PingTimes;
  readonly #doors = new Set<Door>();
  readonly #calls = new Set<Promise<void>>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#pings = { ...defaultPings, ...options.pings };
  }

  open(grant: Grant): ReturnType<Gateway["open"]> {
    const token = randomBytes(32).toString("base64url");
    const tools = new ToolBook();
    const door: Door = { grant, digest: digestOf(token), closing: new AbortController(), tools, calls: 0, underWay: false };
    this.#doors.add(door);
    const close = (): void => {
      this.#doors.delete(door);
      door.closing.abort(new Error("the attempt has ended"));
    };
    return { token, close, toolRuns: () => tools.runs };
  }

  async close(server: Server): Promise<void> {
    const over = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const door of this.#doors) door.closing.abort(new Error("the gateway is closing"));
    this.#doors.clear();
    // Every call that was under way has its end written down before the last connection goes.
    await Promise.allSettled(this.#calls);
    server.closeAllConnections();
    await over;
  }

  receive(request: IncomingMessage, response: ServerResponse): void {
    // Someone who hangs up in mid-sentence is no failure of the gateway.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    const call = this.#admit(request, response);
    this.#calls.add(call);
    void call.finally(() => this.#calls.delete(call));
  }

  async #admit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "/";
    const route = routeOf(request.method ?? "", url, request.headers);
    try {
      if (!isOwnHost(request.headers.host, this.port)) return turnAway(request, response, route, doorRefusals.host);
      const door = this.#doorFor(tokenOf(request.headers));
      if (door === undefined) return turnAway(request, response, route, doorRefusals.token);
      if (route.kind === "nothing") return turnAway(request, response, route, route.refusal);
      if (route.kind === "models") return sendJson(response, 200, modelList(door.grant));
      if (route.kind === "tool_start" || route.kind === "tool_end") return await this.#tool(door, route, request, response);
      const body = await readBody(request);
      if ("status" in body) return turnAway(request, response, route, body);
      const asked = askedIn(body.text, route.dialect, request.headers, url);
      if ("status" in asked) return turnAway(request, response, route, asked);
      // Four bytes a token is the usual estimate; no model is asked for a number that only guides a client.
      if (route.kind === "count_tokens") return sendJson(response, 200, { input_tokens: Math.ceil(body.text.length / 4) });
      await this.#call(door, asked, response);
    } catch {
      // The body did not come whole: the client is gone, or sends what is no HTTP.
      response.destroy();
    }
  }

  async #tool(
    door: Door,
    route: ToolRoute & { readonly dialect: Dialect },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = await readBody(request, toolBodyLimit);
    if ("status" in body) return turnAway(request, response, route, body);
    const value = jsonObject(body.text);
    const refusal =
      route.kind === "tool_start"
        ? await door.tools.start(value, door.grant, door.closing.signal)
        : await door.tools.finish(route.tool, value, door.grant);
    if (refusal !== undefined) return sendRefusal(response, route.dialect, refusal);
    response.writeHead(route.kind === "tool_start" ? 201 : 204).end();
  }

  #doorFor(token: string | undefined): Door | undefined {
    if (token === undefined) return undefined;
    const digest = digestOf(token);
    return [...this.#doors].find((door) => timingSafeEqual(door.digest, digest));
  }

  async #call(door: Door, asked: Asked, response: ServerResponse): Promise<void> {
    const { grant } = door;
    const limit = grant.limits.callsPerAttempt;
    if (door.calls >= limit) return sendRefusal(response, asked.dialect, tooManyCalls(limit));
    door.calls += 1;
    const hungUp = new AbortController();
    const onClose = (): void => hungUp.abort(new Error("the turn has hung up"));
    response.once("close", onClose);
    const reply = new Reply(response, asked.dialect, asked.stream, this.#pings);
    try {
      const { providers, monotonic = ownClock, random = Math.random, sleep = wait, quotaOf } = this.#options;
      const signal = AbortSignal.any([grant.signal, door.closing.signal, hungUp.signal]);
      const settle = (status: number): number => reply.settle(status);
      const means = { providers, monotonic, random, sleep, ...(quotaOf === undefined ? {} : { quotaOf }) };
      const end = await answerCall(asked, { ...means, grant, call: door.calls, signal, settle, underWay: door.underWay });
      response.off("close", onClose);
      if (end.kind === "answered") door.underWay = true;
      if (end.kind === "answered") reply.release(end.answer, answerHeaders(end));
      else reply.refuse(end.refusal, { "x-runner-tries": String(end.tries) });
    } catch (error) {
      response.off("close", onClose);
      // The record cannot be written, or we are wrong about ourselves; either way nothing of an answer may go out.
      reply.refuse(refusalOf("internal", `internal: ${error instanceof Error ? error.message : String(error)}`));
    }
  }
}

const ownClock = (): number => performance.now();

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Answers without reading the rest of the body, which may be long; the connection is of no use afterwards. */
function turnAway(request: IncomingMessage, response: ServerResponse, route: Pick<Route, "dialect">, refusal: Refusal): void {
  const unread =
    !request.complete && request.headers["content-length"] !== "0" && request.method !== "GET" && request.method !== "HEAD";
  sendRefusal(response, route.dialect, refusal, unread ? { connection: "close" } : {});
  request.resume();
}

/** The ladder's models, in a shape that satisfies clients of both dialects. */
function modelList({ ladder }: Grant): object {
  const ids = [...new Set(ladder.map(modelName))];
  const data = ids.map((id) => ({
    id,
    type: "model",
    object: "model",
    display_name: id,
    created: 0,
    created_at: "1970-01-01T00:00:00Z",
    owned_by: "runner",
  }));
  return { object: "list", data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
}

function answerHeaders({ rung, tries }: Extract<CallEnd, { kind: "answered" }>): Record<string, string> {
  return {
    "x-runner-rung": `${encodeURI(modelName(rung))}; stream=${rung.stream ? "on" : "off"}`,
    "x-runner-tries": String(tries),
  };
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (finish: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    const onAbort = (): void => done(() => reject(signal.reason instanceof Error ? signal.reason : new Error("aborted")));
    const timer = setTimeout(() => done(resolve), ms);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
