/**
 * How a turn's process hands its result over: one line of JSON on file descriptor 3, once. A descriptor of its own, because
 * stdout belongs to whatever the process and its children like to print.
 */
import { isFault } from "../errors.ts";
import type { TurnResult } from "./turn.ts";

/** The descriptor of the result. Node closes it for grandchildren, so nothing but the turn's own process can write there. */
export const resultDescriptor = 3;

/** The form's number; a process of another release is told apart from garbage. */
const version = 1;

export function formatResult(result: TurnResult): string {
  return `${JSON.stringify({ version, result })}\n`;
}

/** The result in a line, or why there is none in it. */
export function parseResult(line: string): { readonly result: TurnResult } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { problem: "the result is not JSON" };
  }
  if (!isRecord(value)) return { problem: "the result is not an object" };
  if (value["version"] !== version)
    return { problem: `the result has version ${JSON.stringify(value["version"]) ?? "none"}, not ${version}` };
  const result = value["result"];
  if (!isRecord(result)) return { problem: "the result is empty" };
  return readResult(result);
}

type Read = { readonly result: TurnResult } | { readonly problem: string };

function readResult(result: Record<string, unknown>): Read {
  const { status, toolRuns } = result;
  if (typeof toolRuns !== "number" || !Number.isSafeInteger(toolRuns) || toolRuns < 0)
    return { problem: "the result does not say how many tools ran" };
  const warnings = warningsIn(result);
  if (warnings === undefined) return { problem: "the result's warnings are no list of lines" };
  const facts = warnings.length === 0 ? { toolRuns } : { toolRuns, warnings };
  if (status === "answered") {
    const { text, stopReason, model } = result;
    if (typeof text !== "string" || typeof stopReason !== "string" || typeof model !== "string") {
      return { problem: "the result is answered and lacks its text, stop reason or model" };
    }
    return { result: { status, text, stopReason, model, ...facts } };
  }
  return status === "failed" ? readFailed(result, facts) : { problem: "the result is neither answered nor failed" };
}

function readFailed(
  result: Record<string, unknown>,
  facts: { readonly toolRuns: number; readonly warnings?: readonly string[] },
): Read {
  const { fault, error, httpStatus, partial, missing, unready } = result;
  if (!isFault(fault) || typeof error !== "string")
    return { problem: "the result is failed and lacks a known fault or its error" };
  if (httpStatus !== undefined && typeof httpStatus !== "number") return { problem: "the result's HTTP status is not a number" };
  if (partial !== undefined && typeof partial !== "string") return { problem: "the result's partial answer is not a text" };
  return {
    result: {
      status: "failed",
      fault,
      error,
      ...facts,
      ...(httpStatus === undefined ? {} : { httpStatus }),
      ...(partial === undefined ? {} : { partial }),
      ...(missing === true ? { missing } : {}),
      ...(typeof unready === "string" ? { unready } : {}),
    },
  };
}

/** Most warnings a result carries. */
export const keptWarnings = 20;

function warningsIn(result: Record<string, unknown>): readonly string[] | undefined {
  const { warnings = [] } = result;
  if (!Array.isArray(warnings)) return undefined;
  const lines = warnings.filter((line): line is string => typeof line === "string");
  return lines.length === warnings.length ? lines.slice(0, keptWarnings) : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
