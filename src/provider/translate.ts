/**
 * From one dialect to the other, for a ladder that goes from an Anthropic-style model to an OpenAI-style one or back. Carried are
 * exactly: system text, text messages of user and assistant, `max_tokens`, `temperature`, `top_p`, stop sequences one way; text, stop
 * reason and usage the other. Anything else would have to be guessed, so it is refused by name.
 */
import { ProviderError, StreamError, type Usage } from "../errors.ts";
import { checkMessage, messageToEvents } from "../stream/message.ts";
import type { Dialect, JsonObject, ProvenAnswer } from "./provider.ts";

/**
 * The request's body in another dialect; the same object when both are the same. `model` and `stream` are carried as they are.
 * @throws ProviderError `bad_request` that names everything that cannot be carried.
 */
export function translateRequest(from: Dialect, to: Dialect, body: JsonObject): JsonObject {
  if (from === to) return body;
  return from === "anthropic-messages" ? anthropicToOpenai(body) : openaiToAnthropic(body);
}

/**
 * The answer as a message and a stream of another dialect; the same object when it is that dialect's already. Text, stop reason,
 * usage, model, repairs and times stay.
 * @throws ProviderError `bad_request` for an answer with tool calls or other parts that cannot be carried.
 */
export function translateAnswer(answer: ProvenAnswer, to: Dialect): ProvenAnswer {
  if (answer.dialect === to) return answer;
  refuse(answerProblems(answer), `the answer of ${answer.model}`, to);
  const message = to === "openai-completions" ? openaiMessage(answer) : anthropicMessage(answer);
  // With text it is whole in the other dialect, too. Without, what was said may have been in what is left behind.
  let events = answer.text === "" ? emptyAnswerEvents(answer, to, message) : undefined;
  return { ...answer, dialect: to, message, sse: () => (events ??= messageToEvents(to, message)) };
}

/** The events of an answer without text. @throws ProviderError if the tokens counted say that there was something. */
function emptyAnswerEvents(answer: ProvenAnswer, to: Dialect, message: JsonObject): string {
  try {
    return messageToEvents(to, message);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    const problem = `no text, though ${countsOf(answer).outputTokens ?? "some"} tokens were counted`;
    refuse([problem], `the answer of ${answer.model}`, to);
    throw error;
  }
}

function anthropicToOpenai(body: JsonObject): JsonObject {
  const problems = unknownKeys(body, [
    "model",
    "stream",
    "system",
    "messages",
    "max_tokens",
    "temperature",
    "top_p",
    "stop_sequences",
    "metadata",
  ]);
  const system = textOf(body["system"] ?? "", "system", problems);
  const messages = messagesOf(body["messages"], ["user", "assistant"], problems);
  refuse(problems, "the request", "openai-completions");
  return {
    ...pick(body, ["model", "stream", "max_tokens", "temperature", "top_p"]),
    messages: system === "" ? messages : [{ role: "system", content: system }, ...messages],
    ...(body["stop_sequences"] === undefined ? {} : { stop: body["stop_sequences"] }),
  };
}

function openaiToAnthropic(body: JsonObject): JsonObject {
  const known = [
    "model",
    "stream",
    "stream_options",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "n",
    "user",
    "metadata",
  ];
  const problems = unknownKeys(body, known);
  if (body["n"] !== undefined && body["n"] !== 1) problems.push(`n: ${JSON.stringify(body["n"])} (one answer can be carried)`);
  if (typeof body["temperature"] === "number" && body["temperature"] > 1)
    problems.push(`temperature ${body["temperature"]} (anthropic-messages ends at 1)`);
  const all = messagesOf(body["messages"], ["system", "developer", "user", "assistant"], problems);
  const firstOther = all.findIndex((message) => !isSystem(message));
  if (firstOther >= 0 && all.slice(firstOther).some(isSystem)) problems.push("a system message after the conversation has begun");
  refuse(problems, "the request", "anthropic-messages");
  const system = all.filter(isSystem).map((message) => message["content"]);
  const { stop } = body;
  const maxTokens = body["max_completion_tokens"] ?? body["max_tokens"];
  return {
    ...pick(body, ["model", "stream", "temperature", "top_p"]),
    // The dialect requires it, and the sender left it to the model.
    max_tokens: maxTokens ?? defaultMaxTokens,
    ...(system.length === 0 ? {} : { system: system.join("\n\n") }),
    messages: all.filter((message) => !isSystem(message)),
    ...(stop === undefined || stop === null ? {} : { stop_sequences: Array.isArray(stop) ? stop : [stop] }),
  };
}

const isSystem = (message: JsonObject): boolean => message["role"] === "system" || message["role"] === "developer";

/** The job's own default for one answer. */
const defaultMaxTokens = 8_192;

function messagesOf(value: unknown, roles: readonly string[], problems: string[]): JsonObject[] {
  if (!Array.isArray(value)) {
    problems.push("messages (not a list)");
    return [];
  }
  return (value as readonly unknown[]).map((message, at) => {
    const where = `messages[${at}]`;
    if (!isObject(message)) {
      problems.push(`${where} (not an object)`);
      return {};
    }
    const role = message["role"];
    if (typeof role !== "string" || !roles.includes(role)) problems.push(`${where}.role ${JSON.stringify(role)}`);
    for (const key of unknownKeys(message, ["role", "content"])) problems.push(`${where}.${key}`);
    return { role, content: textOf(message["content"], `${where}.content`, problems) };
  });
}

