/**
 * A conversation with tools, told to the simulated provider by the prompt itself, so that a job, a test or a benchmark can drive many
 * rounds through real processes and get the same ones each time. A line of the first message says what is answered:
 *
 *     simulate-plan: [{ "thinking": "…", "text": "…", "toolCalls": [{ "name": "shell", "input": { … } }] }, …]
 *
 * The n-th answer of the conversation is the n-th entry; after the last one comes the provider's usual text. Which one it is, is read from
 * the conversation and not from a counter, so a request that is asked again gets the same answer.
 */
import type { JsonObject } from "../provider.ts";
import type { ScriptedAnswer, SimulatedRequest } from "./answer.ts";
import { isObject, listOf } from "./wire.ts";

const planLine = /^simulate-plan:(?<plan>.*)$/mu;

/** What the plan says for this request; undefined if there is no plan, or it is at its end. @throws Error for a plan that cannot be read. */
export function plannedAnswer({ body }: Pick<SimulatedRequest, "body">): ScriptedAnswer | undefined {
  const messages = listOf(body["messages"]);
  const plan = messages
    .filter((message) => message["role"] === "user")
    .map((message) => planLine.exec(textOf(message["content"]))?.groups?.["plan"])
    .find((text) => text !== undefined);
  if (plan === undefined) return undefined;
  const entries: unknown = JSON.parse(plan);
  if (!Array.isArray(entries)) throw new Error("simulate-plan: a list is wanted");
  const round = messages.filter((message) => message["role"] === "assistant").length;
  return round < entries.length ? answerIn(entries[round]) : undefined;
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((part) => (typeof part["text"] === "string" ? part["text"] : ""))
    .join("\n");
}

function answerIn(entry: unknown): ScriptedAnswer {
  if (!isObject(entry)) throw new Error("simulate-plan: each entry is an object");
  const { thinking, text, toolCalls, stopReason } = entry;
  return {
    ...(typeof thinking === "string" ? { thinking } : {}),
    ...(typeof text === "string" ? { text } : {}),
    ...(typeof stopReason === "string" ? { stopReason } : {}),
    toolCalls: listOf(toolCalls).map(callIn),
  };
}

function callIn(call: JsonObject): { readonly name: string; readonly input: JsonObject } {
  const { name, input } = call;
  if (typeof name !== "string" || !isObject(input)) throw new Error("simulate-plan: a tool call has a name and an input");
  return { name, input };
}
