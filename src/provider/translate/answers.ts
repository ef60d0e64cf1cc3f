/** A whole answer from one dialect into the other. */
import type { Usage } from "../../errors.ts";
import { checkMessage } from "../../stream/message.ts";
import type { JsonObject, ProvenAnswer } from "../provider.ts";
import { assistantToAnthropic, assistantToOpenai } from "./assistant.ts";
import { isObject, listOr, objectOr, type Problems, saysNothing, textOr } from "./problems.ts";

/** Anthropic's words → OpenAI's. `stop_sequence` and `end_turn` are one word there. */
const finishReasons: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

const known = (reason: string, problems: Problems): void => {
  // pause_turn belongs to tools that the provider runs itself.
  if (!Object.hasOwn(finishReasons, reason)) problems.push(`the stop reason ${reason}`);
};

const idOf = (answer: ProvenAnswer): string => textOr(answer.message["id"]) || "translated";

/** As the message's own dialect counts them. `answer.usage` stays as the provider counted, whatever the message was carried into. */
function countsOf(answer: ProvenAnswer): Usage {
  return checkMessage(answer.dialect, answer.message).usage;
}

export function answerToOpenai(answer: ProvenAnswer, problems: Problems): JsonObject {
  known(answer.stopReason, problems);
  const blocks = listOr(answer.message["content"]);
  const foreign = blocks.filter((block) => !isObject(block) || !carriedBlocks.has(textOr(block["type"])));
  for (const block of foreign) problems.push(`a block of type ${JSON.stringify(isObject(block) ? block["type"] : block)}`);
  const said = assistantToOpenai(blocks.filter((block) => !foreign.includes(block)).map(plainText), "content", problems);
  const sequence = answer.message["stop_sequence"];
  return {
    id: idOf(answer),
    object: "chat.completion",
    created: 0,
    model: answer.model,
    choices: [
      {
        index: 0,
        message: { ...said, refusal: null },
        logprobs: null,
        finish_reason: finishReasons[answer.stopReason],
        // Where vLLM tells which sequence it was.
        ...(answer.stopReason === "stop_sequence" && typeof sequence === "string" ? { stop_reason: sequence } : {}),
      },
    ],
    usage: openaiUsage(countsOf(answer)),
  };
}

const carriedBlocks = new Set(["text", "thinking", "redacted_thinking", "tool_use"]);

/** Citations belong to documents, which only a request of the answer's own dialect can have held. */
function plainText(block: unknown): unknown {
  return isObject(block) && block["type"] === "text" ? { type: "text", text: block["text"] } : block;
}

function openaiUsage({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: Usage): JsonObject {
  // OpenAI's prompt tokens include what came from the cache, Anthropic's do not.
  const prompt = (inputTokens ?? 0) + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0);
  const details = {
    ...(cacheReadTokens === undefined ? {} : { cached_tokens: cacheReadTokens }),
    ...(cacheWriteTokens === undefined ? {} : { cache_write_tokens: cacheWriteTokens }),
  };
  return {
    prompt_tokens: prompt,
    completion_tokens: outputTokens ?? 0,
    total_tokens: prompt + (outputTokens ?? 0),
    ...(Object.keys(details).length === 0 ? {} : { prompt_tokens_details: details }),
  };
}

export function answerToAnthropic(answer: ProvenAnswer, problems: Problems): JsonObject {
  const choices = listOr(answer.message["choices"]);
  if (choices.length > 1) problems.push(`${choices.length} answers in one`);
  const choice = objectOr(choices[0]);
  const { refusal, audio, ...said } = objectOr(choice["message"]);
  if (!saysNothing(audio)) problems.push("audio");
  const refused = textOr(refusal);
  known(answer.stopReason, problems);
  const spoken = refused === "" ? said : { ...said, content: textOr(said["content"]) + refused };
  const content = assistantToAnthropic(spoken, "message", problems);
  const sequence = choice["stop_reason"];
  const stopped = answer.stopReason === "end_turn" && typeof sequence === "string";
  return {
    id: idOf(answer),
    type: "message",
    role: "assistant",
    model: answer.model,
    content,
    stop_reason: refused !== "" ? "refusal" : stopped ? "stop_sequence" : answer.stopReason,
    stop_sequence: stopped ? sequence : null,
    usage: anthropicUsage(countsOf(answer), answer.message["usage"]),
  };
}

function anthropicUsage({ inputTokens, outputTokens, cacheReadTokens }: Usage, raw: unknown): JsonObject {
  const written = objectOr(objectOr(raw)["prompt_tokens_details"])["cache_write_tokens"];
  const writes = typeof written === "number" ? written : undefined;
  return {
    input_tokens: Math.max(0, (inputTokens ?? 0) - (cacheReadTokens ?? 0) - (writes ?? 0)),
    output_tokens: outputTokens ?? 0,
    ...(cacheReadTokens === undefined ? {} : { cache_read_input_tokens: cacheReadTokens }),
    ...(writes === undefined ? {} : { cache_creation_input_tokens: writes }),
  };
}
