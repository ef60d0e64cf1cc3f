/** The error for an answer that is none: which class it is of, in which words, and what to do. Nothing that must not be told is in it. */
import { type Fault, ProviderError, type Repair, StreamError, type StreamFaultReason } from "../errors.ts";
import { type ErrorBody, readErrorBody, readErrorValue } from "./error-body.ts";
import { judge } from "./classify-judge.ts";
import { beforeSecret, redact } from "./keys.ts";
import { oneLine } from "./one-line.ts";
import { retryAfterMs } from "./retry-after.ts";

/** A failed answer as it came. */
export interface FailedAnswer {
  /** The provider's id, for the message. */
  readonly provider: string;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Everything that must not appear in the error. */
  readonly secrets: readonly (string | undefined)[];
  /** The environment variable of the key, for the remedy. */
  readonly keyName?: string | undefined;
  /** Epoch ms. */
  readonly now: number;
  /** What the stream reader found, when the body came with a good status. */
  readonly stream?: StreamError | undefined;
}

/** Characters of the raw answer that an error keeps. */
const rawLimit = 4_000;
const messageLimit = 400;
/** Characters of a provider's code, of the name of an event, and of a request's id. */
const wordLimit = 100;
/** Characters that are searched for keys and words; only their head is kept, so more would be work for nothing. */
const searchedLimit = 16 * 1024;

/** The head of a foreign text without keys. Cut before they are taken out, but never through one of ours. */
function cleaner(secrets: readonly (string | undefined)[]): (text: string) => string {
  return (text) => redact(beforeSecret(text, searchedLimit, secrets), secrets);
}

/** The error for an HTTP answer that is not a success, or for a success that holds an error document. */
export function classifyAnswer(answer: FailedAnswer): ProviderError {
  const body = readErrorBody(answer.body);
  const verdict = judge(body, answer.status, answer.headers);
  const clean = cleaner(answer.secrets);
  const code = wordIn(verdict.code, clean);
  const said = oneLine(clean(body.message), messageLimit);
  const remedy = remedies(verdict.fault, answer, body);
  const message = `${answer.provider} answered ${answer.status}${redirect(answer, clean)}${code === undefined ? "" : ` (${code})`}${said === "" ? "" : `: ${said}`}${remedy === "" ? "" : ` [${remedy}]`}`;
  const requestId = requestIdOf(answer.headers) ?? body.requestId;
  return new ProviderError(message, {
    fault: verdict.fault,
    status: answer.status,
    code,
    retryAfterMs: retryAfterMs({ headers: answer.headers, body, fault: verdict.fault, now: answer.now }),
    shouldRetry: shouldRetryOf(answer.headers) ?? body.availability?.retryable,
    requestId: wordIn(requestId, clean),
    raw: clean(answer.body).slice(0, rawLimit),
    usage: answer.stream?.usage,
    repairs: answer.stream === undefined ? undefined : cleanRepairs(answer.stream.repairs, clean),
    reason: answer.stream?.reason,
  });
}

/** Where a redirect leads, without its query. */
function redirect(answer: FailedAnswer, clean: (text: string) => string): string {
  const location = answer.headers["location"];
  if (answer.status < 300 || answer.status >= 400 || location === undefined) return "";
  return ` with a redirect to ${oneLine(clean(location).split(/[?#]/, 1)[0] ?? "", 300)}`;
}

function remedies(fault: Fault, answer: FailedAnswer, body: ErrorBody): string {
  if (answer.status >= 300 && answer.status < 400) {
    return "redirects are not followed, because the key would go with them; put the final address into the provider's baseUrl";
  }
  if (fault === "auth")
    return answer.keyName === undefined ? "the provider wants a key; configure apiKey" : `check the key in ${answer.keyName}`;
  if (fault === "billing") return "waiting does not help: top the account up or raise its limit";
  if (fault === "model_gone" && body.html) return "no such page: check the provider's baseUrl";
  if (fault === "model_gone") return "check the model's name";
  if (fault === "permission" && /only available for coding agents/i.test(body.message.slice(0, searchedLimit))) {
    return "the plan admits only clients on the provider's list; see docs/providers.md about User-Agent";
  }
  return "";
}

/** The provider's name for the request, under whichever header it uses. */
export function requestIdOf(headers: Readonly<Record<string, string>>): string | undefined {
  return (
    headers["request-id"] ??
    headers["x-request-id"] ??
    headers["x-amzn-requestid"] ??
    headers["msh-request-id"] ??
    headers["cf-ray"]
  );
}

