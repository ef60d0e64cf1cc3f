import { assert, describe, expect, it } from "vitest";
import { type Fault, StreamError, type StreamFaultReason } from "../../src/errors.ts";
import { classifyAnswer, classifyStream, type FailedAnswer } from "../../src/provider/classify.ts";
import {
  availabilityCodes,
  minimaxCodes,
  openrouterTypes,
  strongCodes,
  weakCodes,
  zaiCodes,
} from "../../src/provider/classify-codes.ts";

const now = Date.parse("2026-11-22T12:00:00Z");
const key = "sk-planted-0123456789abcdef";

function classify(status: number, body: unknown, headers: Record<string, string> = {}, more: Partial<FailedAnswer> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return classifyAnswer({ provider: "acme", status, headers, body: text, secrets: [key], keyName: "ACME_KEY", now, ...more });
}

const anthropic = (type: string, message = "words") => ({ type: "error", error: { type, message }, request_id: "req_1" });
const openai = (type: string | null, code: string | null = null, message = "words") => ({
  error: { message, type, param: null, code },
});
const kimi = (type: string, message: string) => ({ error: { message, type } });
const router = (code: number, error_type: string, message = "Provider returned error") => ({
  error: { code, message, metadata: { error_type } },
});
const routerMessages = (error_type: string) => ({ type: "error", error: { type: "api_error", error_type, message: "words" } });
const available = (code: string, retryable: boolean) => ({
  error: { code: 400, message: "words", availability: { code, retryable } },
});
const zai = (code: string, message = "words") => ({ error: { code, message } });
const minimax = (status_code: number, status_msg = "words") => ({ choices: null, base_resp: { status_code, status_msg } });
const bedrock = (type: string, message = "words") => ({ __type: `com.amazon.coral#${type}`, message });

type Row = readonly [provider: string, status: number, body: unknown, fault: Fault, headers?: Record<string, string>];

