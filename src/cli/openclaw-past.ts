/** What OpenClaw recorded of a job, in words, with what runner would have done about it; and its next run there against ours. Pure. */
import type { Schedule } from "../job/job.ts";
import { nextSlots } from "../schedule/slot.ts";
import { duration, instantUtc, oneLine } from "./format.ts";
import type { Comparison, DueRow } from "./side-by-side.ts";

type State = Readonly<Record<string, unknown>>;

/** What runner does about a failure of OpenClaw's, by its words. The first that fits counts. */
const answers: readonly (readonly [words: RegExp, answer: string])[] = [
  [
    /event order|message_start|message_stop|content_block|stream ended|terminal event|malformed.*stream|unexpected end of json|incomplete tool/i,
    "runner repairs such a stream or asks again, then without streaming, then the next model (docs/streams.md)",
  ],
  [
    /rate.?limit|\b429\b|too many requests/i,
    "runner waits as long as the provider asks, or goes to the next model (docs/budgets.md)",
  ],
  [
    /overloaded|\b529\b|\b503\b|server_error|\b50[024]\b/i,
    "runner asks again after a pause, then the next model (docs/healing.md)",
  ],
  [/quota|billing|insufficient|\b402\b/i, "runner goes to the next model, and says what the plan lacks (docs/budgets.md)"],
  [
    /unauthor|\b401\b|\b403\b|api key|auth/i,
    "runner would have stopped before the first token: blocked, with the key's name (docs/doctor.md)",
  ],
  [
    /time.?out|timed out|terminated|ECONNRESET|fetch failed|network/i,
    "runner asks again on a new connection, within the run's limits (docs/healing.md)",
  ],
  [/context|too long|maximum.*tokens/i, "runner ends the run and says so: asking again does not help"],
  [
    /empty|no (?:visible )?(?:text|response|answer)|couldn't generate/i,
    "runner takes an empty answer for a failure, and asks again (docs/expect.md)",
  ],
];

/** One line on its last runs there; undefined if nothing is recorded. */
export function pastLine(state: State): string | undefined {
  const status = text(state, "lastRunStatus") ?? text(state, "lastStatus");
  const at = time(state, "lastRunAtMs");
  if (status === undefined && at === undefined) return undefined;
  const when = at === undefined ? "" : ` on ${instantUtc(at)}`;
  const errors = time(state, "consecutiveErrors") ?? 0;
  const error = text(state, "lastError");
  if (status !== "error" && errors === 0) return `last run there: ${status ?? "unknown"}${when}`;
  const times = errors > 1 ? `failed ${errors} times in a row, the last time` : "failed";
  const said = error === undefined ? "" : `: ${JSON.stringify(oneLine(error, 120))}`;
  const answer = answers.find(([words]) => words.test(`${error ?? ""} ${text(state, "lastErrorReason") ?? ""}`))?.[1];
  return `${times}${when}${said}. ${answer ?? "runner records each attempt with the class of its failure: runner explain"}`;
}

/** Its next run there, held against the slot that is ours at that instant. */
export function nextThere(state: State, schedule: Schedule, zone: string): Comparison | undefined {
  const there = time(state, "nextRunAtMs");
  if (there === undefined || there <= 0) return undefined;
  const [slot] = nextSlots(schedule, new Date(there - 1), 1, zone);
  const here = slot?.getTime();
  if (here === there) return { zone, next: [{ at: there, before: true, now: true }], changes: [] };
  const reason = reasonFor(state, schedule, there);
  const rows: DueRow[] = [{ at: there, before: true, now: false, reason }];
  if (here !== undefined) rows.push({ at: here, before: false, now: true });
  return { zone, next: rows, changes: [] };
}

function reasonFor(state: State, schedule: Schedule, there: number): string {
  const errors = time(state, "consecutiveErrors") ?? 0;
  if (errors > 0)
    return `put off there after ${errors} ${errors === 1 ? "failure" : "failures"}; here a failed run does not move the next slot`;
  if (schedule.kind === "every") {
    const last = time(state, "lastRunAtMs");
    if (last !== undefined && Math.abs(there - last - schedule.everyMs) < 1_000)
      return "counted there from the last run; here from a fixed instant, so it does not drift";
  }
  const { kind } = schedule;
  const stagger = kind === "manual" ? 0 : (schedule.staggerMs ?? 0);
  if (stagger > 0)
    return `put off there by its share of a stagger of ${duration(stagger)}; here the slot is the instant itself, and it is answered within that time`;
  return kind === "manual" || kind === "at" || kind === "boot"
    ? "it is not due then here"
    : "not an instant of this schedule in this zone: was it changed, or in another zone?";
}

function text(state: State, key: string): string | undefined {
  const value = state[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function time(state: State, key: string): number | undefined {
  const value = state[key];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
