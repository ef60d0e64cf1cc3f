/** One try from end to end: build, send, read, prove, judge. Read this file first; the rest of the room are its leaves. */
import { ProviderError, StreamError, type StreamRecording } from "../errors.ts";
import { type FailedAnswer, classifyAnswer, classifyStream, cleanRepairs, requestIdOf } from "./classify.ts";
import type { DialectAdapter } from "./dialect.ts";
import { cannotTake } from "./fit-request.ts";
import { type HttpAnswer, post } from "./http.ts";
import { redact, redacted, resolveKey } from "./keys.ts";
import type { ProvenAnswer, Provider, ProviderConfig, RequestPreview, UpstreamRequest } from "./provider.ts";
import { BrokenBody, type ReadAnswer, readAnswer } from "./read-answer.ts";
import { createRecorder } from "./recording/recorder.ts";
import { rememberThinking } from "./signatures.ts";
import { buildRequest, secretHeaders } from "./request.ts";

export interface ProviderDeps {
  /** Where keys and proxies are looked up. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Epoch ms, for reset times. Default `Date.now`. */
  readonly now?: () => number;
}

export function providerOf(adapter: DialectAdapter, config: ProviderConfig, deps: ProviderDeps): Provider {
  const env = deps.env ?? process.env;
  const now = deps.now ?? Date.now;
  let key: { readonly value: string | undefined } | undefined;
  return {
    id: config.id,
    dialect: config.dialect,
    async ask(request) {
      key ??= { value: resolveKey(config.apiKey, env) };
      const secrets = [key.value, ...secretHeaders(config).flatMap(({ secrets: values }) => values)];
      try {
        return await ask({ adapter, config, env, now, key: key.value, secrets }, request);
      } catch (error) {
        throw error instanceof ProviderError ? error : internal(config.id, error, secrets);
      }
    },
    cannotTake: (body, model) => cannotTake(config, body, model),
    preview: (request) => preview(adapter, config, request),
  };
}

interface Room {
  readonly adapter: DialectAdapter;
  readonly config: ProviderConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly key: string | undefined;
  readonly secrets: readonly (string | undefined)[];
}

async function ask(room: Room, request: UpstreamRequest): Promise<ProvenAnswer> {
  const { config } = room;
  const built = buildRequest(room.adapter, config, request, room.key);
  const { firstByteMs, idleMs, tryMs } = request.limits;
  const answer = await post({
    provider: config.id,
    url: built.url,
    headers: built.headers,
    body: JSON.stringify(built.body),
    // The headers of a non-streamed answer come when it is written: silence is its nature and only the try limit counts.
    limits: request.stream ? { firstByteMs, idleMs, tryMs } : { tryMs },
    signal: request.signal,
    env: room.env,
  });
  const failed = (body: string): FailedAnswer => ({
    provider: config.id,
    status: answer.status,
    headers: answer.headers,
    body,
    secrets: room.secrets,
    keyName: config.apiKey?.env,
    now: room.now(),
  });
  if (answer.status < 200 || answer.status >= 300) throw classifyAnswer(failed(await errorText(answer)));
  const read = await readProven(answer, room, request, failed);
  const { message, recording } = read;
  // Whatever the provider chose goes into the ledger: one that gives the key back must not have it written there.
  const clean = (words: string): string => redact(words, room.secrets);
  const requestId = requestIdOf(answer.headers) ?? (message.id === "" ? undefined : message.id);
  const proven: ProvenAnswer = {
    dialect: config.dialect,
    message: message.body,
    sse: () => read.sse,
    model: message.model === "" ? String(built.body["model"]) : clean(message.model),
    stopReason: message.stopReason,
    text: message.text,
    toolCalls: message.toolCalls,
    usage: message.usage,
    repairs: cleanRepairs(read.repairs, clean),
    requestId: requestId === undefined ? undefined : clean(requestId),
    firstByteMs: answer.firstByteMs(),
    changes: built.changes,
    ...(recording === undefined ? {} : { recording }),
  };
  if (config.dialect === "anthropic-messages") rememberThinking(config.id, message.body);
  refuseSilence(proven, config.id, answer.status);
  refuseLostCall(proven, config.id, answer.status, built.body["tools"]);
  refuseManyAnswers(proven, config.id, answer.status, built.body["n"]);
  return proven;
}

async function readProven(
  answer: HttpAnswer,
  { config, secrets }: Room,
  { stream, record, eventHandler = config.eventHandler }: UpstreamRequest,
  failed: (body: string) => FailedAnswer,
): Promise<ReadAnswer> {
  const { dialect } = config;
  const asked = stream ? "events" : "document";
  const recorder =
    record === undefined ? undefined : createRecorder({ mode: record, dialect, asked, status: answer.status, secrets });
  // Loaded only where there is one: a worker thread is nothing that a run without a handler should pay for.
  const handler =
    eventHandler === undefined ? undefined : (await import("./event-handler/host.ts")).openEventHandler(eventHandler);
  try {
    const { tolerateOutOfOrderEvents } = config.sseQuirks;
    return await readAnswer(answer, { dialect, tolerateOutOfOrderEvents, stream, recorder, handler });
  } catch (error) {
    if (!(error instanceof BrokenBody)) throw error;
    // A success that holds an error document says itself what is wrong, more narrowly than the reader can.
    const cause = error.cause instanceof StreamError ? error.cause : undefined;
    const said = error.document === undefined ? undefined : classifyAnswer({ ...failed(error.document), stream: cause });
    if (said !== undefined && said.fault !== "unknown") throw recorded(said, error.recording);
    const broken = error.cause instanceof StreamError ? classifyStream(error.cause, failed("")) : error.cause;
    throw recorded(broken, error.recording);
  } finally {
    handler?.close();
  }
}