/** The text of a content field: a string, or parts that are all text. */
function textOf(value: unknown, where: string, problems: string[]): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) {
    problems.push(`${where} (no text)`);
    return "";
  }
  const parts = (value as readonly unknown[]).map((part, at) => {
    if (isObject(part) && part["type"] === "text" && typeof part["text"] === "string") {
      // A cache mark changes the price and not the meaning.
      for (const key of unknownKeys(part, ["type", "text", "cache_control"])) problems.push(`${where}[${at}].${key}`);
      return part["text"];
    }
    problems.push(`${where}[${at}] of type ${isObject(part) ? JSON.stringify(part["type"]) : typeof part}`);
    return "";
  });
  return parts.join("");
}

/** Keys that mean something and are not known; `null` and an empty list or object say nothing. */
function unknownKeys(value: JsonObject, known: readonly string[]): string[] {
  return Object.keys(value).filter((key) => !known.includes(key) && !saysNothing(value[key]));
}

function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function refuse(problems: readonly string[], what: string, to: Dialect): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, 10).join(", ");
  throw new ProviderError(
    `${what} cannot be carried into ${to}: ${shown}${problems.length > 10 ? " and more" : ""}. Use fallback models of the same dialect.`,
    { fault: "bad_request", code: "not_translatable" },
  );
}

function answerProblems(answer: ProvenAnswer): string[] {
  const problems: string[] = [];
  if (answer.toolCalls > 0) problems.push(`${answer.toolCalls} tool calls`);
  if (answer.dialect === "anthropic-messages") {
    const content = answer.message["content"];
    for (const block of Array.isArray(content) ? (content as readonly unknown[]) : []) {
      const type = isObject(block) ? block["type"] : undefined;
      // Thinking is no part of the answer, and the other dialect has no place for its signature.
      if (type !== "text" && type !== "thinking" && type !== "redacted_thinking")
        problems.push(`a block of type ${JSON.stringify(type)}`);
    }
  } else {
    problems.push(...choiceProblems(answer.message["choices"]));
  }
  if (!Object.hasOwn(finishReasons, answer.stopReason)) problems.push(`the stop reason ${answer.stopReason}`);
  return problems;
}

/** What an OpenAI answer says beside its text. Reasoning is left behind like thinking. */
function choiceProblems(value: unknown): string[] {
  const choices: readonly unknown[] = Array.isArray(value) ? value : [];
  if (choices.length > 1) return [`${choices.length} answers in one`];
  const [choice] = choices;
  const message = isObject(choice) && isObject(choice["message"]) ? choice["message"] : {};
  const problems: string[] = [];
  if (typeof message["refusal"] === "string" && message["refusal"] !== "") problems.push("a refusal in words of its own");
  if (!saysNothing(message["audio"])) problems.push("audio");
  return problems;
}

/** Anthropic's words → OpenAI's. `stop_sequence` and `end_turn` are one word there. */
const finishReasons: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  refusal: "content_filter",
};

function openaiMessage(answer: ProvenAnswer): JsonObject {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = countsOf(answer);
  // OpenAI's prompt tokens include what came from the cache, Anthropic's do not.
  const prompt = (inputTokens ?? 0) + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0);
  return {
    id: typeof answer.message["id"] === "string" ? answer.message["id"] : "translated",
    object: "chat.completion",
    created: 0,
    model: answer.model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer.text, refusal: null },
        logprobs: null,
        finish_reason: finishReasons[answer.stopReason],
      },
    ],
    usage: {
      prompt_tokens: prompt,
      completion_tokens: outputTokens ?? 0,
      total_tokens: prompt + (outputTokens ?? 0),
      ...(cacheReadTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: cacheReadTokens } }),
    },
  };
}

/** As the message's own dialect counts them. `answer.usage` stays as the provider counted, whatever the message was carried into. */
function countsOf(answer: ProvenAnswer): Usage {
  return checkMessage(answer.dialect, answer.message).usage;
}

function anthropicMessage(answer: ProvenAnswer): JsonObject {
  const { inputTokens, outputTokens, cacheReadTokens } = countsOf(answer);
  return {
    id: typeof answer.message["id"] === "string" ? answer.message["id"] : "translated",
    type: "message",
    role: "assistant",
    model: answer.model,
    content: answer.text === "" ? [] : [{ type: "text", text: answer.text }],
    stop_reason: answer.stopReason,
    stop_sequence: null,
    usage: {
      input_tokens: Math.max(0, (inputTokens ?? 0) - (cacheReadTokens ?? 0)),
      output_tokens: outputTokens ?? 0,
      ...(cacheReadTokens === undefined ? {} : { cache_read_input_tokens: cacheReadTokens }),
    },
  };
}

function pick(body: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => body[key] !== undefined && body[key] !== null).map((key) => [key, body[key]]));
}

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
