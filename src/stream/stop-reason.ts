/** Stop reasons that end an Anthropic answer well, in the provider's own words. */
const anthropicWords = new Set([
  "end_turn",
  "max_tokens",
  "stop_sequence",
  "tool_use",
  "refusal",
  "pause_turn",
  "model_context_window_exceeded",
]);

/** Words of the other dialect, and of bridges, that mean the same. */
const toAnthropic: Readonly<Record<string, string>> = {
  stop: "end_turn",
  eos: "end_turn",
  end: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  function_call: "tool_use",
  content_filter: "refusal",
  sensitive: "refusal",
};

const openaiWords = new Set(["stop", "length", "tool_calls", "function_call", "content_filter"]);

const toOpenai: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  eos: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
  sensitive: "content_filter",
};

/** The stop reason in Anthropic's own words, or `undefined` for one that does not certify a good end (`error`, `abort`, unknown). */
export function anthropicStopReason(word: string): string | undefined {
  return anthropicWords.has(word) ? word : Object.hasOwn(toAnthropic, word) ? toAnthropic[word] : undefined;
}

/** The finish reason in OpenAI's own words, or `undefined` for one that does not certify a good end. */
export function openaiFinishReason(word: string): string | undefined {
  return openaiWords.has(word) ? word : Object.hasOwn(toOpenai, word) ? toOpenai[word] : undefined;
}

/** The six words of `AssembledMessage.stopReason`, for either dialect's reason. */
export function commonStopReason(word: string): string {
  if (word === "model_context_window_exceeded") return "max_tokens";
  return anthropicStopReason(word) ?? word;
}

/** Whether the answer was cut by a limit, which excuses an unfinished tool input and calls for another request, not a retry. */
export function cutByLimit(word: string | undefined): boolean {
  return word !== undefined && commonStopReason(word) === "max_tokens";
}

/** A word from the wire that may stand in an error: short and without anything that could be text of the answer. */
export function safeWord(word: string): string {
  return /^[\w.-]{1,60}$/.test(word) ? word : "(unreadable)";
}
