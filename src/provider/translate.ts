/**
 * From one dialect to the other, for a ladder that goes from an Anthropic-style model to an OpenAI-style one or back. Carried is the
 * whole conversation: text, pictures, thinking, tools, their calls and results, stop reasons, usage (docs/providers.md says how each).
 * What would have to be guessed is refused by name.
 */
import { StreamError } from "../errors.ts";
import { proveMessage } from "../stream/message.ts";
import type { Dialect, JsonObject, ProvenAnswer } from "./provider.ts";
import { answerToAnthropic, answerToOpenai } from "./translate/answers.ts";
import { type Problems, refuse } from "./translate/problems.ts";
import { requestToAnthropic, requestToOpenai } from "./translate/requests.ts";

/**
 * The request's body in another dialect; the same object when both are the same. `model` and `stream` are carried as they are.
 * @throws ProviderError `bad_request` that names everything that cannot be carried.
 */
export function translateRequest(from: Dialect, to: Dialect, body: JsonObject): JsonObject {
  if (from === to) return body;
  return from === "anthropic-messages" ? requestToOpenai(body) : requestToAnthropic(body);
}

/**
 * The answer as a message and a stream of another dialect; the same object when it is that dialect's already. Usage stays as the
 * provider counted it, and so do model, repairs and times.
 * @throws ProviderError `bad_request` for an answer with parts that cannot be carried.
 */
export function translateAnswer(answer: ProvenAnswer, to: Dialect): ProvenAnswer {
  if (answer.dialect === to) return answer;
  const problems: Problems = [];
  const message = to === "openai-completions" ? answerToOpenai(answer, problems) : answerToAnthropic(answer, problems);
  refuse(problems, `the answer of ${answer.model}`, to);
  const { message: proven, events } = provenAs(to, message, answer);
  const { stopReason, text, toolCalls } = proven;
  return { ...answer, dialect: to, message, stopReason, text, toolCalls, sse: () => events };
}

/** The carried answer, proven once more. @throws ProviderError if it is not whole in the other dialect. */
function provenAs(to: Dialect, message: JsonObject, answer: ProvenAnswer): ReturnType<typeof proveMessage> {
  try {
    return proveMessage(to, message);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    const tokens = `${answer.usage.outputTokens ?? "some"} tokens were counted`;
    refuse(
      [answer.text === "" && answer.toolCalls === 0 ? `no text, though ${tokens}` : error.message],
      `the answer of ${answer.model}`,
      to,
    );
    throw error;
  }
}
