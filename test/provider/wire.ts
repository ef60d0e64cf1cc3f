/** Real servers on loopback for the tests of this folder: one that speaks HTTP, one that speaks bytes. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import net from "node:net";

export interface Wire extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

export async function httpServer(serve: (request: IncomingMessage, response: ServerResponse) => void): Promise<Wire> {
  const server = createServer(serve);
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = portOf(server);
  return wire(port, () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    return closed;
  });
}

/** A server below HTTP: gets each connection as it is. */
export async function byteServer(serve: (socket: net.Socket, connection: number) => void): Promise<Wire> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    connections += 1;
    serve(socket, connections);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = portOf(server);
  return wire(port, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

export function portOf(server: net.Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function wire(port: number, close: () => Promise<void>): Wire {
  return { url: `http://127.0.0.1:${port}`, port, [Symbol.asyncDispose]: close };
}

/** Resolves with the bytes of one request as soon as its headers and its body are there. */
export function onRequest(socket: net.Socket, answer: (request: string) => void): void {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (end < 0 || text.length < end + 4 + length) return;
    const request = text;
    text = "";
    answer(request);
  });
}
