import type { FaultDefinition, Scene } from "./fault.ts";
import { defined, zai } from "./http-fault.ts";
import type { HttpFault } from "./http-fault.ts";
import { openaiError } from "./openai.ts";

function seconds(scene: Scene): string {
  return String(Math.ceil(scene.delays.retryAfterMs / 1000));
}

/** A time as OpenAI writes it: `20ms`, `1s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const whole = Math.ceil(ms / 1000);
  return whole < 60 ? `${whole}s` : `${Math.floor(whole / 60)}m${whole % 60}s`;
}

/** An HTTP date has whole seconds, so the wait is rounded up. */
function later(scene: Scene): Date {
  return new Date(Math.ceil((Date.now() + scene.delays.retryAfterMs) / 1000) * 1000);
}

const rateLimitTypes = ["rate_limit_error", "requests", "rate_limit_exceeded"] as const;
const rateLimitMessage = "This request would exceed your rate limit of 50 requests per minute.";

function rateLimit(name: string, description: string, headers: (scene: Scene) => Readonly<Record<string, string>>): HttpFault {
  return { name, group: "rate_limit", description, status: 429, types: rateLimitTypes, message: rateLimitMessage, headers };
}

const limits: readonly HttpFault[] = [
  rateLimit("rate_limit_seconds", "429 with retry-after in seconds", (scene) => ({ "retry-after": seconds(scene) })),
  rateLimit("rate_limit_date", "429 with retry-after as a date", (scene) => ({ "retry-after": later(scene).toUTCString() })),
  rateLimit("rate_limit_ms", "429 with retry-after-ms", (scene) => ({ "retry-after-ms": String(scene.delays.retryAfterMs) })),
  rateLimit("rate_limit_reset", "429 with the time of the reset in the rate limit headers", (scene) =>
    scene.request.dialect === "anthropic-messages"
      ? {
          "anthropic-ratelimit-requests-remaining": "0",
          "anthropic-ratelimit-requests-reset": new Date(Date.now() + scene.delays.retryAfterMs).toISOString(),
        }
      : { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": duration(scene.delays.retryAfterMs) },
  ),
  rateLimit("rate_limit_bare", "429 with no word on when", () => ({})),
  {
    name: "rate_limit_moonshot",
    group: "rate_limit",
    description: "Moonshot's 429 rate_limit_reached_error",
    status: 429,
    types: ["rate_limit_reached_error", "rate_limit_reached_error"],
    message: "Your account reached max request concurrency: 3, please try again after 1 seconds",
  },
  {
    name: "rate_limit_minimax",
    group: "rate_limit",
    description: "MiniMax's HTTP 200 with base_resp.status_code 1002",
    status: 200,
    vendor: () => ({ base_resp: { status_code: 1002, status_msg: "rate limit" } }),
  },
  {
    name: "quota_kimi",
    group: "quota_window",
    description: 'Kimi\'s 429 "usage limit for this period"',
    status: 429,
    types: ["rate_limit_error", "rate_limit_reached_error"],
    message: "You've reached your usage limit for this period. Your quota will be refreshed in the next cycle.",
  },
  {
    name: "quota_zai",
    group: "quota_window",
    description: "z.ai's 429 with code 1308 and a reset time",
    status: 429,
    vendor: () => ({
      error: { code: "1308", message: `Usage limit reached for 5 hour. Your limit will reset at ${zaiResetTime()}` },
    }),
  },
];

/** Five hours ahead, as z.ai writes it: Beijing time without a zone. */
function zaiResetTime(): string {
  return new Date(Date.now() + (5 + 8) * 3_600_000).toISOString().slice(0, 19).replace("T", " ");
}

const money: readonly HttpFault[] = [
  {
    name: "billing_402",
    group: "billing",
    description: "402 billing_error",
    status: 402,
    types: ["billing_error", "billing_error", "payment_required"],
    message: "Your credit balance is too low to access the API.",
  },
  {
    name: "billing_openai",
    group: "billing",
    description: "OpenAI's 429 insufficient_quota",
    status: 429,
    types: ["rate_limit_error", "insufficient_quota", "credit_balance_exhausted"],
    vendor: () =>
      openaiError(
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
      ),
  },
  {
    name: "billing_moonshot",
    group: "billing",
    description: "Moonshot's 429 exceeded_current_quota_error",
    status: 429,
    types: ["exceeded_current_quota_error", "exceeded_current_quota_error"],
    message:
      "Your account is suspended due to insufficient balance, please recharge your account or check your plan and billing details",
  },
  {
    name: "billing_zai",
    group: "billing",
    description: "z.ai's 429 with code 1113",
    status: 429,
    vendor: zai("1113", "Insufficient balance or no resource package. Please recharge."),
  },
];

const load: readonly HttpFault[] = [
  {
    name: "overloaded_529",
    group: "overloaded",
    description: "529 overloaded_error",
    status: 529,
    types: ["overloaded_error", "overloaded_error"],
    message: "Overloaded",
  },
  {
    name: "overloaded_503",
    group: "overloaded",
    description: "503 server_is_overloaded",
    status: 503,
    types: ["overloaded_error", "server_error", "server_is_overloaded"],
    message: "The engine is currently overloaded, please try again later.",
  },
  {
    name: "overloaded_openrouter",
    group: "overloaded",
    description: "OpenRouter's 503 with error.availability.retry_after",
    status: 503,
    vendor: (scene) => ({
      error: {
        code: 503,
        message: "The provider is overloaded",
        availability: { code: "capacity_exhausted", retryable: true, retry_after: Math.ceil(scene.delays.retryAfterMs / 1000) },
        metadata: { error_type: "provider_overloaded" },
      },
    }),
  },
  {
    name: "overloaded_429",
    group: "overloaded",
    description: "Moonshot's 429 engine_overloaded_error",
    status: 429,
    types: ["engine_overloaded_error", "engine_overloaded_error"],
    message: "The engine is currently overloaded, please try again later",
  },
  {
    name: "overloaded_zai",
    group: "overloaded",
    description: "z.ai's 429 with code 1305",
    status: 429,
    vendor: zai("1305", "The service may be temporarily overloaded, please try again later"),
  },
];

/** HTTP answers that say "not now" or "not for this money". */
export const faultsOfLimits: readonly FaultDefinition[] = [...limits, ...money, ...load].map((fault) => defined(fault));
