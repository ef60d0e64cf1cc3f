import { describe, expect, test } from "vitest";
import type { Dialect } from "../../../src/provider/provider.ts";
import { simulatedFaults } from "../../../src/provider/script.ts";
import { ask, bodyFor, dialects, withFault } from "./ask.ts";

/** Status, and Anthropic's and OpenAI's `error.type` (or what stands there instead). */
const table: Readonly<Record<string, readonly [status: number, anthropic: string, openai: string]>> = {
  rate_limit_seconds: [429, "rate_limit_error", "requests"],
  rate_limit_date: [429, "rate_limit_error", "requests"],
  rate_limit_ms: [429, "rate_limit_error", "requests"],
  rate_limit_reset: [429, "rate_limit_error", "requests"],
  rate_limit_bare: [429, "rate_limit_error", "requests"],
  rate_limit_moonshot: [429, "rate_limit_reached_error", "rate_limit_reached_error"],
  rate_limit_minimax: [200, "base_resp 1002", "base_resp 1002"],
  quota_kimi: [429, "rate_limit_error", "rate_limit_reached_error"],
  quota_zai: [429, "code 1308", "code 1308"],
  billing_402: [402, "billing_error", "billing_error"],
  billing_openai: [429, "insufficient_quota", "insufficient_quota"],
  billing_moonshot: [429, "exceeded_current_quota_error", "exceeded_current_quota_error"],
  billing_zai: [429, "code 1113", "code 1113"],
  overloaded_529: [529, "overloaded_error", "overloaded_error"],
  overloaded_503: [503, "overloaded_error", "server_error"],
  overloaded_openrouter: [503, "code 503", "code 503"],
  overloaded_429: [429, "engine_overloaded_error", "engine_overloaded_error"],
  overloaded_zai: [429, "code 1305", "code 1305"],
  http_400: [400, "invalid_request_error", "invalid_request_error"],
  bad_request_as_500: [500, "invalid_request_error", "invalid_request_error"],
  http_401: [401, "authentication_error", "invalid_request_error"],
  http_403: [403, "permission_error", "permission_error"],
  http_404: [404, "not_found_error", "invalid_request_error"],
  model_gone_openrouter: [400, "code 400", "code 400"],
  http_413: [413, "request_too_large", "invalid_request_error"],
  prompt_too_long: [400, "invalid_request_error", "invalid_request_error"],
  content_policy_zai: [400, "code 1301", "code 1301"],
  http_408: [408, "timeout_error", "timeout"],
  http_409: [409, "conflict_error", "conflict"],
  http_500: [500, "api_error", "server_error"],
  http_504: [504, "timeout_error", "timeout"],
};

interface ErrorBody {
  error?: { type?: string; code?: string | number };
  base_resp?: { status_code: number };
}

function kindOf(body: ErrorBody): string {
  if (body.base_resp !== undefined) return `base_resp ${body.base_resp.status_code}`;
  return body.error?.type ?? `code ${body.error?.code}`;
}

function headersOf(fault: string, retryAfterMs: number, dialect: Dialect = "anthropic-messages"): Promise<Headers> {
  return withFault(fault, async ({ url }) => (await ask(url, dialect, bodyFor(false))).headers, { delays: { retryAfterMs } });
}

function bodyOf(fault: string): Promise<string> {
  return withFault(fault, async ({ url }) => (await ask(url, "openai-completions", bodyFor(true))).text());
}

describe("HTTP failures", () => {
  test.each(Object.entries(table))("%s, streamed or not", async (fault, [status, anthropic, openai]) => {
    await withFault(fault, async (provider) => {
      for (const stream of [true, false]) {
        for (const dialect of dialects) {
          const response = await ask(provider.url, dialect, bodyFor(stream));
          expect(response.status).toBe(status);
          expect(response.headers.get("content-type")).toBe("application/json");
          const body: ErrorBody = JSON.parse(await response.text());
          expect(kindOf(body)).toBe(dialect === "anthropic-messages" ? anthropic : openai);
        }
      }
      expect(provider.log.map((entry) => [entry.fault, entry.status])).toEqual(Array.from({ length: 4 }, () => [fault, status]));
    });
  });

  test("502 with a page of HTML", async () => {
    await withFault("http_502", async ({ url }) => {
      const response = await ask(url, "openai-completions", bodyFor(true));
      expect([response.status, response.headers.get("content-type")]).toEqual([502, "text/html"]);
      expect(await response.text()).toContain("502 Bad Gateway");
    });
  });

  test("every failure of these groups is in the table", () => {
    const groups =
      "rate_limit quota_window billing overloaded bad_request auth permission model_gone context_overflow timeout server".split(
        " ",
      );
    const known = simulatedFaults.filter(({ group }) => groups.includes(group)).map(({ name }) => name);
    expect(known.filter((name) => !Object.hasOwn(table, name))).toEqual(["http_502"]);
  });

  test("the waits a 429 asks for, in each of the ways they are said", async () => {
    expect((await headersOf("rate_limit_seconds", 2500)).get("retry-after")).toBe("3");
    expect((await headersOf("rate_limit_seconds", 0)).get("retry-after")).toBe("0");
    expect((await headersOf("rate_limit_ms", 250)).get("retry-after-ms")).toBe("250");
    const before = Date.now();
    const date = Date.parse((await headersOf("rate_limit_date", 60_000)).get("retry-after") ?? "");
    expect(date - before).toBeGreaterThanOrEqual(60_000);
    expect(date - before).toBeLessThan(75_000);
    const reset = Date.parse((await headersOf("rate_limit_reset", 60_000)).get("anthropic-ratelimit-requests-reset") ?? "");
    expect(reset - before).toBeGreaterThanOrEqual(60_000);
    for (const [ms, text] of [
      [20, "20ms"],
      [1000, "1s"],
      [360_000, "6m0s"],
    ] as const) {
      expect((await headersOf("rate_limit_reset", ms, "openai-completions")).get("x-ratelimit-reset-requests")).toBe(text);
    }
    expect((await headersOf("rate_limit_bare", 1)).has("retry-after")).toBe(false);
    const usual = await withFault("429", async ({ url }) => (await ask(url, "anthropic-messages", bodyFor(false))).headers, {
      delays: {},
    });
    expect(usual.get("retry-after")).toBe("1");
  });

  test("a plan's window names its reset, and a balance is told from a rate limit", async () => {
    expect(await bodyOf("quota_zai")).toMatch(/will reset at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/u);
    expect(await bodyOf("quota_kimi")).toContain("usage limit for this period");
    expect(await bodyOf("billing_moonshot")).toContain("insufficient balance");
    expect(JSON.parse(await bodyOf("overloaded_503")).error.code).toBe("server_is_overloaded");
  });
});
