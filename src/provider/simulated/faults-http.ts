import type { FaultDefinition } from "./fault.ts";
import { htmlPage } from "./faults-broken.ts";
import { defined, zai } from "./http-fault.ts";
import type { HttpFault } from "./http-fault.ts";

const refusals: readonly HttpFault[] = [
  {
    name: "http_400",
    group: "bad_request",
    description: "400 invalid_request_error",
    status: 400,
    types: ["invalid_request_error", "invalid_request_error"],
    message: "messages.0: simulated bad request",
  },
  {
    name: "bad_request_as_500",
    group: "bad_request",
    description: "500 whose body says invalid_request_error",
    status: 500,
    types: ["invalid_request_error", "invalid_request_error", "unknown_parameter"],
    message: "Unknown parameter: 'metadata'.",
  },
  {
    name: "http_401",
    group: "auth",
    description: "401 authentication_error",
    status: 401,
    types: ["authentication_error", "invalid_request_error", "invalid_api_key"],
    message: "invalid x-api-key",
  },
  {
    name: "http_403",
    group: "permission",
    description: "403 permission_error",
    status: 403,
    types: ["permission_error", "permission_error", "unsupported_country_region_territory"],
    message: "Your API key does not have permission to use the specified resource.",
  },
  {
    name: "http_404",
    group: "model_gone",
    description: "404 not_found_error for the model",
    status: 404,
    types: ["not_found_error", "invalid_request_error", "model_not_found"],
    message: "model: simulated model not found",
  },
  {
    name: "model_gone_openrouter",
    group: "model_gone",
    description: "OpenRouter's 400 with error.availability.code model_not_found",
    status: 400,
    vendor: () => ({
      error: {
        code: 400,
        message: "This model is not a valid model ID",
        availability: { code: "model_not_found", retryable: false },
        metadata: { error_type: "invalid_request" },
      },
    }),
  },
  {
    name: "http_413",
    group: "context_overflow",
    description: "413 request_too_large",
    status: 413,
    types: ["request_too_large", "invalid_request_error"],
    message: "Request exceeds the maximum size",
  },
  {
    name: "prompt_too_long",
    group: "context_overflow",
    description: "400 whose message says that the prompt is too long",
    status: 400,
    types: ["invalid_request_error", "invalid_request_error", "context_length_exceeded"],
    message: "prompt is too long: 210017 tokens > 200000 maximum",
  },
  {
    name: "content_policy_zai",
    group: "content_policy",
    description: "z.ai's 400 with code 1301",
    status: 400,
    vendor: zai("1301", "System detected potentially unsafe or sensitive content in input or generation."),
  },
];

const troubles: readonly HttpFault[] = [
  {
    name: "http_408",
    group: "timeout",
    description: "408 timeout_error",
    status: 408,
    types: ["timeout_error", "timeout"],
    message: "Request timed out",
  },
  {
    name: "http_504",
    group: "timeout",
    description: "504 timeout_error",
    status: 504,
    types: ["timeout_error", "timeout"],
    message: "Gateway timeout",
  },
  {
    name: "http_409",
    group: "server",
    description: "409 conflict_error",
    status: 409,
    types: ["conflict_error", "conflict"],
    message: "The request conflicts with another",
  },
  {
    name: "http_500",
    group: "server",
    description: "500 api_error",
    status: 500,
    types: ["api_error", "server_error"],
    message: "Internal server error",
  },
];

/** HTTP answers that refuse the request, and those of a provider in trouble. */
export const faultsOfHttp: readonly FaultDefinition[] = [
  ...[...refusals, ...troubles].map((fault) => defined(fault)),
  {
    name: "http_502",
    group: "server",
    description: "502 with an HTML page",
    any: () => ({ status: 502, headers: { "content-type": "text/html" }, parts: [{ raw: htmlPage("502 Bad Gateway") }] }),
  },
];