/** One row for each of the provider codes that are known, in the shape the provider sends it. */
const rows: readonly Row[] = [
  ["anthropic", 400, anthropic("invalid_request_error"), "bad_request"],
  [
    "anthropic",
    400,
    anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "context_overflow",
  ],
  [
    "anthropic",
    400,
    anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000"),
    "context_overflow",
  ],
  [
    "anthropic",
    400,
    anthropic("invalid_request_error", "max_tokens: 90000 > 64000, which is the maximum allowed number of output tokens"),
    "bad_request",
  ],
  [
    "anthropic",
    400,
    anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "billing",
  ],
  [
    "anthropic",
    400,
    anthropic(
      "invalid_request_error",
      "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
    ),
    "quota_window",
  ],
  ["anthropic", 401, anthropic("authentication_error", "invalid x-api-key"), "auth"],
  ["anthropic", 401, anthropic("authentication_error", "OAuth token has expired. Please obtain a new token"), "auth"],
  ["anthropic", 402, anthropic("billing_error"), "billing"],
  ["anthropic", 403, anthropic("permission_error"), "permission"],
  ["anthropic", 404, anthropic("not_found_error", "model: claude-nope"), "model_gone"],
  ["anthropic", 409, anthropic("conflict_error"), "server"],
  ["anthropic", 413, anthropic("request_too_large", "Request exceeds the maximum size"), "context_overflow"],
  ["anthropic", 429, anthropic("rate_limit_error"), "rate_limit"],
  ["anthropic", 429, anthropic("rate_limit_error", "Your usage is ramping up too sharply (acceleration limit)"), "rate_limit"],
  [
    "anthropic",
    429,
    { type: "error", error: { type: "rate_limit_error", code: "enforced_spend_limit_reached", message: "words" } },
    "billing",
  ],
  ["anthropic", 429, anthropic("rate_limit_error", "enforced_spend_limit_reached"), "billing"],
  ["anthropic", 500, anthropic("api_error"), "server"],
  ["anthropic", 504, anthropic("timeout_error"), "timeout"],
  ["anthropic", 529, anthropic("overloaded_error", "Overloaded"), "overloaded"],
  ["openai", 401, openai("invalid_request_error", "invalid_api_key", "Incorrect API key provided"), "auth"],
  ["openai", 401, openai("invalid_request_error", null, "You must be a member of an organization"), "auth"],
  [
    "openai",
    403,
    openai("request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"),
    "permission",
  ],
  ["openai", 404, openai("invalid_request_error", "model_not_found", "The model `gpt-9` does not exist"), "model_gone"],
  ["openai", 400, openai("invalid_request_error", "context_length_exceeded"), "context_overflow"],
  ["openai", 400, openai("invalid_request_error", "content_policy_violation"), "content_policy"],
  ["openai", 400, openai("invalid_request_error", "unsupported_parameter", "Unsupported parameter: 'max_tokens'"), "bad_request"],
  ["openai", 429, openai("insufficient_quota", "credit_balance_exhausted"), "billing"],
  ["openai", 429, openai("insufficient_quota", "organization_spend_limit_exceeded"), "billing"],
  ["openai", 429, openai("insufficient_quota", "project_spend_limit_exceeded"), "billing"],
  ["openai", 429, openai("insufficient_quota", "organization_usage_limit_exceeded"), "billing"],
  ["openai", 429, openai("insufficient_quota", "insufficient_quota", "You exceeded your current quota"), "billing"],
  [
    "openai",
    429,
    openai("tokens", "rate_limit_exceeded", "Rate limit reached for gpt-5. Please try again in 6m0s."),
    "rate_limit",
  ],
  ["openai", 429, openai("requests", "slow_down"), "rate_limit"],
  ["openai", 503, openai("server_error", "slow_down"), "rate_limit"],
  ["openai", 500, openai("server_error"), "server"],
  ["openai", 503, openai("server_error", "server_is_overloaded"), "overloaded"],
  ["openai", 422, openai("invalid_request_error"), "bad_request"],
  [
    "codex",
    429,
    { error: { type: "usage_limit_reached", message: "The usage limit has been reached", resets_in_seconds: 90 } },
    "quota_window",
  ],
  ["openrouter", 401, router(401, "authentication"), "auth"],
  ["openrouter", 402, router(402, "payment_required"), "billing"],
  [
    "openrouter",
    402,
    openai(null, null, "Prompt tokens limit exceeded: 69120 > 36608. To increase, upgrade to a paid account"),
    "billing",
  ],
  ["openrouter", 403, router(403, "permission_denied"), "permission"],
  ["openrouter", 403, router(403, "guardrail"), "content_policy"],
  ["openrouter", 403, router(403, "permission_denied", "Your input was flagged by moderation"), "content_policy"],
  [
    "openrouter",
    403,
    {
      error: { code: 403, message: "google/x requires moderation. Your input was flagged", metadata: { reasons: ["violence"] } },
    },
    "content_policy",
  ],
  ["openrouter", 408, router(408, "timeout"), "timeout"],
  ["openrouter", 504, router(504, "timeout"), "timeout"],
  ["openrouter", 429, router(429, "rate_limit_exceeded"), "rate_limit"],
  ["openrouter", 502, router(502, "provider_unavailable"), "server"],
  ["openrouter", 503, router(503, "provider_overloaded"), "overloaded"],
  ["openrouter", 500, router(500, "server"), "server"],
  ["openrouter", 500, router(500, "unmapped"), "server"],
  ["openrouter", 500, routerMessages("provider_overloaded"), "overloaded"],
  ["openrouter", 500, { error_type: "rate_limit_exceeded", message: "words" }, "rate_limit"],
  ["openrouter", 200, { error: { code: 429, message: "Rate limited upstream" } }, "rate_limit"],
  ["openrouter", 200, { choices: [{ error: { code: 502, message: "Upstream went away" }, finish_reason: "error" }] }, "server"],
  [
    "openrouter",
    400,
    {
      error: {
        code: 400,
        message: "Provider returned error",
        metadata: { raw: JSON.stringify(anthropic("invalid_request_error", "prompt is too long: 9 > 8")) },
      },
    },
    "context_overflow",
  ],
  ["openrouter", 503, available("capacity_exhausted", true), "overloaded"],
  ["openrouter", 503, available("temporarily_unavailable", true), "overloaded"],
  ["openrouter", 429, available("temporarily_unavailable", true), "rate_limit"],
  [
    "openrouter",
    429,
    {
      error: {
        code: 429,
        message: "x",
        metadata: { error_type: "provider_overloaded" },
        availability: { code: "temporarily_unavailable", retryable: true },
      },
    },
    "overloaded",
  ],
  ["openrouter", 400, available("model_not_found", false), "model_gone"],
  ["openrouter", 404, available("no_endpoints", false), "model_gone"],
  ["openrouter", 400, available("model_deprecated", false), "model_gone"],
  ["openrouter", 400, available("free_variant_ended", false), "model_gone"],
  ["openrouter", 403, available("region_restricted", false), "permission"],
  ["openrouter", 403, available("privacy_restricted", false), "permission"],
  ["moonshot", 401, kimi("invalid_authentication_error", "Invalid Authentication"), "auth"],
  ["moonshot", 404, kimi("resource_not_found_error", "Not found the model or Permission denied"), "model_gone"],
  [
    "moonshot",
    429,
    kimi("exceeded_current_quota_error", "Your account is suspended, please check your plan and billing details"),
    "billing",
  ],
  [
    "moonshot",
    429,
    kimi("rate_limit_reached_error", "Your account reached max organization concurrency: 1, please try again after 1 seconds"),
    "rate_limit",
  ],
  ["moonshot", 429, kimi("engine_overloaded_error", "The engine is currently overloaded, please try again later"), "overloaded"],
  ["moonshot", 400, kimi("content_filter", "The request was rejected because it was considered high risk"), "content_policy"],
  ["kimi-coding", 402, kimi("access_error", "We're unable to verify your membership benefits at this time"), "billing"],
  [
    "kimi-coding",
    403,
    kimi(
      "access_terminated_error",
      "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, Roo Code, Kilo Code, etc.",
    ),
    "permission",
  ],
  [
    "kimi-coding",
    403,
    kimi(
      "access_terminated_error",
      "You've reached your usage limit for this billing cycle. Your quota will be refreshed in the next cycle.",
    ),
    "billing",
  ],
  [
    "kimi-coding",
    429,
    kimi(
      "rate_limit_reached_error",
      "You've reached your usage limit for this period. Your quota will be refreshed in the next period.",
    ),
    "quota_window",
  ],
  ["zai", 401, zai("1000", "Authentication Failed"), "auth"],
  ["zai", 401, zai("1004"), "auth"],
  ["zai", 200, zai("1002"), "auth"],
  ["zai", 429, zai("1110"), "auth"],
  ["zai", 429, zai("1113", "Insufficient balance or no resource package. Please recharge."), "billing"],
  ["zai", 400, zai("1210", "Invalid API parameter, please check the documentation."), "bad_request"],
  ["zai", 400, zai("1211", "Unknown Model, please check the model code."), "model_gone"],
  ["zai", 400, zai("1214"), "bad_request"],
  ["zai", 403, zai("1220"), "permission"],
  ["zai", 400, zai("1222"), "model_gone"],
  ["zai", 400, zai("1261", "Prompt exceeds max length"), "context_overflow"],
  ["zai", 500, zai("1234", "Network error"), "network"],
  ["zai", 400, zai("1301"), "content_policy"],
  ["zai", 429, zai("1302", "High concurrency usage of this API"), "rate_limit"],
  ["zai", 429, zai("1303"), "rate_limit"],
  ["zai", 429, zai("1304"), "quota_window"],
  ["zai", 429, zai("1305", "该模型当前访问量过大"), "overloaded"],
  ["zai", 429, zai("1312"), "overloaded"],
  ["zai", 429, zai("1308", "Usage limit reached for 5 hour. Your limit will reset at 2026-11-22 21:00:00"), "quota_window"],
  ["zai", 429, zai("1310", "Weekly/Monthly Limit Exhausted. Your limit will reset at 2026-11-23 00:00:00"), "quota_window"],
  ["zai", 429, zai("1309"), "billing"],
  ["zai", 429, zai("1311"), "model_gone"],
  ["zai", 429, zai("1313", "does not comply with the Fair Usage Policy"), "rate_limit"],
  ["zai", 429, { code: 1302, msg: "High concurrency usage", success: false }, "rate_limit"],
  ["minimax", 200, minimax(1000), "server"],
  ["minimax", 200, minimax(1024), "server"],
  ["minimax", 200, minimax(1001), "timeout"],
  ["minimax", 200, minimax(1002, "rate limit"), "rate_limit"],
  ["minimax", 200, minimax(1004), "auth"],
  ["minimax", 200, minimax(1008, "insufficient balance"), "billing"],
  ["minimax", 200, minimax(1026), "content_policy"],
  ["minimax", 200, minimax(1027), "content_policy"],
  ["minimax", 200, minimax(1039), "rate_limit"],
  ["minimax", 200, minimax(2013), "bad_request"],
  ["minimax", 200, minimax(2049), "auth"],
  ["minimax", 200, minimax(2056), "quota_window"],
  ["minimax", 200, minimax(1028), "billing"],
  ["minimax", 200, minimax(1030), "billing"],
  ["minimax", 200, minimax(2061), "model_gone"],
  ["minimax", 500, minimax(1008), "billing"],
  ["bedrock", 400, bedrock("ValidationException"), "bad_request"],
  ["bedrock", 400, bedrock("ValidationException", "Input is too long for requested model."), "context_overflow"],
  ["bedrock", 403, bedrock("AccessDeniedException"), "permission"],
  ["bedrock", 403, bedrock("ExpiredTokenException", "The security token included in the request is expired"), "auth"],
  ["bedrock", 403, bedrock("AccessDeniedException", "The security token included in the request is expired"), "auth"],
  ["bedrock", 404, bedrock("ResourceNotFoundException"), "model_gone"],
  ["bedrock", 404, bedrock("FTUFormNotFilled"), "model_gone"],
  ["bedrock", 408, bedrock("ModelTimeoutException"), "timeout"],
  ["bedrock", 424, bedrock("ModelErrorException"), "stream_broken"],
  ["bedrock", 424, bedrock("modelStreamErrorException"), "stream_broken"],
  ["bedrock", 429, bedrock("ThrottlingException", "Too many requests"), "rate_limit"],
  ["bedrock", 429, bedrock("ModelNotReadyException"), "rate_limit"],
  ["bedrock", 400, bedrock("ServiceQuotaExceededException"), "rate_limit"],
  ["bedrock", 500, bedrock("InternalServerException"), "server"],
  ["bedrock", 503, bedrock("ServiceUnavailableException"), "overloaded"],
  ["bedrock", 429, { message: "slow" }, "rate_limit", { "x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/" }],
];

