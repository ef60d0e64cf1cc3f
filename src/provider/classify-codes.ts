/**
 * The words and numbers providers use, as data: code → class. Gathered in November 2026 from the providers' documentation, the
 * official SDKs and issue threads; docs/providers.md says which failure is recognised by what. A code that is not listed falls
 * through to the texts and the HTTP status.
 */
import type { Fault } from "../errors.ts";

/** Codes that say the same whatever the status and the text are. Lower case; looked up by `code`, then by `type`. */
export const strongCodes: Readonly<Record<string, Fault>> = {
  // Anthropic
  authentication_error: "auth",
  billing_error: "billing",
  enforced_spend_limit_reached: "billing",
  not_found_error: "model_gone",
  conflict_error: "server",
  request_too_large: "context_overflow",
  timeout_error: "timeout",
  overloaded_error: "overloaded",
  // OpenAI
  invalid_api_key: "auth",
  insufficient_quota: "billing",
  credit_balance_exhausted: "billing",
  organization_spend_limit_exceeded: "billing",
  project_spend_limit_exceeded: "billing",
  organization_usage_limit_exceeded: "billing",
  billing_hard_limit_reached: "billing",
  billing_not_active: "billing",
  account_deactivated: "auth",
  slow_down: "rate_limit",
  server_is_overloaded: "overloaded",
  model_not_found: "model_gone",
  context_length_exceeded: "context_overflow",
  string_above_max_length: "context_overflow",
  unsupported_country_region_territory: "permission",
  content_policy_violation: "content_policy",
  content_filter: "content_policy",
  responsibleaipolicyviolation: "content_policy",
  moderation_blocked: "content_policy",
  usage_limit_reached: "quota_window",
  usage_not_included: "permission",
  // Moonshot and the Kimi Code plan
  invalid_authentication_error: "auth",
  incorrect_api_key_error: "auth",
  resource_not_found_error: "model_gone",
  exceeded_current_quota_error: "billing",
  rate_limit_reached_error: "rate_limit",
  engine_overloaded_error: "overloaded",
  access_terminated_error: "permission",
  // OpenCode's gateway answers 401 with this type when the credits are used up.
  creditserror: "billing",
  // Google's OpenAI-style door
  resource_exhausted: "rate_limit",
  unauthenticated: "auth",
  deadline_exceeded: "timeout",
  unavailable: "overloaded",
  // Bedrock
  accessdeniedexception: "permission",
  expiredtokenexception: "auth",
  unrecognizedclientexception: "auth",
  invalidsignatureexception: "auth",
  resourcenotfoundexception: "model_gone",
  ftuformnotfilled: "model_gone",
  modeltimeoutexception: "timeout",
  modelerrorexception: "stream_broken",
  modelstreamerrorexception: "stream_broken",
  throttlingexception: "rate_limit",
  modelnotreadyexception: "rate_limit",
  servicequotaexceededexception: "rate_limit",
  internalserverexception: "server",
  serviceunavailableexception: "overloaded",
};

/** Words so general that a text or a status may know better; asked last but for the status. */
export const weakCodes: Readonly<Record<string, Fault>> = {
  invalid_request_error: "bad_request",
  invalid_request: "bad_request",
  invalid_argument: "bad_request",
  validationexception: "bad_request",
  unsupported_parameter: "bad_request",
  unknown_parameter: "bad_request",
  permission_error: "permission",
  permission_denied: "permission",
  permission_denied_error: "permission",
  rate_limit_error: "rate_limit",
  rate_limit_exceeded: "rate_limit",
  api_error: "server",
  server_error: "server",
  internal_error: "server",
  internal_server_error: "server",
};

/** z.ai and BigModel: `error.code` is one of these numbers. 1308 and 1310 carry their reset time in the text. */
export const zaiCodes: Readonly<Record<string, Fault>> = {
  1000: "auth",
  1001: "auth",
  1002: "auth",
  1003: "auth",
  1004: "auth",
  1100: "auth",
  1110: "auth",
  1111: "auth",
  1112: "auth",
  1113: "billing",
  1121: "auth",
  1210: "bad_request",
  1211: "model_gone",
  1212: "bad_request",
  1213: "bad_request",
  1214: "bad_request",
  1215: "bad_request",
  1220: "permission",
  1221: "model_gone",
  1222: "model_gone",
  1234: "network",
  1261: "context_overflow",
  1301: "content_policy",
  1302: "rate_limit",
  1303: "rate_limit",
  1304: "quota_window",
  1305: "overloaded",
  1308: "quota_window",
  1309: "billing",
  1310: "quota_window",
  1311: "model_gone",
  1312: "overloaded",
  1313: "rate_limit",
  1316: "quota_window",
};

/**
 * MiniMax: `base_resp.status_code`, which counts before the HTTP status (that may be 200). 1002 and 1039 follow MiniMax'
 * documentation; its own command-line program reads them as content filter.
 */
export const minimaxCodes: Readonly<Record<string, Fault>> = {
  1000: "server",
  1001: "timeout",
  1002: "rate_limit",
  1004: "auth",
  1008: "billing",
  1024: "server",
  1026: "content_policy",
  1027: "content_policy",
  1028: "billing",
  1030: "billing",
  1039: "rate_limit",
  2013: "bad_request",
  2049: "auth",
  2056: "quota_window",
  2061: "model_gone",
};

/** OpenRouter: `error.metadata.error_type` (chat), `error.error_type` (messages), `error_type`; before the HTTP status. */
export const openrouterTypes: Readonly<Record<string, Fault>> = {
  authentication: "auth",
  payment_required: "billing",
  permission_denied: "permission",
  guardrail: "content_policy",
  moderation: "content_policy",
  content_policy: "content_policy",
  timeout: "timeout",
  rate_limit_exceeded: "rate_limit",
  provider_unavailable: "server",
  provider_overloaded: "overloaded",
  server: "server",
  unmapped: "server",
  context_length_exceeded: "context_overflow",
  invalid_request: "bad_request",
  model_not_found: "model_gone",
};

/** OpenRouter: `availability.code`; `retryable` beside it decides whether asking again can help. */
export const availabilityCodes: Readonly<Record<string, Fault>> = {
  capacity_exhausted: "overloaded",
  temporarily_unavailable: "overloaded",
  model_not_found: "model_gone",
  no_endpoints: "model_gone",
  model_deprecated: "model_gone",
  free_variant_ended: "model_gone",
  region_restricted: "permission",
  privacy_restricted: "permission",
};

/** What a status means when nothing in the answer says more. Beyond it: other 4xx `bad_request`, other 5xx `server`. */
export const statusFaults: Readonly<Record<number, Fault>> = {
  401: "auth",
  402: "billing",
  403: "permission",
  404: "model_gone",
  407: "permission",
  408: "timeout",
  409: "server",
  410: "model_gone",
  413: "context_overflow",
  424: "server",
  425: "server",
  429: "rate_limit",
  451: "permission",
  503: "overloaded",
  504: "timeout",
  // Cloudflare: the origin was too slow.
  522: "timeout",
  524: "timeout",
  529: "overloaded",
};
