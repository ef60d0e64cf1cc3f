/** What the end of a process means for the attempt, as far as it is the same for every kind of turn. */
import type { Fault } from "../errors.ts";
import { withoutSecrets } from "./environment.ts";
import type { ProcessEnd } from "./spawn.ts";
import type { Cleanup, TurnResult, TurnSpec } from "./turn.ts";

type Failed = Extract<TurnResult, { status: "failed" }>;

/** Characters of stderr that go into a failed result. */
const stderrCharacters = 4_000;

/** Bytes of stderr kept while it runs: more than the characters need, so that a secret at the cut is seen whole and taken out. */
export const stderrBytes = 64 * 1024;

export function failed(fault: Fault, error: string): Failed {
  return { status: "failed", fault, error, toolRuns: 0 };
}

export function unstarted(fault: Fault, error: string): { result: TurnResult; cleanup: Cleanup } {
  return { result: failed(fault, error), cleanup: { killed: 0, confirmed: true } };
}

/** The result of a process that did not end by itself; undefined if it did. */
export function endedByUs(end: ProcessEnd, limits: TurnSpec["limits"], noOutputMs = 0): Failed | undefined {
  switch (end.cause) {
    case "abort":
      return failed("aborted", "the attempt was cancelled");
    case "timeout":
      return failed(
        "timeout",
        `the attempt took longer than ${limits.attemptMs / 1000} s (payload.timeoutSeconds) and was ended`,
      );
    case "silent":
      return failed("timeout", `it wrote nothing for ${noOutputMs / 1000} s (payload.noOutputTimeoutSeconds) and was ended`);
    case "overflow":
      return failed(
        "turn_died",
        `the turn's process wrote a result too large for limits.outputBytes (${limits.outputBytes}) and was ended`,
      );
    case "no_input":
      return failed("internal", `the turn's process could not be told what to do: ${end.startError ?? "unknown reason"}`);
    case "not_started":
      return failed("turn_died", `the turn's process could not be started: ${end.startError ?? "unknown reason"}`);
    case "exit":
    case "result":
      return undefined;
  }
}

/** A failed result gets the end of stderr, or of stdout if that is all there is. */
export function withStderr(result: TurnResult, end: ProcessEnd): TurnResult {
  if (result.status !== "failed") return result;
  const said = end.stderr === "" ? end.stdout : end.stderr;
  return said === "" ? result : { ...result, stderr: said };
}

/** What is told about a turn beside its answer holds no secret. The answer itself is the model's, and is kept as it came. */
export function withoutAny(result: TurnResult, secrets: readonly string[]): TurnResult {
  const clean = (text: string): string => withoutSecrets(text, secrets);
  const warnings = result.warnings === undefined ? {} : { warnings: result.warnings.map(clean) };
  if (result.status === "answered") return { ...result, ...warnings };
  const stderr = result.stderr === undefined ? {} : { stderr: clean(result.stderr).slice(-stderrCharacters) };
  return { ...result, error: clean(result.error), ...warnings, ...stderr };
}