describe("provider codes", () => {
  it.each(
    rows.map((row, at) => [`${at}: ${row[0]} ${row[1]} ${JSON.stringify(row[2]).slice(0, 100)} → ${row[3]}`, row] as const),
  )("%s", (_, [, status, body, fault, headers]) => {
    const error = classify(status, body, headers);
    expect(error.fault).toBe(fault);
    expect(error.status).toBe(status);
    expect(error.message).toMatch(/^acme answered \d+/);
    expect(error.raw).toBeTruthy();
  });

  it("has a row or more for nearly every code of the tables, and every code leads to its class", () => {
    for (const [code, fault] of Object.entries(strongCodes)) {
      const found = classify(418, { error: { type: code, message: "" } }).fault;
      expect([code, found]).toEqual([code, fault]);
    }
    for (const [code, fault] of Object.entries(zaiCodes))
      expect([code, classify(418, zai(code, "")).fault]).toEqual([code, fault]);
    for (const [code, fault] of Object.entries(minimaxCodes))
      expect([code, classify(200, minimax(Number(code), "")).fault]).toEqual([code, fault]);
    for (const [code, fault] of Object.entries(openrouterTypes))
      expect([code, classify(418, router(418, code, "")).fault]).toEqual([code, fault]);
    for (const [code, fault] of Object.entries(availabilityCodes))
      expect([code, classify(418, available(code, false)).fault]).toEqual([code, fault]);
    for (const [code, fault] of Object.entries(weakCodes))
      expect([code, classify(200, { error: { type: code, message: "" } }).fault]).toEqual([code, fault]);
  });
});

