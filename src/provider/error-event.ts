import type { StreamError } from "../errors.ts";
import { dataFrame, namedFrame } from "../stream/serialise.ts";
import type { StreamDialect } from "../stream/event.ts";

const anthropicTypes = new Set([
  "invalid_request_error",
  "authentication_error",
  "billing_error",
  "permission_error",
  "not_found_error",
  "request_too_large",
  "rate_limit_error",
  "timeout_error",
  "overloaded_error",
  "api_error",
]);

function anthropicType(error: StreamError): string {
  const type = error.upstream?.type ?? "";
  if (anthropicTypes.has(type)) return type;
  if (error.reason === "idle_timeout") return "timeout_error";
  return error.action === "retry_after_delay" ? "rate_limit_error" : "api_error";
}

/** What happened, and the provider's own words if it was the provider who said so. */
function words(error: StreamError): string {
  const own = error.upstream?.message;
  return own === undefined || own === "" ? error.message : `${error.message}: ${own}`;
}

/** The error in the dialect's own shape, which the official SDKs turn into an `APIError`. */
export function errorBody(dialect: StreamDialect, error: StreamError): { readonly [key: string]: unknown } {
  const facts = { message: words(error), reason: error.reason, action: error.action };
  return dialect === "anthropic-messages"
    ? { type: "error", error: { type: anthropicType(error), ...facts } }
    : {
        error: {
          type: error.upstream?.type ?? "server_error",
          code: error.upstream?.code ?? error.reason,
          param: null,
          ...facts,
        },
      };
}

/** The same as a server-sent event. */
export function errorEvent(dialect: StreamDialect, error: StreamError): string {
  const data = JSON.stringify(errorBody(dialect, error));
  return dialect === "anthropic-messages" ? namedFrame("error", data) : dataFrame(data);
}
