import type { StreamAction } from "../errors.ts";
import { isObject, stringOr, tryParse } from "./json.ts";

const maxWordsKept = 2000;

export interface UpstreamFailure {
  readonly action: StreamAction;
  readonly facts: { type?: string; code?: string; message?: string };
}

const fallBack =
  /invalid_request|authentication|permission|not_found|billing|insufficient|credit|quota|unauthorized|forbidden|accessdenied|validationexception|model_not_found|^40[0134]$|^402$/i;
const wait = /rate_limit|too_many_requests|throttl|^429$/i;
const overloaded = /overloaded|^529$|^503$/i;

/** What may help, told by the error's type and code. What we do not know may pass: it is asked again. */
function actionOf(words: readonly string[]): StreamAction {
  if (words.some((word) => overloaded.test(word))) return "retry";
  if (words.some((word) => wait.test(word))) return "retry_after_delay";
  return words.some((word) => fallBack.test(word)) ? "fall_back" : "retry";
}

/**
 * Reads the provider's own error, in the shapes seen in streams: `{error: {type, code, message}}`, `{error: "words"}`,
 * `{type, message}`, a bare string, or text that is not JSON. Its words are kept, cut to 2,000 characters.
 */
export function readUpstreamError(value: unknown, eventName: string | undefined): UpstreamFailure {
  const parsed = typeof value === "string" ? (tryParse(value) ?? value) : value;
  const error = isObject(parsed) && "error" in parsed && parsed["error"] !== null ? parsed["error"] : parsed;
  const facts: { type?: string; code?: string; message?: string } = {};
  if (isObject(error)) {
    const metadata = isObject(error["metadata"]) ? error["metadata"] : {};
    const type = stringOr(
      metadata["error_type"],
      stringOr(error["error_type"], stringOr(error["type"], stringOr(error["__type"], undefined))),
    );
    const code = error["code"] ?? error["status"];
    const message = error["message"] ?? error["msg"] ?? error["detail"];
    if (type !== undefined && type !== "error") facts.type = cut(type);
    if (typeof code === "string" || typeof code === "number") facts.code = cut(String(code));
    if (typeof message === "string") facts.message = cut(message);
  } else if (typeof error === "string") {
    facts.message = cut(error);
  }
  if (facts.type === undefined && eventName !== undefined && eventName !== "error") facts.type = cut(eventName);
  const words = [facts.type, facts.code].filter((word) => word !== undefined);
  // Some relays put the type into the words only.
  return { action: actionOf(words.length > 0 ? words : [(facts.message ?? "").slice(0, 200)]), facts };
}

function cut(text: string): string {
  return text.slice(0, maxWordsKept);
}
