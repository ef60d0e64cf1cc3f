/** OpenAI's Chat Completions API, as OpenAI, OpenRouter, Moonshot and most compatible servers serve it. */
import type { DialectAdapter } from "./dialect.ts";
import { fitMaxTokens, fitResponseFormat, fitted, fitThinkingSwitch } from "./fit-request.ts";
import { lowerTokens } from "./fit-tokens.ts";
import type { JsonObject } from "./provider.ts";
import { withoutSeats } from "./translate/passenger.ts";

export const openaiCompletions: DialectAdapter = {
  dialect: "openai-completions",
  path: "/chat/completions",
  auth: "bearer",
  headers: {},
  body({ body, model, stream, config, fittingTokens }) {
    const { stream_options: options, ...rest } = withoutSeats(body, config.thinkingHistory === true);
    const fits = [fitResponseFormat, fitThinkingSwitch, fitMaxTokens("max_tokens"), fitMaxTokens("max_completion_tokens")];
    const fit = fitted({ ...rest, model, stream }, config, model, fits);
    const named = renameTokens(fit.body, config.maxTokensField);
    const renamed = { body: named.body, changes: [...fit.changes, ...named.changes] };
    // Without it the usage of a streamed answer is never told; with it a non-streamed request is refused.
    if (stream)
      return {
        body: { ...renamed.body, stream_options: { ...optionsOf(options), include_usage: true } },
        changes: renamed.changes,
      };
    const first = lowerTokens(renamed.body, "max_tokens", fittingTokens);
    const second = lowerTokens(first.body, "max_completion_tokens", fittingTokens);
    return { body: second.body, changes: [...renamed.changes, ...first.changes, ...second.changes] };
  },
};

/** OpenAI's newer models refuse `max_tokens`, most compatible servers know nothing else. */
function renameTokens(
  body: JsonObject,
  field: "max_tokens" | "max_completion_tokens" | undefined,
): { body: JsonObject; changes: string[] } {
  const other = field === "max_tokens" ? "max_completion_tokens" : "max_tokens";
  if (field === undefined || body[other] === undefined || body[field] !== undefined) return { body, changes: [] };
  const { [other]: value, ...rest } = body;
  return { body: { ...rest, [field]: value }, changes: [`${other} is sent as ${field}, which this provider wants`] };
}

function optionsOf(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
