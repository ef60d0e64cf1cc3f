/** Small real parts for the gateway's tests: a provider that says what the test wrote, a recorder of every step, an HTTP client. */
import { request, type Agent, type IncomingHttpHeaders } from "node:http";
import { ProviderError, type ProviderErrorFacts } from "../../src/errors.ts";
import type { CallObserver, Gateway, GatewayOptions, Grant } from "../../src/gateway/gateway.ts";
import { createGateway } from "../../src/gateway/server.ts";
import type { Dialect, Provider, ProvenAnswer, UpstreamRequest } from "../../src/provider/provider.ts";
import { standardRetry } from "../../src/run/backoff.ts";
import type { Rung } from "../../src/run/ladder.ts";

export const limits = {
  firstByteMs: 5_000,
  idleMs: 5_000,
  tryMs: 10_000,
  callMs: 1_200_000,
  triesPerCall: 12,
  callsPerAttempt: 50,
  maxWaitMs: 600_000,
};

export function answer(text: string, more: Partial<ProvenAnswer> = {}): ProvenAnswer {
  const message = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "k2p5-0711",
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    usage: { input_tokens: 1, output_tokens: 2 },
  };
  return {
    dialect: "anthropic-messages",
    message,
    sse: () => `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message })}\n\n`,
    model: "k2p5-0711",
    stopReason: "end_turn",
    text,
    toolCalls: 0,
    usage: { inputTokens: 1, outputTokens: 2 },
    repairs: [],
    requestId: "req_1",
    firstByteMs: 1,
    changes: [],
    ...more,
  };
}

