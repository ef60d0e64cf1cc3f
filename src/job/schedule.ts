/** When a job is due, and what becomes of its slots. Times carry `Ms` in their name, or are epoch ms where it says so. */

/** The rule for when, and its bounds. */
export type Schedule = ScheduleRule & ScheduleBounds;

type ScheduleRule =
  /** `expr` as croner 11 reads it, on the clocks of `tz`. */
  | { readonly kind: "cron"; readonly expr: string }
  /** Every `everyMs` from `anchorMs` (epoch ms; default 0) on. */
  | { readonly kind: "every"; readonly everyMs: number; readonly anchorMs?: number }
  /** Once, at an ISO instant. In a file one without an offset is of `tz`, and without that of UTC, as in OpenClaw. */
  | { readonly kind: "at"; readonly at: string }
  /** Once after each start of the machine, when the scheduler first runs in that boot: `@reboot` of crontab(5). */
  | { readonly kind: "boot" }
  /** Only by hand. */
  | { readonly kind: "manual" };

/** What any kind of schedule may say beside its rule. */
interface ScheduleBounds {
  /** IANA zone of the schedule's clocks: of its fields, its blackouts, and what is shown of it. Default the configuration's, else the machine's. */
  readonly tz?: string;
  /**
   * A slot is answered up to so much later than its instant: a fixed share of it for each job, made of the job's id, so that many jobs of one
   * minute do not start together (openclaw/openclaw#51594). Default 0. The slot's key stays the instant itself.
   */
  readonly staggerMs?: number;
  /** There are no slots before it, epoch ms. */
  readonly startAt?: number;
  /** There are no slots at or after it, epoch ms. */
  readonly endAt?: number;
  /** Times in which slots are not answered: each is recorded as `skipped`. */
  readonly blackout?: readonly Blackout[];
}

/** A time in which nothing is to begin, on the clocks of the schedule's zone. */
export type Blackout =
  /** From one minute of the day up to another, past midnight if `toMinute` is not later; begun on these days of the week only (0 is Sunday), or on any. */
  | { readonly kind: "daily"; readonly fromMinute: number; readonly toMinute: number; readonly days?: readonly number[] }
  /** From one local time up to another, as ISO 8601 without an offset: `2026-12-24T18:00`. */
  | { readonly kind: "span"; readonly from: string; readonly to: string };

/**
 * `skip`: a slot that passed is `missed`. `latest`: one run for the newest of them. `all`: one run for each, oldest first, at most `max`. A slot
 * older than `maxAgeMs` is `missed` whatever the policy; so is one before the job was first seen, or before its schedule was changed.
 */
export interface CatchUp {
  readonly policy: "skip" | "latest" | "all";
  /** Default the least of one interval of the job and 24 h; with `all` 24 h. */
  readonly maxAgeMs?: number;
  /** For `all`: the newest so many. Default 100. */
  readonly max?: number;
}

/**
 * `skip`: the slot is recorded as `skipped`, with the run that was in its way. `queue`: it waits for that run's end; at most one slot of a job
 * waits. `replace`: the open run is stopped, confirmed dead, and then the slot's begins. A run that waits for its next attempt is open.
 */
export type Overlap = "skip" | "queue" | "replace";