function shouldRetryOf(headers: Readonly<Record<string, string>>): boolean | undefined {
  const said = headers["x-should-retry"]?.trim().toLowerCase();
  return said === "true" ? true : said === "false" ? false : undefined;
}

/** Why a stream could not be proven → the class. `upstream_error` is classified by what the provider said. */
const streamFaults: Readonly<Record<Exclude<StreamFaultReason, "upstream_error">, Fault>> = {
  transport: "stream_broken",
  idle_timeout: "stream_stall",
  truncated: "stream_broken",
  empty_stream: "empty",
  empty_content: "empty",
  malformed_frame: "stream_broken",
  invalid_utf8: "stream_broken",
  spliced_message: "stream_order",
  restarted_message: "stream_order",
  block_restarted: "stream_order",
  index_regression: "stream_order",
  delta_after_stop: "stream_order",
  delta_without_block: "stream_order",
  block_type_mismatch: "stream_order",
  tool_input_incomplete: "stream_broken",
  tool_without_name: "stream_broken",
  repeated_tool_id: "stream_order",
  content_after_finish: "stream_order",
  cumulative_text: "stream_order",
  lane_overflow: "stream_order",
  frame_too_large: "stream_broken",
  output_truncated: "output_truncated",
  compressed_body: "stream_broken",
  // A page with status 200 is a proxy's or a CDN's: the provider behind it is out.
  html_body: "server",
  unexpected_body: "stream_broken",
  irregular: "stream_order",
};

/** The error for a body that came with a good status and is not one whole answer. */
export function classifyStream(error: StreamError, answer: Omit<FailedAnswer, "body">): ProviderError {
  const clean = cleaner(answer.secrets);
  const shared = {
    status: answer.status,
    requestId: wordIn(requestIdOf(answer.headers), clean),
    shouldRetry: shouldRetryOf(answer.headers),
    usage: error.usage,
    repairs: cleanRepairs(error.repairs, clean),
    reason: error.reason,
    // The original's own words may echo a key, so the cause is its stack of reasons and not the object itself.
    cause: cleanStreamError(error, clean),
  };
  if (error.reason !== "upstream_error") {
    return new ProviderError(`${answer.provider}: ${oneLine(clean(error.message), messageLimit)}`, {
      ...shared,
      fault: streamFaults[error.reason],
    });
  }
  const body = readErrorValue({ error: error.upstream ?? {} });
  const verdict = judge(body, 200, {});
  const said = oneLine(clean(body.message), messageLimit);
  const code = wordIn(verdict.code, clean);
  // An error event that nothing is known about is still a stream that broke off.
  const fault = verdict.fault === "unknown" ? "stream_broken" : verdict.fault;
  return new ProviderError(
    `${answer.provider} broke its answer off${code === undefined ? "" : ` (${code})`}${said === "" ? "" : `: ${said}`}`,
    {
      ...shared,
      fault,
      code,
      retryAfterMs: retryAfterMs({ headers: answer.headers, body, fault, now: answer.now }),
      raw: clean(JSON.stringify(error.upstream ?? {})).slice(0, rawLimit),
    },
  );
}

/** Names of events and repairs are the provider's words too. */
function cleanStreamError(error: StreamError, clean: (text: string) => string): StreamError {
  const { action, at, index, state, contentSeen, usage } = error;
  const event = wordIn(error.event, clean);
  const upstream =
    error.upstream === undefined
      ? undefined
      : Object.fromEntries(
          Object.entries(error.upstream).map(([name, value]) => [
            name,
            oneLine(clean(value), name === "message" ? rawLimit : wordLimit),
          ]),
        );
  const repairs = cleanRepairs(error.repairs, clean);
  return new StreamError(error.reason, oneLine(clean(error.message), messageLimit), {
    action,
    event,
    at,
    index,
    state,
    contentSeen,
    usage,
    repairs,
    upstream,
  });
}

/** Repairs without what a provider may have put into the name of an event. */
export function cleanRepairs(repairs: readonly Repair[], clean: (text: string) => string): Repair[] {
  return repairs.map((repair) => ({
    ...repair,
    event: oneLine(clean(repair.event), wordLimit),
    proof: oneLine(clean(repair.proof), messageLimit),
  }));
}

/** A provider's own word, fit to be told: clean, on one line, short. One of which nothing is left was none. */
function wordIn(text: string | undefined, clean: (text: string) => string): string | undefined {
  return text === undefined ? undefined : oneLine(clean(text), wordLimit) || undefined;
}