/** The same error with what was recorded of its stream. */
function recorded(error: ProviderError, recording: StreamRecording | undefined): ProviderError {
  if (recording === undefined) return error;
  const { fault, status, code, retryAfterMs, shouldRetry, requestId, raw, usage, repairs, reason, cause } = error;
  const facts = { fault, status, code, retryAfterMs, shouldRetry, requestId, raw, usage, repairs, reason, cause, recording };
  return new ProviderError(error.message, facts);
}

/** A complete answer that says nothing is a failure of the try; an answer cut by `max_tokens` that says something is the turn's to judge. */
function refuseSilence(answer: ProvenAnswer, provider: string, status: number): void {
  if (answer.text.trim() !== "" || answer.toolCalls > 0) return;
  const content = answer.message["content"];
  // The provider paused a server-side tool and wants to be asked to go on.
  if (answer.stopReason === "pause_turn" && Array.isArray(content) && content.length > 0) return;
  const tokens = answer.usage.outputTokens === undefined ? "" : `, ${answer.usage.outputTokens} output tokens`;
  const { usage, repairs, requestId, stopReason: code, recording } = answer;
  const facts = { status, usage, repairs, requestId, code, recording };
  if (answer.stopReason === "refusal") {
    throw new ProviderError(`${provider}: the model refused to answer (stop reason refusal${tokens})`, {
      ...facts,
      fault: "content_policy",
    });
  }
  if (answer.stopReason === "max_tokens") {
    throw new ProviderError(`${provider}: max_tokens was used up before any text was written${tokens}`, {
      ...facts,
      fault: "output_truncated",
    });
  }
  throw new ProviderError(
    `${provider}: a complete answer without text and without a tool call (stop reason ${answer.stopReason}${tokens})`,
    { ...facts, fault: "empty" },
  );
}

/**
 * An answer that announces a tool call and holds none has ended its turn if no tool was offered. With tools it may as well have lost the
 * call on the way, and then its text ("Let me look that up:") is no answer to anything; so it is asked for again.
 */
function refuseLostCall(answer: ProvenAnswer, provider: string, status: number, offered: unknown): void {
  if (!Array.isArray(offered) || offered.length === 0) return;
  if (!answer.repairs.some((repair) => repair.code === "stop_reason_demoted")) return;
  throw new ProviderError(`${provider}: the answer announces a tool call and holds none`, {
    fault: "stream_broken",
    reason: "tool_input_incomplete",
    status,
    usage: answer.usage,
    repairs: answer.repairs,
    requestId: answer.requestId,
    recording: answer.recording,
  });
}

/** Several answers to a question that asked for one: nobody can know which is meant. */
function refuseManyAnswers(answer: ProvenAnswer, provider: string, status: number, wanted: unknown): void {
  const choices = answer.message["choices"];
  if (!Array.isArray(choices) || choices.length <= (typeof wanted === "number" ? wanted : 1)) return;
  throw new ProviderError(`${provider}: ${choices.length} answers came to one question`, {
    fault: "stream_broken",
    status,
    usage: answer.usage,
    repairs: answer.repairs,
    requestId: answer.requestId,
    recording: answer.recording,
  });
}

/** Most bytes of an error answer that are read: 256 KiB. */
const errorBodyLimit = 256 * 1024;
/** The status is known; its words are waited for this long. */
const errorBodyMs = 2_000;

async function errorText(answer: HttpAnswer): Promise<string> {
  const timer = setTimeout(() => answer.stop(), errorBodyMs);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= errorBodyLimit) break;
    }
  } catch (error) {
    // A body that breaks off after the status is still that status; only our own wish to stop counts more.
    if (error instanceof ProviderError && error.fault === "aborted") throw error;
  } finally {
    clearTimeout(timer);
    answer.stop();
  }
  return Buffer.concat(chunks).toString("utf8");
}

function preview(adapter: DialectAdapter, config: ProviderConfig, request: Parameters<Provider["preview"]>[0]): RequestPreview {
  const reference = config.apiKey === undefined ? undefined : `\${${config.apiKey.env}}`;
  const built = buildRequest(adapter, config, request, reference);
  const hidden = Object.fromEntries(secretHeaders(config).map(({ name }) => [name, redacted]));
  const keyHeaders = Object.entries(built.headers).filter(([, value]) => reference !== undefined && value.endsWith(reference));
  return {
    method: "POST",
    url: built.url.href,
    headers: { ...built.headers, ...hidden, ...Object.fromEntries(keyHeaders) },
    body: built.body,
  };
}

function internal(provider: string, error: unknown, secrets: Room["secrets"]): ProviderError {
  const words = redact(error instanceof Error ? error.message : String(error), secrets);
  return new ProviderError(`${provider}: a fault of ours: ${words}`, { fault: "internal", cause: new Error(words) });
}
