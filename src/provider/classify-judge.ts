/**
 * Classification: once, here, for everything a provider can answer. The order is the one of docs/providers.md: a status written into the
 * body, the router's verdict, the provider's code, its words (billing before rate limit, overload before rate limit), its general
 * type, the HTTP status. Policy is not decided here.
 */
import type { Fault } from "../errors.ts";
import {
  availabilityCodes,
  minimaxCodes,
  openrouterTypes,
  statusFaults,
  strongCodes,
  weakCodes,
  zaiCodes,
} from "./classify-codes.ts";
import { faultOfWords } from "./classify-words.ts";
import type { ErrorBody } from "./error-body.ts";

export interface Verdict {
  readonly fault: Fault;
  readonly code: string | undefined;
}

/** The class of an error body under its status, by the first rule that fits. */
export function judge(body: ErrorBody, httpStatus: number, headers: Readonly<Record<string, string>>): Verdict {
  const amazon = headers["x-amzn-errortype"]?.replace(/:.*$/, "");
  const code = body.code ?? body.type ?? amazon;
  if (body.baseStatus !== undefined) {
    const said = String(body.baseStatus);
    return { fault: minimaxCodes[said] ?? faultOfWords(body.message, 429) ?? faultOfStatus(httpStatus) ?? "unknown", code: said };
  }
  const availability = body.availability?.code;
  const routed = routedFault(availability, body.errorType, httpStatus);
  const refined = body.errorType === "permission_denied" ? (faultOfWords(body.message, 403) ?? routed) : routed;
  if (refined !== undefined) return { fault: refined, code: availability ?? body.errorType };
  // A body that names its own status knows better than a 200 in front of it.
  const status = httpStatus < 400 && body.status !== undefined ? body.status : httpStatus;
  const strong =
    find(zaiCodes, body.code) ?? find(strongCodes, body.code) ?? find(strongCodes, body.type) ?? find(strongCodes, amazon);
  if (strong !== undefined) return { fault: refineStrong(strong, body, status), code };
  const words = [body.type, body.code, body.message].filter((word) => word !== undefined).join(" ");
  // Behind a good status only an error's own words count: those of a broken answer are the model's.
  const heard = httpStatus >= 400 || Object.keys(body.fields).length > 0;
  const byWords = heard ? faultOfWords(words, status < 400 ? "stream" : status) : undefined;
  if (byWords !== undefined) return { fault: byWords, code };
  const specific = statusFaults[status];
  const weak = find(weakCodes, body.code) ?? find(weakCodes, body.type) ?? find(weakCodes, amazon);
  // `api_error` on 529 or `invalid_request_error` on 404: a status with a meaning of its own is narrower than a general word.
  return { fault: specific ?? weak ?? faultOfStatus(status) ?? "unknown", code };
}

/** OpenRouter's verdict. `temporarily_unavailable` says that it passes and not why; a 429 and an error type say why. */
function routedFault(availability: string | undefined, errorType: string | undefined, status: number): Fault | undefined {
  const byType = find(openrouterTypes, errorType);
  if (availability === "temporarily_unavailable") return byType ?? (status === 429 ? "rate_limit" : "overloaded");
  return find(availabilityCodes, availability) ?? byType;
}

/** An expired credential is told by Bedrock as a refused access; a bad model by others as a resource that was not found. */
function refineStrong(strong: Fault, body: ErrorBody, status: number): Fault {
  if (strong === "permission" && /token\b[^\n]{0,200}\bexpired|expired\b[^\n]{0,200}\btoken/i.test(body.message.slice(0, 1_000)))
    return "auth";
  if (strong === "permission") return faultOfWords(body.message, 403) === "billing" ? "billing" : strong;
  // A plan that is used up and a balance that is empty share OpenAI's and Moonshot's words; a reset time tells them apart.
  if (strong === "rate_limit" && status === 429) {
    const narrower = faultOfWords(body.message, status);
    if (narrower === "quota_window") return narrower;
  }
  return strong;
}

function faultOfStatus(status: number): Fault | undefined {
  const listed = statusFaults[status];
  if (listed !== undefined) return listed;
  if (status >= 500) return "server";
  if (status >= 300) return "bad_request";
  return undefined;
}

const find = (table: Readonly<Record<string, Fault>>, word: string | undefined): Fault | undefined => {
  if (word === undefined) return undefined;
  const key = word.toLowerCase();
  return Object.hasOwn(table, key) ? table[key] : undefined;
};
