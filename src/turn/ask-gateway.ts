/** One question to the gateway, from inside the turn's process, and what is told to it about tools. */
import { createParser } from "eventsource-parser";
import { isFault } from "../errors.ts";
import { AnswerError, errorIn, noReason, parseJson, type Answer, type AnswerReader } from "./answer.ts";
import { anthropicReader, readAnthropicMessage } from "./answer-anthropic.ts";
import { openAiReader, readOpenAiCompletion } from "./answer-openai.ts";
import { askOnce, type Chunks, type Response } from "./inherited-connection.ts";
import type { OpenSpec, TurnResult, TurnSpec } from "./turn.ts";

/** Most bytes of one answer's body: far above any model's output, and small enough for any machine. */
const maxAnswerBytes = 64 * 1024 * 1024;

interface Wire {
  readonly path: string;
  readonly headers: (token: string) => Readonly<Record<string, string>>;
  readonly reader: () => AnswerReader;
  readonly read: (body: unknown) => Answer;
}

const wires: Readonly<Record<TurnSpec["dialect"], Wire>> = {
  "anthropic-messages": {
    path: "/v1/messages",
    headers: (token) => ({ "x-api-key": token, "anthropic-version": "2023-06-01" }),
    reader: anthropicReader,
    read: readAnthropicMessage,
  },
  "openai-completions": {
    path: "/v1/chat/completions",
    headers: (token) => ({ authorization: `Bearer ${token}` }),
    reader: openAiReader,
    read: readOpenAiCompletion,
  },
};

type Failed = Extract<TurnResult, { status: "failed" }>;

export type Said =
  /** `body`: the answer as it came, for what goes back in the next question; undefined if it came as a stream. */
  { readonly answer: Answer; readonly body: unknown } | { readonly failed: Failed };

/** Asks once: retrying is the gateway's matter. Never throws. There is no time limit here but the attempt's, which the parent keeps. */
export async function askGateway(
  spec: Pick<OpenSpec, "dialect" | "gateway">,
  question: Readonly<Record<string, unknown>>,
): Promise<Said> {
  const wire = wires[spec.dialect];
  let status: number | undefined;
  try {
    const response = await send(spec.gateway, "POST", wire.path, wire.headers(spec.gateway.token), question);
    status = response.statusCode ?? 0;
    if (status !== 200) return { failed: await refusedBy(response, status) };
    return await readAnswer(response, wire);
  } catch (error) {
    return { failed: { ...failureOf(error), ...(status === undefined ? {} : { httpStatus: status }) } };
  }
}

/** What an error means for the turn. */
export function failureOf(error: unknown): Failed {
  const fault = error instanceof AnswerError ? error.fault : "network";
  const message = error instanceof Error ? error.message : String(error);
  const words = error instanceof AnswerError ? message : `the gateway cannot be reached: ${message}`;
  return { status: "failed", fault, error: oneLine(words), toolRuns: 0 };
}

/** Tells the gateway about a tool run. Undefined if it was taken; else why not, and then the tool must not run. Never throws. */
export async function tellGateway(
  { gateway }: Pick<OpenSpec, "gateway">,
  method: "POST" | "PUT",
  path: string,
  body: object,
): Promise<Failed | undefined> {
  try {
    const response = await send(gateway, method, path, { authorization: `Bearer ${gateway.token}` }, body);
    const status = response.statusCode ?? 0;
    if (status === (method === "POST" ? 201 : 204)) {
      response.resume();
      return undefined;
    }
    return await refusedBy(response, status);
  } catch (error) {
    return failureOf(error);
  }
}

/** Over the connection that this process was born with, if it was; else over one of its own. */
async function send(
  { url, descriptor }: Pick<OpenSpec["gateway"], "url" | "descriptor">,
  method: "POST" | "PUT",
  path: string,
  headers: Readonly<Record<string, string>>,
  content: object,
): Promise<Response & Chunks> {
  const address = `${url.replace(/\/+$/, "")}${path}`;
  const body = Buffer.from(wellFormedJson(content));
  const ours = { ...headers, "content-type": "application/json", "content-length": body.length, accept: "*/*" };
  if (descriptor !== undefined) return askOnce(descriptor, { method, url: address, headers: ours, body });
  // Taken this way an ES module does not run the lazy getters of node:http, which cost more than the request.
  const http = process.getBuiltinModule("node:http");
  return new Promise((resolve, reject) => {
    // No connection is kept, so that nothing delays the process's exit.
    const request = http.request(address, { method, agent: false, headers: ours }, resolve);
    request.on("error", reject);
    request.end(body);
  });
}

/** Half of a pair, as text that was cut has it, or a tool gives it; JSON writes every other character as itself. */
const loneSurrogate = /\\u[dD][89a-fA-F]/;

/** APIs refuse a whole conversation for one such character ("no low surrogate in string"). */
function wellFormedJson(content: object): string {
  const json = JSON.stringify(content);
  if (!loneSurrogate.test(json)) return json;
  return JSON.stringify(content, (_, value: unknown) => (typeof value === "string" ? value.toWellFormed() : value));
}

/** The gateway has given the call up; its header names the fault, its body the reason. */
async function refusedBy(response: Response & Chunks, status: number): Promise<Failed> {
  const named = response.headers["x-runner-fault"];
  const text = await readText(response);
  const said = errorIn(jsonOrUndefined(text)) ?? { fault: "unknown", message: noReason };
  return {
    status: "failed",
    fault: isFault(named) ? named : said.fault,
    error: oneLine(said.message),
    httpStatus: status,
    toolRuns: 0,
  };
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readAnswer(response: Response & Chunks, wire: Wire): Promise<{ answer: Answer; body: unknown }> {
  const type = (response.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === "text/event-stream") return { answer: await readEvents(response, wire.reader()), body: undefined };
  if (type !== "application/json")
    throw new AnswerError("stream_broken", `the gateway answered with the content type ${JSON.stringify(type)}`);
  const body = parseJson(await readText(response));
  const error = errorIn(body);
  if (error !== undefined) throw new AnswerError(error.fault, error.message);
  return { answer: wire.read(body), body };
}

async function readEvents(response: Response & Chunks, reader: AnswerReader): Promise<Answer> {
  const parser = createParser({
    onEvent: (event) => reader.push(event.event, event.data),
    onError: (error) => {
      // A field of another name is allowed by the format; everything else is not.
      if (error.type !== "unknown-field")
        throw new AnswerError("stream_broken", `the gateway's stream cannot be read: ${error.type}`);
    },
    maxBufferSize: maxAnswerBytes,
  });
  await readChunks(response, (text) => parser.feed(text));
  return reader.end();
}

async function readText(response: Response & Chunks): Promise<string> {
  const parts: string[] = [];
  await readChunks(response, (text) => parts.push(text));
  return parts.join("");
}

/** The body as text, piece by piece, whole to its end: cut, too long or not UTF-8 is an error. */
async function readChunks(response: Response & Chunks, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (chunk?: Buffer): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw new AnswerError("stream_broken", "the gateway's answer is not UTF-8");
    }
  };
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes)
        throw new AnswerError("stream_broken", `the gateway's answer is longer than ${maxAnswerBytes} bytes`);
      take(decode(chunk));
    }
  } catch (error) {
    if (error instanceof AnswerError) throw error;
    throw new AnswerError("stream_broken", "the connection to the gateway broke in the middle of its answer");
  }
  take(decode());
  if (!response.complete) throw new AnswerError("stream_broken", "the gateway's answer was cut off");
}

/** Errors are one line, and not endless. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, 2000);
}
