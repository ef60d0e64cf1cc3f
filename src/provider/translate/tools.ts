/** What tools there are and which the model must take, both ways. */
import type { JsonObject } from "../provider.ts";
import { isObject, listOr, pick, type Problems, saysNothing, unknownKeys } from "./problems.ts";

/** OpenAI refuses longer names; Anthropic takes 128 characters. */
const longestOpenaiName = 64;

export function toolsToOpenai(value: unknown, problems: Problems): JsonObject[] {
  return tools(value, problems, (tool, where) => {
    const { type = "custom", name, input_schema } = tool;
    if (type !== "custom" && type !== null)
      problems.push(`${where} of type ${JSON.stringify(type)} (a tool that the provider runs itself)`);
    for (const key of unknownKeys(tool, ["type", "name", "description", "input_schema", "strict", "cache_control"]))
      problems.push(`${where}.${key}`);
    if (!isObject(input_schema)) problems.push(`${where}.input_schema (not an object)`);
    if (typeof name === "string" && name.length > longestOpenaiName)
      problems.push(`${where}.name of ${name.length} characters (openai-completions ends at ${longestOpenaiName})`);
    const named = checkedName(tool, where, problems);
    return { type: "function", function: { ...named, parameters: input_schema, ...pick(tool, ["strict"]) } };
  });
}

export function toolsToAnthropic(value: unknown, problems: Problems): JsonObject[] {
  return tools(value, problems, (tool, where) => {
    const { function: fn } = tool;
    if (tool["type"] !== "function" || !isObject(fn)) {
      problems.push(`${where} of type ${JSON.stringify(tool["type"])}`);
      return {};
    }
    for (const key of unknownKeys(fn, ["name", "description", "parameters", "strict"])) problems.push(`${where}.function.${key}`);
    const { parameters } = fn;
    if (parameters !== undefined && parameters !== null && !isObject(parameters))
      problems.push(`${where}.function.parameters (not an object)`);
    const named = checkedName(fn, `${where}.function`, problems);
    // A tool without parameters has none; Anthropic wants that said.
    const input_schema = saysNothing(parameters) ? { type: "object", properties: {} } : parameters;
    return { ...named, input_schema, ...pick(fn, ["strict"]) };
  });
}

function tools(value: unknown, problems: Problems, one: (tool: JsonObject, where: string) => JsonObject): JsonObject[] {
  if (!saysNothing(value) && !Array.isArray(value)) problems.push("tools (not a list)");
  return listOr(value).map((tool, at) => {
    if (isObject(tool)) return one(tool, `tools[${at}]`);
    problems.push(`tools[${at}] (not an object)`);
    return {};
  });
}

function checkedName(tool: JsonObject, where: string, problems: Problems): JsonObject {
  const { name } = tool;
  if (typeof name !== "string" || !/^[a-zA-Z0-9_-]{1,128}$/.test(name))
    problems.push(`${where}.name (not 1 to 128 letters, digits, _ and -)`);
  return { name, ...pick(tool, ["description"]) };
}

/** Anthropic's `tool_choice` as OpenAI's, with `parallel_tool_calls` beside it. */
export function choiceToOpenai(value: unknown, problems: Problems): JsonObject {
  if (saysNothing(value)) return {};
  const choice = isObject(value) ? value : {};
  const { type, name, disable_parallel_tool_use: single } = choice;
  for (const key of unknownKeys(choice, ["type", "name", "disable_parallel_tool_use"])) problems.push(`tool_choice.${key}`);
  const words: Readonly<Record<string, unknown>> = {
    auto: "auto",
    any: "required",
    none: "none",
    tool: { type: "function", function: { name } },
  };
  if (typeof type !== "string" || !Object.hasOwn(words, type) || (type === "tool" && typeof name !== "string")) {
    problems.push(`tool_choice ${typeof type === "string" ? `of type ${JSON.stringify(type)}` : "(not an object with a type)"}`);
    return {};
  }
  return { tool_choice: words[type], ...(single === true ? { parallel_tool_calls: false } : {}) };
}

/** OpenAI's `tool_choice` and `parallel_tool_calls` as Anthropic's one field; undefined for what is its default. */
export function choiceToAnthropic(body: JsonObject, problems: Problems): JsonObject | undefined {
  const { tool_choice: value, parallel_tool_calls: parallel } = body;
  const single = parallel === false ? { disable_parallel_tool_use: true } : {};
  if (parallel !== undefined && parallel !== null && typeof parallel !== "boolean")
    problems.push("parallel_tool_calls (neither true nor false)");
  if (value === undefined || value === null) return parallel === false ? { type: "auto", ...single } : undefined;
  const words: Readonly<Record<string, string>> = { auto: "auto", required: "any", none: "none" };
  if (typeof value === "string" && Object.hasOwn(words, value))
    return { type: words[value], ...(value === "none" ? {} : single) };
  const fn = isObject(value) && value["type"] === "function" ? value["function"] : undefined;
  if (isObject(fn) && typeof fn["name"] === "string") return { type: "tool", name: fn["name"], ...single };
  problems.push(`tool_choice ${isObject(value) ? `of type ${JSON.stringify(value["type"])}` : "(unknown)"}`);
  return undefined;
}
