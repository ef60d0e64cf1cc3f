/** Anthropic's Messages API, as Anthropic, Kimi's coding plan, z.ai, MiniMax and many gateways serve it. */
import type { DialectAdapter } from "./dialect.ts";
import { fitAdaptiveThinking, fitMaxTokens, fitOutputConfig, fitted } from "./fit-request.ts";
import { lowerThinking, lowerTokens } from "./fit-tokens.ts";
import { withoutOthersThinking } from "./signatures.ts";
import { withoutReasoningBlocks } from "./translate/passenger.ts";

export const anthropicMessages: DialectAdapter = {
  dialect: "anthropic-messages",
  path: "/v1/messages",
  auth: "x-api-key",
  headers: { "anthropic-version": "2023-06-01" },
  body({ body, model, stream, config, fittingTokens }) {
    const own = fitted({ ...body, model, stream }, config, model, [
      withoutReasoningBlocks,
      (asked) => withoutOthersThinking(config.id, asked),
      fitOutputConfig,
      fitAdaptiveThinking,
      fitMaxTokens("max_tokens"),
    ]);
    if (stream) return own;
    const { body: sent, changes } = own;
    // The dialect requires the field, so a request without it gets what fits instead of a refusal.
    if (sent["max_tokens"] === undefined)
      return { body: { ...sent, max_tokens: fittingTokens }, changes: [...changes, `max_tokens set to ${fittingTokens}`] };
    const tokens = lowerTokens(sent, "max_tokens", fittingTokens);
    if (tokens.changes.length === 0) return own;
    const thinking = lowerThinking(tokens.body);
    return { body: thinking.body, changes: [...changes, ...tokens.changes, ...thinking.changes] };
  },
};
