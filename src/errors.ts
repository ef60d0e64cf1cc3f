/**
 * Every error class of the project, one a boundary, each with a closed union on it. Facts are fields, the original is `cause`.
 * None extends `TypeError`: p-retry treats a `TypeError` as a bug of the caller and would not retry it.
 */
import type { Fault, LedgerFaultReason, StreamAction, StreamFaultReason } from "./errors/fault.ts";

export * from "./errors/fault.ts";

/** One thing wrong with a file, said so that a person can mend it without reading our code. Lines and columns count from 1. */
export interface Issue {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** The key's place in the document, such as `payload.stream` or `jobs[2].schedule.expr`; empty for the whole document. */
  readonly path: string;
  /** What is wrong, in words, with the value that was found (never a secret). */
  readonly message: string;
  /** What to write instead: the nearest spelling, an example, the allowed values. */
  readonly suggestion?: string;
}

/** `file:line:column: path: message (suggestion)`, the form editors and terminals turn into a link. */
export function formatIssue(issue: Issue): string {
  const place = [issue.file, issue.line, issue.line === undefined ? undefined : issue.column]
    .filter((part) => part !== undefined)
    .join(":");
  const path = issue.path === "" ? "" : `${issue.path}: `;
  const suggestion = issue.suggestion === undefined ? "" : ` (${issue.suggestion})`;
  return `${place}: ${path}${issue.message}${suggestion}`;
}

abstract class RunnerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The command line was used wrongly; exit 2. */
export class UsageError extends RunnerError {
  readonly suggestion: string | undefined;
  constructor(message: string, options: ErrorOptions & { suggestion?: string } = {}) {
    super(message, options);
    this.suggestion = options.suggestion;
  }
}

/** Files that cannot be used. Its message is every problem found, a line each, in the form of `formatIssue`. */
abstract class IssuesError extends RunnerError {
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[], options?: ErrorOptions) {
    super(issues.map(formatIssue).join("\n"), options);
    this.issues = issues;
  }
}

/** The configuration cannot be used; exit 78. Carries every problem found, not the first. */
export class ConfigError extends IssuesError {}

/** Job files cannot be used; exit 78. Carries the problems of all files together. */
export class JobError extends IssuesError {}

/** Tokens as the provider counted them; absent means not said. */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
}

/** A correction of a stream that is proven to keep the message the same. */
export interface Repair {
  /** What was done, such as `dup_start` or `orphan_stop`. */
  readonly code: string;
  /** The number of the event, from 0, at which it was done. */
  readonly at: number;
  /** The event's type. */
  readonly event: string;
  /** Why it is safe: the proof in words. */
  readonly proof: string;
}

/**
 * A stream that cannot be proven to be one whole answer. Its message holds types, indexes and counts, never the text
 * of the answer (openclaw/openclaw#116938 leaked payloads that way).
 */
export class StreamError extends RunnerError {
  readonly reason: StreamFaultReason;
  readonly action: StreamAction;
  /** Type of the event at which the proof broke. */
  readonly event: string | undefined;
  /** Number of that event in the stream, from 0. */
  readonly at: number | undefined;
  /** The block or choice index the event named. */
  readonly index: number | undefined;
  /** Phase of the machine: idle, open, ended. */
  readonly state: string | undefined;
  /** Whether any content had been seen, so that a person knows tokens were paid for. */
  readonly contentSeen: boolean;
  readonly usage: Usage;
  readonly repairs: readonly Repair[];
  /** For `upstream_error`: the provider's own type and words, cut to 2,000 characters. */
  readonly upstream: { readonly type?: string; readonly code?: string; readonly message?: string } | undefined;

  constructor(
    reason: StreamFaultReason,
    message: string,
    facts: ErrorOptions & {
      action: StreamAction;
      event?: string | undefined;
      at?: number | undefined;
      index?: number | undefined;
      state?: string | undefined;
      contentSeen?: boolean;
      usage?: Usage;
      repairs?: readonly Repair[];
      upstream?: { type?: string; code?: string; message?: string } | undefined;
    },
  ) {
    super(message, facts);
    this.reason = reason;
    this.action = facts.action;
    this.event = facts.event;
    this.at = facts.at;
    this.index = facts.index;
    this.state = facts.state;
    this.contentSeen = facts.contentSeen ?? false;
    this.usage = facts.usage ?? {};
    this.repairs = facts.repairs ?? [];
    this.upstream = facts.upstream;
  }
}

/** What was recorded of one stream: see `Recording` in job/job.ts. One line of JSON an entry. */
export interface StreamRecording {
  readonly mode: "shape" | "full";
  readonly text: string;
}

/** What is known of a try that failed; what the provider did not say is absent. */
export interface ProviderErrorFacts extends ErrorOptions {
  fault: Fault;
  /** HTTP status, if an answer came. */
  status?: number | undefined;
  /** The provider's own code or type, such as `overloaded_error` or `1308`. */
  code?: string | undefined;
  /** The least time to wait, in ms, as the provider asked (body, `retry-after`, reset headers). */
  retryAfterMs?: number | undefined;
  /** `x-should-retry`, which both official SDKs obey before any table. */
  shouldRetry?: boolean | undefined;
  requestId?: string | undefined;
  /** The raw body or error text, cut to 4,000 characters and with keys taken out. */
  raw?: string | undefined;
  usage?: Usage | undefined;
  repairs?: readonly Repair[] | undefined;
  /** The stream's own reason when the failure was found in a stream. */
  reason?: StreamFaultReason | undefined;
  recording?: StreamRecording | undefined;
}

/** A try that failed at the provider boundary, classified once by the adapter that knows the API. */
export class ProviderError extends RunnerError {
  readonly fault: Fault;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly shouldRetry: boolean | undefined;
  readonly requestId: string | undefined;
  readonly raw: string | undefined;
  readonly usage: Usage;
  readonly repairs: readonly Repair[];
  readonly reason: StreamFaultReason | undefined;
  readonly recording: StreamRecording | undefined;
  constructor(message: string, facts: ProviderErrorFacts) {
    super(message, facts);
    this.fault = facts.fault;
    this.status = facts.status;
    this.code = facts.code;
    this.retryAfterMs = facts.retryAfterMs;
    this.shouldRetry = facts.shouldRetry;
    this.requestId = facts.requestId;
    this.raw = facts.raw;
    this.usage = facts.usage ?? {};
    this.repairs = facts.repairs ?? [];
    this.reason = facts.reason;
    this.recording = facts.recording;
  }
}

/** An attempt that did not end in a result: its process failed, or the gateway gave its last call up. */
export class TurnError extends RunnerError {
  readonly fault: Fault;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;
  constructor(
    message: string,
    facts: ErrorOptions & {
      fault: Fault;
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      requestId?: string | undefined;
    },
  ) {
    super(message, facts);
    this.fault = facts.fault;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.requestId = facts.requestId;
  }
}

/** The durable record cannot be read or written. Exit 78 for a newer schema, a wrong place or permissions, 75 for what may pass. */
export class LedgerError extends RunnerError {
  readonly reason: LedgerFaultReason;
  /** The file or address, without credentials. */
  readonly location: string;
  constructor(reason: LedgerFaultReason, message: string, facts: ErrorOptions & { location: string }) {
    super(message, facts);
    this.reason = reason;
    this.location = facts.location;
  }
}
