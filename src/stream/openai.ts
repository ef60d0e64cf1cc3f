import { AnthropicNormalizer } from "./anthropic.ts";

export class OpenaiNormalizer extends AnthropicNormalizer {}
