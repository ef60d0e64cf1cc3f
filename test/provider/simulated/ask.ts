import { parseSimulation, startSimulatedProvider } from "../../../src/provider/script.ts";
import type { SimulatedProvider, SimulatedProviderOptions } from "../../../src/provider/script.ts";
import type { Dialect } from "../../../src/provider/provider.ts";

export const dialects: readonly Dialect[] = ["anthropic-messages", "openai-completions"];

/** The body of a small request that both dialects take. */
export function bodyFor(stream: boolean, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    model: "kimi-for-coding",
    max_tokens: 1000,
    stream,
    messages: [{ role: "user", content: "Run FPL check..." }],
    ...extra,
  };
}

export function endpointOf(url: string, dialect: Dialect): string {
  return `${url}${dialect === "anthropic-messages" ? "/coding/v1/messages?beta=true" : "/v1/chat/completions"}`;
}

/** One request by plain `fetch`. */
export function ask(url: string, dialect: Dialect, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(endpointOf(url, dialect), { method: "POST", body: JSON.stringify(body), ...init });
}

export async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

/** Runs with a provider on which every request gets the fault, and closes it. */
export async function withFault<T>(
  fault: string | undefined,
  run: (provider: SimulatedProvider) => Promise<T>,
  options: SimulatedProviderOptions = {},
): Promise<T> {
  const simulation = fault === undefined ? {} : { simulation: parseSimulation(fault) };
  const provider = await startSimulatedProvider({ ...simulation, delays: { slowMs: 1, retryAfterMs: 0, pingMs: 1 }, ...options });
  try {
    return await run(provider);
  } finally {
    await provider.close();
  }
}

/** The frames of a body as a browser would read them: the joined data of each block that has some. */
export function framesOf(body: string): { event: string | undefined; data: string }[] {
  return body
    .replaceAll(/\r\n|\r/gu, "\n")
    .split(/\n\n/u)
    .map((block) => block.split("\n"))
    .filter((lines) => lines.some((line) => line.startsWith("data:")))
    .map((lines) => ({
      event: lines
        .find((line) => line.startsWith("event:"))
        ?.slice(6)
        .trim(),
      data: lines
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trim())
        .join("\n"),
    }));
}

const letters: Readonly<Record<string, string>> = {
  message_start: "S",
  content_block_start: "B",
  content_block_delta: "D",
  content_block_stop: "E",
  message_delta: "M",
  message_stop: "X",
  ping: "P",
  error: "!",
};

interface AnyFrame {
  type?: string;
  index?: number;
  error?: unknown;
  choices?:
    | {
        delta?: { role?: string; content?: string; tool_calls?: { index?: number }[] };
        finish_reason?: string | null;
        error?: unknown;
      }[]
    | null;
  usage?: unknown;
}

/**
 * The order of a stream in letters. Anthropic: S start, B0 block start at index 0, D0 delta, E0 block stop, M message_delta, X
 * message_stop, P ping, ! error. OpenAI: R role, C content, T0 tool call at index 0, F finish, U usage, ! error, Z [DONE].
 * ? is anything else, and the number after a star says how often in a row.
 */
export function orderOf(body: string): string {
  const signs = framesOf(body).map(({ data }) => signOf(data));
  const runs: { sign: string; times: number }[] = [];
  for (const sign of signs) {
    const last = runs.at(-1);
    if (last?.sign === sign) last.times++;
    else runs.push({ sign, times: 1 });
  }
  // How many deltas a text is cut into is the generator's business, so only their presence is shown.
  return runs.map(({ sign, times }) => (times === 1 || /^[DCT]/u.test(sign) ? sign : `${sign}*${times}`)).join(" ");
}

function signOf(data: string): string {
  if (data === "[DONE]") return "Z";
  let frame: AnyFrame;
  try {
    frame = JSON.parse(data);
  } catch {
    return "?";
  }
  if (frame.error !== undefined) return "!";
  if (frame.type !== undefined) return `${letters[frame.type] ?? "?"}${frame.index ?? ""}`;
  const choice = frame.choices?.[0];
  if (choice === undefined) return frame.usage === undefined || frame.usage === null ? "?" : "U";
  if (choice.error !== undefined) return "!";
  if (typeof choice.finish_reason === "string" && choice.finish_reason !== "") return "F";
  if (choice.delta?.role !== undefined) return "R";
  if (choice.delta?.tool_calls !== undefined) return `T${choice.delta.tool_calls[0]?.index ?? ""}`;
  return choice.delta?.content === undefined ? "?" : "C";
}

/** The text in a stream's deltas, in the order they came. */
export function textOf(body: string): string {
  const texts = framesOf(body).map(({ data }) => {
    try {
      const frame: { delta?: { text?: string }; choices?: { delta?: { content?: string } }[] } = JSON.parse(data);
      return frame.delta?.text ?? frame.choices?.[0]?.delta?.content ?? "";
    } catch {
      return "";
    }
  });
  return texts.join("");
}
