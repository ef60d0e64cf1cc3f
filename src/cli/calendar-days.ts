/** What will fire, day by day: the days of the project's zone, the slots of each job's own. */
import type { Job } from "../job/job.ts";
import { instantOf, clockAt } from "../job/local-time.ts";
import { nextOffsetChange, type OffsetChange } from "../job/offset.ts";
import { blackoutAt, blackoutEdges, describeBlackout } from "../schedule/blackout.ts";
import { countSlots, newestSlots } from "../schedule/slot.ts";
import { staggerOf } from "../schedule/stagger.ts";
import { comingAfter, type Coming } from "./coming.ts";

const day = 86_400_000;
/** More slots a day than this are told in one row. */
const mostListed = 8;

export interface CalendarDay {
  /** `2026-11-26`, on the project's clocks. */
  readonly date: string;
  /** The first instant of the day, or of what is left of today, and the first after it. */
  readonly from: number;
  readonly to: number;
  /** Of the zones of jobs that have a slot in these days. */
  readonly changes: readonly (OffsetChange & { readonly zone: string })[];
  /** By the time of their first slot. */
  readonly rows: readonly CalendarRow[];
}

/** The slots of one job on one day. */
export interface CalendarRow {
  readonly job: Job;
  readonly zone: string;
  /** How many they are, and how many of them are skipped for a blackout. */
  readonly slots: number;
  readonly skipped: number;
  /** The blackouts that they are skipped for. */
  readonly blackout: readonly string[];
  readonly first: Coming;
  readonly last: Coming;
  /** Each of them; absent where they are many. */
  readonly times?: readonly Coming[];
}

/** The days from today on. A slot is of the day on which it is answered. */
export function calendarDays(jobs: readonly Job[], now: number, days: number, projectZone: string): CalendarDay[] {
  const today = Math.floor(clockAt(projectZone, now) / day);
  const zones = new Set<string>();
  const found = Array.from({ length: days }, (_, ahead): CalendarDay => {
    const from = ahead === 0 ? now : instantOf(projectZone, (today + ahead) * day);
    const to = instantOf(projectZone, (today + ahead + 1) * day);
    const rows = jobs.flatMap((job) => rowOf(job, from, to, projectZone) ?? []);
    for (const { zone } of rows) zones.add(zone);
    return {
      date: new Date((today + ahead) * day).toISOString().slice(0, 10),
      from,
      to,
      changes: [],
      rows: rows.toSorted((a, b) => a.first.dueAt - b.first.dueAt),
    };
  });
  return found.map((one) => ({ ...one, changes: changesOn([...zones], one) }));
}

function changesOn(zones: readonly string[], { from, to }: CalendarDay): CalendarDay["changes"] {
  return zones.flatMap((zone) => {
    const change = nextOffsetChange(zone, from - 1, to - 1);
    return change === undefined ? [] : [{ zone, ...change }];
  });
}

function rowOf(job: Job, from: number, to: number, projectZone: string): CalendarRow | undefined {
  const share = staggerOf(job.id, job.schedule.staggerMs);
  // In nominal instants, after `low` and up to `high`.
  const [low, high] = [from - share - 1, to - share - 1];
  const { slots } = countSlots(job.schedule, low, high, projectZone);
  const first = slots === 0 ? undefined : comingAfter(job, low, projectZone);
  if (first === undefined) return undefined;
  const [newest = first.at] = newestSlots(job.schedule, low, high, 1, projectZone);
  const last = comingAfter(job, newest - 1, projectZone) ?? first;
  const times = slots > mostListed ? undefined : listed(job, low, slots, projectZone);
  const within = times === undefined ? skippedIn(job, low, high, first.zone, projectZone) : skippedOf(times);
  return { job, zone: first.zone, slots, ...within, first, last, ...(times === undefined ? {} : { times }) };
}

function listed(job: Job, low: number, count: number, projectZone: string): Coming[] {
  const times: Coming[] = [];
  for (let after = low; times.length < count;) {
    const coming = comingAfter(job, after, projectZone);
    if (coming === undefined) break;
    times.push(coming);
    after = coming.at;
  }
  return times;
}

type Skipped = Pick<CalendarRow, "skipped" | "blackout">;

function skippedOf(times: readonly Coming[]): Skipped {
  const found = times.flatMap(({ blackout }) => blackout ?? []);
  return { skipped: found.length, blackout: [...new Set(found)] };
}

/** The same, counted between the edges of the blackouts. */
function skippedIn(job: Job, low: number, high: number, zone: string, projectZone: string): Skipped {
  const { blackout = [], staggerMs } = job.schedule;
  const share = staggerOf(job.id, staggerMs);
  const cuts = [low, ...blackoutEdges(blackout, zone, low + share + 1, high + share).map((edge) => edge - share - 1), high];
  const names = new Set<string>();
  let skipped = 0;
  for (const [at, from] of cuts.slice(0, -1).entries()) {
    const within = blackoutAt(blackout, zone, from + 1 + share);
    const slots = within === undefined ? 0 : countSlots(job.schedule, from, cuts[at + 1] ?? high, projectZone).slots;
    if (within !== undefined && slots > 0) names.add(describeBlackout(within));
    skipped += slots;
  }
  return { skipped, blackout: [...names] };
}