describe("statuses with nothing in the body", () => {
  const byStatus: readonly (readonly [number, Fault])[] = [
    [301, "bad_request"],
    [307, "bad_request"],
    [400, "bad_request"],
    [401, "auth"],
    [402, "billing"],
    [403, "permission"],
    [404, "model_gone"],
    [405, "bad_request"],
    [407, "permission"],
    [408, "timeout"],
    [409, "server"],
    [410, "model_gone"],
    [413, "context_overflow"],
    [415, "bad_request"],
    [422, "bad_request"],
    [424, "server"],
    [425, "server"],
    [429, "rate_limit"],
    [431, "bad_request"],
    [451, "permission"],
    [500, "server"],
    [502, "server"],
    [503, "overloaded"],
    [504, "timeout"],
    [520, "server"],
    [521, "server"],
    [522, "timeout"],
    [524, "timeout"],
    [529, "overloaded"],
    [599, "server"],
  ];
  it.each(byStatus)("%i is %s", (status, fault) => {
    for (const body of ["", "Nope", "{}", "null", "[]", '""', "<html><head><title>Sorry</title></head></html>"])
      expect([body, classify(status, body).fault]).toEqual([body, fault]);
  });
});

describe("error bodies in every shape", () => {
  it("believes a 5xx that says the request is at fault", () => {
    expect(classify(500, anthropic("invalid_request_error")).fault).toBe("bad_request");
    expect(classify(503, openai("server_error", null, "Unknown parameter: 'foo'")).fault).toBe("bad_request");
    expect(classify(502, 'upstream: {"type":"invalid_request_error"}').fault).toBe("bad_request");
  });

  it("reads JSON in a string, in a message, in a list, in an SSE frame, and JSON with something after it", () => {
    const inner = JSON.stringify(anthropic("overloaded_error", "words"));
    const bodies = [
      JSON.stringify(inner),
      JSON.stringify({ error: inner }),
      JSON.stringify({ error: { message: `upstream said 529 ${inner}`, type: "proxy_error" } }),
      JSON.stringify([JSON.parse(inner)]),
      `event: error\ndata: ${inner}\n\n`,
      `data: ${inner}\r\n\r\ndata: [DONE]\r\n\r\n`,
      `${inner}\n\ndata: [DONE]\n\n`,
      `\uFEFF  ${inner}`,
      JSON.stringify({ detail: JSON.parse(inner) }),
      JSON.stringify({ errors: [JSON.parse(inner).error] }),
    ];
    for (const body of bodies) {
      expect([body, classify(500, body)]).toMatchObject([body, { fault: "overloaded", code: "overloaded_error" }]);
    }
    expect(classify(500, { detail: "The engine is overloaded" }).fault).toBe("overloaded");
    expect(classify(403, "<html><title>Rate limit exceeded</title></html>").fault).toBe("rate_limit");
  });

  it("is not led astray by the names every object has", () => {
    for (const word of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      expect(
        classify(500, {
          error: { type: word, code: word, message: "x", metadata: { error_type: word }, availability: { code: word } },
        }).fault,
      ).toBe("server");
    }
  });

  it("tells an HTML page by its title and by its status", () => {
    const error = classify(
      502,
      "<!DOCTYPE html><html><head><title>502\n Bad Gateway</title></head><body>cloudflare model not found insufficient balance</body></html>",
    );
    expect(error.fault).toBe("server");
    expect(error.message).toContain('an HTML page titled "502 Bad Gateway"');
    expect(classify(404, "<html><title>Not here</title></html>").message).toContain("check the provider's baseUrl");
  });

  it("keeps the raw text, cut, and the provider's code and request id", () => {
    const error = classify(529, anthropic("overloaded_error", "x".repeat(10_000)), { "request-id": "req_header" });
    expect(error.raw).toHaveLength(4_000);
    expect(error.message.length).toBeLessThan(700);
    expect(error).toMatchObject({ code: "overloaded_error", requestId: "req_header" });
    expect(classify(529, anthropic("overloaded_error")).requestId).toBe("req_1");
  });

  it("obeys x-should-retry, and OpenRouter's verdict where there is no header", () => {
    expect(classify(400, {}, { "x-should-retry": "true" }).shouldRetry).toBe(true);
    expect(classify(529, {}, { "x-should-retry": "false" }).shouldRetry).toBe(false);
    expect(classify(503, available("capacity_exhausted", true)).shouldRetry).toBe(true);
    expect(classify(503, available("capacity_exhausted", true), { "x-should-retry": "false" }).shouldRetry).toBe(false);
    expect(classify(400, {}).shouldRetry).toBeUndefined();
  });

  it("puts billing and overload before rate limit where one text names several", () => {
    expect(classify(429, openai(null, null, "Rate limit: insufficient balance")).fault).toBe("billing");
    expect(classify(429, openai(null, null, "Too many requests, the server is overloaded")).fault).toBe("overloaded");
    expect(classify(429, openai(null, null, "Too many requests; weekly usage limit reached")).fault).toBe("quota_window");
  });

  it("says the remedy", () => {
    expect(classify(401, anthropic("authentication_error")).message).toContain("check the key in ACME_KEY");
    expect(classify(308, "", { location: `https://other.example/v1?key=${key}` }).message).toBe(
      "acme answered 308 with a redirect to https://other.example/v1 [redirects are not followed, because the key would go with them; put the final address into the provider's baseUrl]",
    );
    expect(
      classify(403, kimi("access_terminated_error", "Kimi For Coding is currently only available for Coding Agents")).message,
    ).toContain("User-Agent");
  });

  it("never throws and never shows the key, whatever the body is", () => {
    const bodies = [
      `{"error":{"message":"bad key ${key}","type":"${key}","code":"${key}"}}`,
      key,
      `"${key}"`,
      `<title>${key}</title>`,
      "{".repeat(5_000),
      "[".repeat(5_000),
      '{"error":null}',
      '{"error":[]}',
      '{"choices":[null]}',
      "\u0000",
      '{"error":{"metadata":7,"availability":[]}}',
      '{"base_resp":"x"}',
    ];
    for (const body of bodies) {
      for (const status of [200, 301, 400, 429, 500]) {
        const error = classify(status, body, { "x-request-id": key, location: `/${key}` });
        expect(JSON.stringify([error, error.message, error.stack, error.cause ?? null])).not.toContain("planted");
      }
    }
  });
});

