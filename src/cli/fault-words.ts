/**
 * What failures mean, in words for people who have not read our code: what happened, and what a person can do about a run that ended
 * so. Pure.
 */
import type { Fault, StreamFaultReason } from "../errors.ts";
import { oneLine } from "./format.ts";

/** What happened, as the end of a sentence that begins with what was asked. */
export const faultWords: Readonly<Record<Fault, string>> = {
  aborted: "it was stopped from here",
  stream_order:
    "the stream's events came in an order that no single answer can have: refused, because a wrong answer is worse than none",
  stream_stall: "the provider went silent in the middle of it",
  stream_broken: "the stream broke off before the answer was whole: refused, because half an answer is no answer",
  empty: "a complete answer that says nothing",
  network: "the provider's address could not be reached, or the connection was lost",
  billing: "the account behind the key is out of money, or its spend limit is reached",
  quota_window: "the plan's allowance is used up until it is reset",
  overloaded: "the provider said that it is overloaded",
  rate_limit: "too many requests for this key: the provider asked to slow down",
  auth: "the provider did not accept the key: it is missing, wrong or expired",
  content_policy: "the model refused to answer this, for reasons of content",
  context_overflow: "the question is longer than what this model can read",
  output_truncated: "the answer did not fit in the number of tokens it was allowed",
  model_gone: "the provider does not know this model, or not any more",
  permission: "the key is good, but may not do this: region, plan or data policy",
  timeout: "it took longer than its time limit",
  bad_request: "the provider refused the request as wrong",
  server: "an error inside the provider",
  turn_died: "the turn's process ended without a result",
  not_ready: "what the job grants its turn could not be had, and the model was not asked",
  budget: "the run's budget was used up",
  declared: "the turn itself said that it failed",
  gate: "the gate, the command before the turn, did not work",
  event_handler: "the configured event handler threw, took too long, or gave back what is no stream",
  breaker_open: "the model is being left alone after repeated failures, so it was not asked",
  internal: "a mistake in runner itself",
  unknown: "a failure that runner does not know",
};

/** The finer reason of a stream that could not be proven to be one whole answer. */
export const streamWords: Readonly<Record<StreamFaultReason, string>> = {
  transport: "the connection was lost in the middle of the answer",
  idle_timeout: "the stream went silent for longer than the limit",
  truncated: "the stream ended before the answer did: refused, because half an answer is no answer",
  empty_stream: "the stream ended without a single event",
  empty_content: "a complete stream without any content",
  malformed_frame: "an event of the stream could not be read",
  invalid_utf8: "the stream held bytes that are no text",
  spliced_message: "two answers in one stream: refused, because a wrong answer is worse than none",
  restarted_message: "the answer began anew in the middle of the stream: refused, because nobody can tell which half counts",
  block_restarted: "a part of the answer began twice with different content: refused, because nobody can tell which one counts",
  index_regression: "parts of the answer came in an order that cannot be put right",
  delta_after_stop: "more text came for a part of the answer that had ended",
  delta_without_block: "text came for a part of the answer that had not begun",
  block_type_mismatch: "a part of the answer changed its kind in the middle",
  tool_input_incomplete: "what a tool was to be given came only in part: refused, because a tool must not run on half an order",
  tool_without_name: "a tool was to run, and the stream did not say which",
  repeated_tool_id: "two tool calls had the same id, so their answers could not be told apart",
  content_after_finish: "more content came after the answer had said that it was finished",
  cumulative_text: "the stream repeated the text it had sent before instead of going on with it",
  lane_overflow: "more parts at once than a stream may have",
  frame_too_large: "a single event of the stream was larger than the limit",
  output_truncated: "the answer did not fit in the number of tokens it was allowed",
  compressed_body: "the answer came compressed although nobody had asked for that",
  html_body: "a web page came instead of an answer: mostly a proxy or a login page in between",
  unexpected_body: "what came was no answer of this kind of API",
  irregular: "something in the stream was out of order, and this provider's settings allow no repair",
  upstream_error: "the provider sent an error in the middle of the answer",
};

