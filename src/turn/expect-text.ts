/** What a job expects of the words of an answer. Each function returns what does not hold, one line each. */
import type { Expectations } from "../job/job.ts";
import { isBlank, withoutBlankEdges } from "../job/sentinel.ts";
import { TookTooLong, withinTime } from "./time-bound.ts";

/** One regular expression on one answer, in ms. An ordinary one takes less than one. */
const regexLimitMs = 250;

/** All of them together, in ms: runner itself stands still meanwhile, and its claim on the run has to be renewed. */
const allRegexMs = 5_000;

export interface Unmet {
  readonly line: string;
  /** Asked once more with this line, a model may do better. False: the expectation itself cannot be judged. */
  readonly retryable: boolean;
}

/** `emptyIsMet`: what an absent `notEmpty` means. */
export function unmetText(text: string, expect: Expectations, emptyIsMet: boolean): Unmet[] {
  if (isBlank(text) && !(expect.notEmpty === undefined ? emptyIsMet : !expect.notEmpty))
    return [may("notEmpty: the answer is empty")];
  // The same letters may be written in two ways (é as one character or as two); people see no difference, so there is none.
  const composed = text.normalize();
  const unmet: Unmet[] = [];
  for (const part of expect.contains ?? [])
    if (!composed.includes(part.normalize())) unmet.push(may(`contains: ${quoted(part)} is not in the answer`));
  for (const part of expect.notContains ?? [])
    if (composed.includes(part.normalize())) unmet.push(may(`notContains: ${quoted(part)} is in the answer`));
  unmet.push(...unmetPatterns(composed, expect.matches ?? []));
  if (expect.minLength !== undefined) {
    const length = Array.from(withoutBlankEdges(text)).length;
    if (length < expect.minLength)
      unmet.push(may(`minLength: the answer has ${length} characters, and ${expect.minLength} are the least`));
  }
  return unmet;
}

function unmetPatterns(text: string, patterns: readonly string[]): Unmet[] {
  const unmet: Unmet[] = [];
  const endsAt = performance.now() + allRegexMs;
  for (const pattern of patterns) {
    const leftMs = Math.max(1, Math.floor(endsAt - performance.now()));
    const one = unmetPattern(text, pattern, Math.min(regexLimitMs, leftMs));
    if (one !== undefined) unmet.push(one);
    // One that cannot be judged settles it, and a second one like it would take as long again.
    if (one?.retryable === false) break;
  }
  return unmet;
}

function unmetPattern(text: string, pattern: string, limitMs: number): Unmet | undefined {
  try {
    const holds = withinTime(() => new RegExp(pattern, "u").test(text), limitMs);
    return holds ? undefined : may(`matches: nothing in the answer matches ${quoted(pattern)}`);
  } catch (error) {
    const why =
      error instanceof TookTooLong
        ? `${error.message} on this answer, so it cannot be judged; write it without nested repetitions`
        : `is no regular expression: ${error instanceof Error ? error.message : String(error)}`;
    return { line: `matches: ${quoted(pattern)} ${why}`, retryable: false };
  }
}

/** An answer that ends in a question is one that nobody reads (anthropics/claude-code#81860). It may be rhetorical, so this is a warning. */
export function endsInQuestion(text: string): boolean {
  return /[?？؟]["'”’*_)\]]{0,4}$/u.test(withoutBlankEdges(text).slice(-20));
}

function may(line: string): Unmet {
  return { line, retryable: true };
}

/** As JSON, so that blanks and line ends are seen; cut. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text);
}
