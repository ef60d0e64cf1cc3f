import { describe, expect, it } from "vitest";
import type { Fault } from "../../src/errors.ts";
import { readErrorBody } from "../../src/provider/error-body.ts";
import { longestRetryAfterMs, retryAfterMs } from "../../src/provider/retry-after.ts";

const now = Date.parse("2026-11-22T12:00:00Z");

function wait(headers: Record<string, string>, body: unknown = {}, fault: Fault = "rate_limit"): number | undefined {
  return retryAfterMs({ headers, body: readErrorBody(typeof body === "string" ? body : JSON.stringify(body)), fault, now });
}

const said = (message: string): unknown => ({ error: { message } });

describe("headers", () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{ "retry-after-ms": "1500" }, 1_500],
    [{ "retry-after": "20" }, 20_000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "Sun, 22 Nov 2026 12:01:30 GMT" }, 90_000],
    [{ "retry-after": "Sunday, 22-Nov-26 12:01:30 GMT" }, 90_000],
    [{ "retry-after": "Sun, 22 Nov 2026 11:00:00 GMT" }, 0],
    [{ "retry-after": "2026-11-22T12:00:05Z" }, 5_000],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "1e3" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after": "99999999999999999999" }, longestRetryAfterMs],
    [{ "retry-after-ms": "1500", "retry-after": "20" }, 1_500],
    [{ "retry-after-ms": "x", "retry-after": "20" }, 20_000],
    [{}, undefined],
  ])("%j → %s", (headers, ms) => expect(wait(headers)).toBe(ms));

  it("compares a date with the provider's own clock where it tells it", () => {
    const headers = { date: "Sun, 22 Nov 2026 17:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 17:00:30 GMT" };
    expect(wait(headers)).toBe(30_000);
  });
});

describe("rate-limit buckets", () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{ "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:10Z", "anthropic-ratelimit-requests-remaining": "0" }, 10_000],
    [
      {
        "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:10Z",
        "anthropic-ratelimit-requests-remaining": "9",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-22T12:00:45Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-22T12:00:20Z",
        "anthropic-ratelimit-output-tokens-remaining": "0",
      },
      45_000,
    ],
    [{ "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:10Z", "anthropic-ratelimit-requests-remaining": "9" }, undefined],
    [
      {
        "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:10Z",
        "anthropic-ratelimit-tokens-reset": "2026-11-22T12:05:00Z",
      },
      10_000,
    ],
    [{ "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0" }, 360_000],
    [{ "x-ratelimit-reset-tokens": "1h2m3.5s", "x-ratelimit-remaining-tokens": "0" }, 3_723_500],
    [{ "x-ratelimit-reset-requests": "20ms", "x-ratelimit-remaining-requests": "0" }, 20],
    [{ "x-ratelimit-reset-requests": "8.64s" }, 8_640],
    [{ "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s" }, 1_000],
    [{ "x-ratelimit-reset": String(now + 7_000), "x-ratelimit-remaining": "0" }, 7_000],
    [{ "x-ratelimit-reset": String(now / 1000 + 7) }, 7_000],
    [{ "x-ratelimit-reset": "7" }, 7_000],
    [{ "x-ratelimit-reset-requests": "never" }, undefined],
    [{ "retry-after": "3", "x-ratelimit-reset-requests": "6m0s" }, 3_000],
  ])("%j → %s", (headers, ms) => expect(wait(headers)).toBe(ms));

  it("mean nothing for a class that does not pass with them, because they come with every answer", () => {
    const headers = {
      "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:10Z",
      "anthropic-ratelimit-requests-remaining": "0",
    };
    for (const fault of ["server", "auth", "bad_request", "timeout", "empty"] as const)
      expect(wait(headers, {}, fault)).toBeUndefined();
    expect(wait({ "retry-after": "4" }, {}, "server")).toBe(4_000);
  });
});

describe("bodies", () => {
  it("count before headers where OpenRouter says how long", () => {
    const body = {
      error: { code: 503, message: "x", availability: { code: "capacity_exhausted", retryable: true, retry_after: 12 } },
    };
    expect(wait({ "retry-after-ms": "1", "retry-after": "2" }, body, "overloaded")).toBe(12_000);
  });

  it("hand on the headers of the provider behind a router", () => {
    expect(
      wait(
        {},
        {
          error: {
            code: 429,
            message: "x",
            metadata: { headers: { "X-RateLimit-Reset": String(now + 60_000), "X-RateLimit-Remaining": "0" } },
          },
        },
      ),
    ).toBe(60_000);
  });

  it.each<[unknown, number | undefined]>([
    [{ error: { type: "usage_limit_reached", message: "x", resets_in_seconds: 90 } }, 90_000],
    [{ error: { type: "usage_limit_reached", message: "x", resets_at: now / 1000 + 30 } }, 30_000],
    [{ error: { message: "x", retry_after: 3 } }, 3_000],
    [{ error: { message: "x", retry_after_ms: 3 } }, 3],
    // z.ai writes China's time without saying so.
    [said("Usage limit reached for 5 hour. Your limit will reset at 2026-11-22 21:00:00"), 3_600_000],
    [said("已达到 5 小时的使用上限。您的限额将在 2026-11-22 20:30:00 重置。"), 1_800_000],
    [said("Weekly/Monthly Limit Exhausted. Your limit will reset at 2026-11-23T00:00:00Z"), 12 * 3_600_000],
    [said("You will regain access on 2026-11-22 at 13:00 UTC."), 3_600_000],
    [said("resets at 2026-11-22T13:00:00+01:00"), 0],
    [said("Rate limit reached for gpt-5 on tokens per min. Please try again in 6m0s."), 360_000],
    [said("Please try again in 20ms."), 20],
    [said("please try again after 1 seconds"), 1_000],
    [said("You've hit your usage limit. Try again in 3 days 4 hours 9 minutes."), ((3 * 24 + 4) * 60 + 9) * 60_000],
    [said("Come back in 3h 47m — your usage resets then"), (3 * 60 + 47) * 60_000],
    [said("Quota exceeded. Please retry in 41.3s"), 41_300],
    [said(`Claude AI usage limit reached, resets|${now / 1000 + 5}`), 5_000],
    [said("You've reached your usage limit for this period. Your quota will be refreshed in the next period."), undefined],
    [said("Rate limit exceeded: 20 requests in 60 tokens, model of 2026-11-22 21:00:00"), undefined],
    [said(`try again in ${"1h ".repeat(20_000)}`), longestRetryAfterMs],
  ])("%j → %s", (body, ms) => expect(wait({}, body, "quota_window")).toBe(ms));

  it("mean nothing for other classes", () => expect(wait({}, said("try again in 5s"), "auth")).toBeUndefined());
});