export function openaiAnswer(text: string): ProvenAnswer {
  const choice = { index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" };
  const message = { id: "chatcmpl-1", object: "chat.completion", created: 1, model: "gpt", choices: [choice] };
  return answer(text, {
    dialect: "openai-completions",
    message,
    sse: () => `data: ${JSON.stringify(message)}\n\ndata: [DONE]\n\n`,
    model: "gpt",
  });
}

export const failure = (fault: ProviderErrorFacts["fault"], facts: Partial<ProviderErrorFacts> = {}): ProviderError =>
  new ProviderError(`${fault} happened`, { fault, ...facts });

type Line = ProvenAnswer | Error | ((request: UpstreamRequest) => Promise<ProvenAnswer>);

/** Says one line after the other, the last one for ever; keeps what it was asked. */
export class ScriptedProvider implements Provider {
  readonly id: string;
  readonly dialect: Dialect;
  readonly asked: UpstreamRequest[] = [];
  readonly #lines: Line[];

  constructor(id: string, lines: Line[], dialect: Dialect = "anthropic-messages") {
    this.id = id;
    this.#lines = lines;
    this.dialect = dialect;
  }

  async ask(upstream: UpstreamRequest): Promise<ProvenAnswer> {
    this.asked.push(upstream);
    const line = this.#lines.length > 1 ? this.#lines.shift() : this.#lines[0];
    if (line === undefined) throw new Error("the script has no line");
    if (line instanceof Error) throw line;
    return typeof line === "function" ? await line(upstream) : line;
  }

  preview(): never {
    throw new Error("no preview here");
  }
}

/** Writes every step down as one line, and can fail at the step that begins with a given word. */
export class Recorder implements CallObserver {
  readonly lines: string[] = [];
  /** What `callFinished` was told, per call. */
  readonly ends: Parameters<CallObserver["callFinished"]>[0][] = [];
  failAt: string | undefined;
  readonly #finished: (() => void)[] = [];

  async #note(line: string): Promise<void> {
    // A real record takes a while; whoever does not wait for it is seen out of order.
    await new Promise((resolve) => setImmediate(resolve));
    this.lines.push(line);
    if (this.failAt !== undefined && line.startsWith(this.failAt)) throw new Error("the ledger is full");
  }

  callStarted({ call, dialect, modelAsked, stream }: Parameters<CallObserver["callStarted"]>[0]): Promise<void> {
    return this.#note(`call ${call}: ${modelAsked}, ${dialect}, ${stream ? "stream" : "message"}`);
  }

  waiting({ waitMs }: Parameters<CallObserver["waiting"]>[0]): void {
    this.lines.push(`wait ${waitMs}`);
  }

  tryStarted(plan: Parameters<CallObserver["tryStarted"]>[0]): Promise<void> {
    const { rung } = plan;
    return this.#note(`try ${plan.try}: ${rung.provider}/${rung.model} ${rung.stream ? "on" : "off"}: ${plan.why}`);
  }

  tryAnswered(plan: Parameters<CallObserver["tryAnswered"]>[0]): Promise<void> {
    return this.#note(`answered ${plan.try}`);
  }

  tryFailed(plan: Parameters<CallObserver["tryFailed"]>[0], error: ProviderError): Promise<void> {
    return this.#note(`failed ${plan.try}: ${error.fault}`);
  }

  async callFinished(end: Parameters<CallObserver["callFinished"]>[0]): Promise<void> {
    this.ends.push(end);
    await this.#note(`finished ${end.call}: ${end.httpStatus}`);
    for (const resolve of this.#finished.splice(0)) resolve();
  }

  /** Resolves at the next end of a call. */
  nextEnd(): Promise<void> {
    return new Promise((resolve) => this.#finished.push(resolve));
  }
}

export interface Stage {
  readonly gateway: Gateway;
  readonly token: string;
  readonly recorder: Recorder;
  /** Waits the gateway asked for; none of them is waited. */
  readonly waits: readonly number[];
  readonly end: AbortController;
  readonly closeDoor: () => void;
}

export const ladderOf = (...names: string[]): readonly Rung[] =>
  names.map((name) => {
    const [model = "", stream] = name.split(" ");
    const [provider = "", id = ""] = model.split("/");
    return { provider, model: id, stream: stream !== "off" };
  });

const open: { gateway: Gateway }[] = [];

/** A gateway with one open door. The clock moves only by the waits, and those take no time. */
export async function stage(
  providers: readonly Provider[],
  more: Partial<Omit<Grant, "limits">> & { limits?: Partial<Grant["limits"]>; options?: Partial<GatewayOptions> } = {},
): Promise<Stage> {
  const waits: number[] = [];
  let now = 1_000;
  const { options, limits: ownLimits, ...grant } = more;
  const gateway = await createGateway({
    providers: new Map(providers.map((provider) => [provider.id, provider])),
    monotonic: () => now,
    random: () => 0,
    sleep: (ms, signal) => {
      waits.push(ms);
      now += ms;
      return signal.aborted ? Promise.reject(new Error("aborted")) : Promise.resolve();
    },
    ...options,
  });
  const recorder = new Recorder();
  const end = new AbortController();
  const door = gateway.open({
    runId: "run",
    attempt: 1,
    ladder: ladderOf("kimi/k2p5"),
    retry: standardRetry,
    signal: end.signal,
    observer: recorder,
    ...grant,
    limits: { ...limits, ...ownLimits },
  });
  open.push({ gateway });
  return { gateway, token: door.token, recorder, waits, end, closeDoor: door.close };
}

/** Closes every gateway that a test has opened. */
export async function clear(): Promise<void> {
  await Promise.all(open.splice(0).map(({ gateway }) => gateway.close()));
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | object;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
  /** Called with each piece of the answer as it comes. */
  readonly onData?: (text: string, status: number) => void;
}

/** One request to the gateway, `POST /v1/messages` unless said otherwise. */
export function send(gateway: Pick<Gateway, "url">, sent: Sent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const auth: Record<string, string> = sent.token === undefined ? {} : { "x-api-key": sent.token };
    const outgoing = request(
      gateway.url + (sent.path ?? "/v1/messages"),
      {
        method: sent.method ?? "POST",
        headers: { ...auth, ...sent.headers },
        ...(sent.agent === undefined ? {} : { agent: sent.agent }),
        ...(sent.signal === undefined ? {} : { signal: sent.signal }),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          sent.onData?.(chunk, response.statusCode ?? 0);
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) }),
        );
      },
    );
    outgoing.on("error", reject);
    const { body } = sent;
    outgoing.end(typeof body === "object" && !Buffer.isBuffer(body) ? JSON.stringify(body) : body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const question = { model: "kimi/k2p5", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };
