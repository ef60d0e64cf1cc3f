/** A request's body from one dialect into the other. */
import type { JsonObject } from "../provider.ts";
import { textIn } from "./content.ts";
import { effortToAnthropic, effortToOpenai } from "./effort.ts";
import { messagesToAnthropic, messagesToOpenai } from "./messages.ts";
import { isObject, pick, type Problems, refuse, saysNothing, unknownKeys } from "./problems.ts";
import { choiceToAnthropic, choiceToOpenai, toolsToAnthropic, toolsToOpenai } from "./tools.ts";

/** OpenAI takes no more stop sequences. */
const mostStops = 4;
/** The job's own default for one answer. */
const defaultMaxTokens = 8_192;
/** The name OpenAI wants for a schema; Anthropic has none. */
const schemaName = "output";

/** The last four change price, place or book-keeping and not what is said. */
const anthropicKeys = words(`
  model stream system messages max_tokens temperature top_p stop_sequences tools tool_choice thinking output_config output_format
  metadata service_tier cache_control inference_geo`);

export function requestToOpenai(body: JsonObject): JsonObject {
  const problems: Problems = unknownKeys(body, anthropicKeys);
  const system = textIn(body["system"] ?? "", "system", problems);
  const messages = messagesToOpenai(body["messages"], problems);
  const tools = toolsToOpenai(body["tools"], problems);
  const { stop_sequences: stop, metadata } = body;
  if (Array.isArray(stop) && stop.length > mostStops)
    problems.push(`stop_sequences (${stop.length}, openai-completions ends at ${mostStops})`);
  const user = isObject(metadata) && typeof metadata["user_id"] === "string" ? { user: metadata["user_id"] } : {};
  const carried = {
    ...pick(body, ["model", "stream", "max_tokens", "temperature", "top_p"]),
    ...user,
    ...effortToOpenai(body, problems),
    messages: system === "" ? messages : [{ role: "system", content: system }, ...messages],
    ...(tools.length === 0 ? {} : { tools }),
    ...choiceToOpenai(body["tool_choice"], problems),
    ...formatToOpenai(body, problems),
    ...(saysNothing(stop) ? {} : { stop }),
  };
  refuse(problems, "the request", "openai-completions");
  return carried;
}

/** Those of the last line change price, place or book-keeping and not what is said. */
const openaiKeys = words(`
  model stream messages max_tokens max_completion_tokens temperature top_p stop n user tools tool_choice parallel_tool_calls
  reasoning_effort response_format
  stream_options metadata store service_tier prompt_cache_key prompt_cache_retention safety_identifier`);

export function requestToAnthropic(body: JsonObject): JsonObject {
  const problems: Problems = unknownKeys(body, openaiKeys).filter((key) => !isDefault(key, body[key]));
  if (body["n"] !== undefined && body["n"] !== null && body["n"] !== 1)
    problems.push(`n: ${JSON.stringify(body["n"])} (one answer can be carried)`);
  const { system, messages } = messagesToAnthropic(body["messages"], problems);
  const tools = toolsToAnthropic(body["tools"], problems);
  const choice = choiceToAnthropic(body, problems);
  // The dialect requires it, and the sender left it to the model.
  const maxTokens = body["max_completion_tokens"] ?? body["max_tokens"] ?? defaultMaxTokens;
  const effort = effortToAnthropic(body["reasoning_effort"], maxTokens, problems);
  temperatureProblems(body["temperature"], isObject(effort["thinking"]) && effort["thinking"]["type"] === "enabled", problems);
  const { stop } = body;
  const carried = {
    ...pick(body, ["model", "stream", "temperature", "top_p"]),
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system: system.join("\n\n") }),
    messages,
    ...(tools.length === 0 ? {} : { tools }),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...effort,
    ...formatToAnthropic(body["response_format"], problems),
    ...(saysNothing(stop) ? {} : { stop_sequences: Array.isArray(stop) ? stop : [stop] }),
    ...(typeof body["user"] === "string" ? { metadata: { user_id: body["user"] } } : {}),
  };
  refuse(problems, "the request", "anthropic-messages");
  return carried;
}

/** What says only that nothing special is wanted. */
function isDefault(key: string, value: unknown): boolean {
  if (key === "frequency_penalty" || key === "presence_penalty" || key === "top_logprobs") return value === 0;
  if (key === "logprobs") return value === false;
  if (key === "verbosity") return value === "medium";
  return key === "modalities" && Array.isArray(value) && value.every((one) => one === "text");
}

function temperatureProblems(temperature: unknown, thinks: boolean, problems: Problems): void {
  if (typeof temperature !== "number") return;
  if (temperature > 1) problems.push(`temperature ${temperature} (anthropic-messages ends at 1)`);
  else if (thinks && temperature !== 1)
    problems.push(`temperature ${temperature} beside reasoning_effort (anthropic-messages takes 1 only)`);
}

/** A schema for the answer. `output_format` is the same under the name it had before. */
function formatToOpenai(body: JsonObject, problems: Problems): JsonObject {
  const output = body["output_config"];
  if (!saysNothing(output) && !isObject(output)) problems.push("output_config (not an object)");
  const { format: own } = isObject(output) ? output : {};
  if (isObject(output)) for (const key of unknownKeys(output, ["format", "effort"])) problems.push(`output_config.${key}`);
  const format = own ?? body["output_format"];
  if (saysNothing(format)) return {};
  const place = saysNothing(own) ? "output_format" : "output_config.format";
  if (!isObject(format) || format["type"] !== "json_schema" || !isObject(format["schema"])) {
    problems.push(`${place} (not a json_schema)`);
    return {};
  }
  for (const key of unknownKeys(format, ["type", "schema"])) problems.push(`${place}.${key}`);
  return {
    response_format: { type: "json_schema", json_schema: { name: schemaName, schema: format["schema"], strict: true } },
  };
}

/** Anthropic always holds the answer to the schema, so `strict` is not asked; the schema's name and description are left out. */
function formatToAnthropic(format: unknown, problems: Problems): JsonObject {
  if (saysNothing(format) || (isObject(format) && format["type"] === "text")) return {};
  const inner = isObject(format) && format["type"] === "json_schema" ? format["json_schema"] : undefined;
  if (!isObject(inner) || !isObject(inner["schema"])) {
    problems.push(`response_format${isObject(format) ? ` of type ${JSON.stringify(format["type"])}` : ""}`);
    return {};
  }
  for (const key of unknownKeys(inner, ["name", "schema", "strict", "description"]))
    problems.push(`response_format.json_schema.${key}`);
  return { output_config: { format: { type: "json_schema", schema: inner["schema"] } } };
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