const stream = (reason: StreamFaultReason, upstream?: { type?: string; code?: string; message?: string }) =>
  classifyStream(
    new StreamError(reason, `words with ${key}`, { action: "retry", usage: { outputTokens: 7 }, upstream, contentSeen: true }),
    {
      provider: "acme",
      status: 200,
      headers: { "request-id": "req_9" },
      secrets: [key],
      now,
    },
  );

describe("streams", () => {
  const reasons: Record<StreamFaultReason, Fault> = {
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
    html_body: "server",
    unexpected_body: "stream_broken",
    irregular: "stream_order",
    upstream_error: "stream_broken",
  };
  it("knows every reason", () => {
    for (const reason of objectKeys(reasons)) {
      const error = stream(reason);
      expect(error).toMatchObject({
        fault: reasons[reason],
        reason,
        usage: { outputTokens: 7 },
        requestId: "req_9",
        status: 200,
      });
      expect(error.cause).toBeInstanceOf(StreamError);
    }
  });

  it.each([
    ["overloaded_error", undefined, "Overloaded", "overloaded"],
    ["rate_limit_error", undefined, "slow", "rate_limit"],
    ["api_error", undefined, "Internal server error", "server"],
    ["authentication_error", undefined, "x", "auth"],
    ["invalid_request_error", undefined, "prompt is too long", "context_overflow"],
    ["invalid_request_error", undefined, "words", "bad_request"],
    ["billing_error", undefined, "x", "billing"],
    [undefined, "429", "limited", "rate_limit"],
    [undefined, "502", "gone", "server"],
    [undefined, "1302", "High concurrency", "rate_limit"],
    [undefined, "server_is_overloaded", "x", "overloaded"],
    [undefined, undefined, "Insufficient credits", "billing"],
    [undefined, undefined, "ThrottlingException: Too many requests", "rate_limit"],
    ["something_new", undefined, "never seen", "stream_broken"],
    [undefined, undefined, undefined, "stream_broken"],
  ] as const)("an error event of type %s, code %s, words %s is %s", (type, code, message, fault) => {
    const upstream = {
      ...(type === undefined ? {} : { type }),
      ...(code === undefined ? {} : { code }),
      ...(message === undefined ? {} : { message }),
    };
    expect(stream("upstream_error", upstream).fault).toBe(fault);
  });

  it("shows no key that an error event echoes, not even in the cause", () => {
    const error = stream("upstream_error", { type: "overloaded_error", message: `for ${key}`, code: key });
    const { cause } = error;
    assert(cause instanceof StreamError);
    expect(JSON.stringify([error, error.message, error.raw, error.cause, cause.message, cause.upstream])).not.toContain(
      "planted",
    );
  });
});