function isStreamReason(reason: string): reason is StreamFaultReason {
  return Object.hasOwn(streamWords, reason);
}

/** What happened in one try or attempt. A reason that is the provider's own code is told beside the words. */
export function failureWords(fault: Fault | undefined, reason?: string): string {
  if (reason !== undefined && isStreamReason(reason)) return streamWords[reason];
  const code = reason === undefined || reason === fault ? "" : ` (${oneLine(reason, 60)})`;
  return `${faultWords[fault ?? "unknown"]}${code}`;
}

export interface AdviceFacts {
  /** As it is written on a command line. */
  readonly job: string;
  readonly run: string;
  readonly provider: string | undefined;
}

/** What a person can do about a run that ended with this fault, one line each. */
export const faultAdvice: Readonly<Record<Fault, (facts: AdviceFacts) => readonly string[]>> = {
  aborted: ({ job }) => [`Start it again when you like: runner run ${job}`],
  stream_order: streamAdvice,
  stream_stall: streamAdvice,
  stream_broken: streamAdvice,
  empty: streamAdvice,
  network: ({ job }) => [`See whether the provider can be reached from here: runner doctor; then: runner run ${job}`],
  billing: ({ provider }) => [`Look at the account of ${provider ?? "the provider"}: waiting does not fill it.`, elsewhere],
  quota_window: ({ job }) => [`After the reset, start it again: runner run ${job}`, elsewhere],
  overloaded: ({ job }) => [`It passes by itself; start it again later: runner run ${job}`, elsewhere],
  rate_limit: ({ job }) => [`Start it again later: runner run ${job}`, "Fewer runs at the same minute help as well."],
  auth: ({ job }) => [`Set or renew the key, then look whether everything is there: runner run ${job} --dry-run`],
  content_policy: () => ["Change what the job asks, or ask another model; asking this one again gives the same answer."],
  context_overflow: () => ["Shorten what the job asks, or name a model with a larger window."],
  output_truncated: () => ["Allow a longer answer (payload.maxTokens), or ask for a shorter one."],
  model_gone: ({ job }) => [`Name another model in the job, or try one: runner run ${job} --model PROVIDER/MODEL`],
  permission: ({ provider }) => [
    `Look at what the key of ${provider ?? "the provider"} may do: region, plan, data policy.`,
    elsewhere,
  ],
  timeout: () => ["If it needs the time, raise the limit that the reason names; if it does not, see where it went: runner logs"],
  bad_request: ({ job, run }) => [`See the provider's words: runner show ${run}`, `See the request: runner run ${job} --dry-run`],
  server: ({ job }) => [`It mostly passes by itself; start it again: runner run ${job}`, elsewhere],
  turn_died: ({ job, run }) => [`See what it had done: runner show ${run}`, `If that may be done again: runner run ${job}`],
  not_ready: ({ job }) => [`Mend what the reason names, or take it out of payload.tools; then: runner run ${job}`],
  budget: () => ["If the answer is worth it, raise the limit that the reason names; a gate or a cheaper model saves more."],
  declared: ({ run }) => [`See what it said: runner show ${run}`],
  gate: () => [
    "Run the gate's command by hand in the job's folder; exit 0 means go, 1 without a word on stderr means nothing to do.",
  ],
  event_handler: () => ["Mend the module that eventHandler names, or take it out of the configuration."],
  breaker_open: ({ job }) => [`Start it again after the time that the reason names: runner run ${job}`, elsewhere],
  internal: ({ run }) => [`Please report it, with this: runner show ${run} --json`],
  unknown: ({ run }) => [`See the raw words: runner show ${run}`],
};

const elsewhere = "A model of another provider among the job's fallbacks keeps it going meanwhile.";

function streamAdvice({ job }: AdviceFacts): readonly string[] {
  return [
    `Start it again: runner run ${job}; without streaming: runner run ${job} --no-stream`,
    `See how often this happens and what heals it: runner reliability ${job}`,
    elsewhere,
  ];
}
