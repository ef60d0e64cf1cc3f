import { AnthropicNormalizer } from "./anthropic.ts";
import type { Normalizer, NormalizerOptions, StreamDialect } from "./event.ts";
import { OpenaiNormalizer } from "./openai.ts";

export { checkMessage, framesOf, messageToEvents } from "./message.ts";

/** A machine for one response; see `Normalizer`. Never throws itself. */
export function createNormalizer(dialect: StreamDialect, options: NormalizerOptions = {}): Normalizer {
  return dialect === "anthropic-messages" ? new AnthropicNormalizer(options) : new OpenaiNormalizer(options);
}