const objectKeys = <Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] =>
  Object.keys(record).filter((name): name is Key => name in record);

describe("foreign text", () => {
  const foreign = { provider: "p", status: 500, headers: {}, secrets: ["planted.0123456789"], now: 0 };

  it("is told on one line, short, and without what steers a terminal", () => {
    const code = `\u001b]0;owned\u0007busy\r\nnow\u2028${"x".repeat(500)}`;
    const body = JSON.stringify({ error: { code, message: `a\u0000b\u001b[2J\n\u202Ec ${"y".repeat(5_000)}` } });
    const error = classifyAnswer({ ...foreign, body, headers: { "request-id": `r\u0085${"1".repeat(500)}` } });
    expect(error.code).toMatch(/^\]0;owned busy now x+$/);
    expect([error.code?.length, error.requestId?.length]).toEqual([100, 100]);
    expect(error.message).toMatch(/^p answered 500 \(\]0;owned busy now x+\): a b \[2J c y+$/);
    expect(error.message.length).toBeLessThan(600);
    expect(classifyAnswer({ ...foreign, body: '{"error":{"code":"\\u0007\\n","message":"m"}}' }).code).toBeUndefined();
  });

  it("of a stream is told so too", () => {
    const said = new StreamError("upstream_error", "said\nso", {
      action: "retry",
      event: `e\u001b${"v".repeat(300)}`,
      upstream: { type: "odd\u0007_error\n", message: "two\nlines" },
      repairs: [{ code: "c", at: 0, event: "x\n".repeat(300), proof: "p" }],
    });
    const error = classifyStream(said, { ...foreign, status: 200 });
    expect([error.code, error.message]).toEqual(["odd _error", "p broke its answer off (odd _error): two lines"]);
    expect(error.repairs[0]?.event).toHaveLength(100);
    const cause = error.cause instanceof StreamError ? error.cause : undefined;
    expect([cause?.event?.length, cause?.message]).toEqual([100, "said so"]);
  });

  it("that is long is recognised by its head, and no half of a key stays in it", () => {
    const echoed = JSON.stringify({
      error: { code: "context_length_exceeded", message: "too long", input: "z".repeat(200_000) },
    });
    expect(classifyAnswer({ ...foreign, status: 400, body: echoed })).toMatchObject({ fault: "context_overflow" });
    for (let shift = 0; shift < 40; shift += 1) {
      // One word shaped like a key shrinks the head to almost nothing, so that what stood at its end is seen.
      const body = `Bearer ${"a".repeat(16 * 1024 - 40 + shift)} planted.0123456789 ${"b ".repeat(100)}`;
      const { message, raw } = classifyAnswer({ ...foreign, body });
      expect(`${message}${raw}`).not.toMatch(/plante/);
    }
    expect(
      classifyAnswer({ ...foreign, status: 502, body: `<html><title>Bad gateway</title>${"<p>".repeat(90_000)}` }).message,
    ).toBe('p answered 502: an HTML page titled "Bad gateway"');
  });
});
