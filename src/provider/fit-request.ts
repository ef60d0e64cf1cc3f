/** A request as one provider takes it: the schema of the answer, thinking, and the most tokens a model writes. */
import type { JsonObject, ProviderConfig } from "./provider.ts";
import { modelFacts } from "./facts/model-facts.ts";
import { lowerThinking } from "./fit-tokens.ts";
import { effortOf } from "./translate/effort.ts";
import { isObject, listOr, objectOr } from "./translate/problems.ts";

export interface Fitted {
  readonly body: JsonObject;
  /** In words, one a change. */
  readonly changes: readonly string[];
}

type Fit = (body: JsonObject, config: ProviderConfig, model: string) => Fitted;

export function fitted(body: JsonObject, config: ProviderConfig, model: string, fits: readonly Fit[]): Fitted {
  return fits.reduce<Fitted>(
    (done, fit) => {
      const { body: next, changes } = fit(done.body, config, model);
      return { body: next, changes: [...done.changes, ...changes] };
    },
    { body, changes: [] },
  );
}

const leftToThePrompt = (id: string): string => `the schema of the answer is left to the prompt: ${id} has no mode for it`;

/** Anthropic's `output_config.format` where the provider takes it. */
export const fitOutputConfig: Fit = (body, config) => {
  const output = objectOr(body["output_config"]);
  const asked = output["format"] ?? body["output_format"];
  if (asked === undefined || asked === null || config.structuredOutput === "output_config") return { body, changes: [] };
  const { output_format: _old, output_config: _new, ...rest } = body;
  const { format: _format, ...others } = output;
  const left = Object.keys(others).length === 0 ? rest : { ...rest, output_config: others };
  return { body: left, changes: [leftToThePrompt(config.id)] };
};

/** OpenAI's `response_format` in the form the provider takes. */
export const fitResponseFormat: Fit = (body, config) => {
  const { response_format: asked, ...rest } = body;
  if (!isObject(asked) || asked["type"] !== "json_schema" || config.structuredOutput === "response_format")
    return { body, changes: [] };
  if (config.structuredOutput !== "json_object") return { body: rest, changes: [leftToThePrompt(config.id)] };
  return {
    body: { ...rest, response_format: { type: "json_object" } },
    changes: [`the answer is asked for as JSON and its schema is left to the prompt: ${config.id} has no mode for schemas`],
  };
};

/** A budget for thinking as an effort, for models that decide themselves. */
export const fitAdaptiveThinking: Fit = (body, config, model) => {
  const thinking = objectOr(body["thinking"]);
  if (thinking["type"] !== "enabled" || config.adaptiveThinking?.test(model) !== true) return { body, changes: [] };
  const effort = effortOf(thinking["budget_tokens"], body["max_tokens"]);
  const output_config = { effort, ...objectOr(body["output_config"]) };
  return {
    body: { ...body, thinking: { type: "adaptive" }, output_config },
    changes: [`thinking.budget_tokens is sent as effort ${effort}: ${model} decides itself how long it thinks`],
  };
};

/** `reasoning_effort` as the switch that some providers have instead. */
export const fitThinkingSwitch: Fit = (body, config) => {
  const { reasoning_effort: effort, ...rest } = body;
  if (typeof effort !== "string" || config.thinkingField !== "thinking") return { body, changes: [] };
  const type = effort === "none" ? "disabled" : "enabled";
  return {
    body: { ...rest, thinking: { type } },
    changes: [`reasoning_effort ${effort} is sent as thinking ${type}: ${config.id} has no degrees`],
  };
};

/** A larger `max_tokens` than the model writes would be refused. */
export function fitMaxTokens(field: string): Fit {
  return (body, config, model) => {
    const most = modelFacts(config, model).maxOutputTokens;
    const asked = body[field];
    if (most === undefined || typeof asked !== "number" || asked <= most) return { body, changes: [] };
    const thinking = lowerThinking({ ...body, [field]: most });
    return { body: thinking.body, changes: [`${field} ${asked} → ${most}: ${model} writes no more`, ...thinking.changes] };
  };
}

/** What of a request a model is known not to take, in words; asking it would be for nothing. */
export function cannotTake(config: ProviderConfig, body: JsonObject, model: string): string | undefined {
  if (modelFacts(config, model).images !== false || !listOr(body["messages"]).some(holdsPicture)) return undefined;
  return `${config.id}/${model} takes no pictures`;
}

function holdsPicture(value: unknown): boolean {
  return listOr(objectOr(value)["content"]).some((part) => {
    const type = objectOr(part)["type"];
    return type === "image" || type === "image_url" || (type === "tool_result" && holdsPicture(part));
  });
}
