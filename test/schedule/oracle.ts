/**
 * Debian cron's rule, minute by minute and slowly, to judge the real thing by. It shares nothing with it: it reads no
 * expression (fields are given as sets) and takes local time from Intl.
 */
export interface LocalMinute {
  /** Epoch ms of this real minute. */
  readonly at: number;
  /** Local wall time as if it were UTC, in ms: civil times compare and subtract as numbers. */
  readonly local: number;
}

export interface Fields {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  /** 0 to 6, Sunday first; undefined for every day. */
  readonly weekdays?: ReadonlySet<number>;
  /** Minute or hour starts with `*`. */
  readonly wild: boolean;
}

const minute = 60_000;

/** Every real minute from `from` to `to` (both whole minutes) with its local time in the zone. */
export function localMinutes(zone: string, from: number, to: number): LocalMinute[] {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const found: LocalMinute[] = [];
  for (let at = from; at <= to; at += minute) {
    // "03/29/2026, 02:00"
    const [month = 0, day, year = 0, hour, minutes] = format.format(at).split(/\D+/).map(Number);
    found.push({ at, local: Date.UTC(year, month - 1, day, hour, minutes) });
  }
  return found;
}

/** The real minutes at which the entry runs. The first few hours of `minutes` are only a run-up. */
export function due(fields: Fields, minutes: readonly LocalMinute[]): number[] {
  const runs: number[] = [];
  let last: number | undefined;
  for (const { at, local } of minutes) {
    // A clock shows a time again only after it went back.
    const isFirst = last === undefined || local > last;
    let run = matches(fields, local) && (fields.wild || isFirst);
    if (!fields.wild && last !== undefined) {
      // The minutes that the clock jumped over are made up for at once.
      for (let skipped = last + minute; skipped < local; skipped += minute) run ||= matches(fields, skipped);
    }
    if (run) runs.push(at);
    last = last === undefined ? local : Math.max(last, local);
  }
  return runs;
}

function matches({ minutes, hours, weekdays }: Fields, local: number): boolean {
  const count = Math.floor(local / minute);
  return (
    minutes.has(count % 60) &&
    hours.has(Math.floor(count / 60) % 24) &&
    // The first of January 1970 was a Thursday.
    (weekdays === undefined || weekdays.has((Math.floor(count / 1_440) + 4) % 7))
  );
}

/** The instants, to the hour, at which a zone's clock changes within a year. */
export function changes(zone: string, year: number): number[] {
  const hour = 3_600_000;
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset", year: "numeric" });
  const offset = (at: number): string => format.format(at).split("GMT")[1] ?? "";
  const found: number[] = [];
  let before = offset(Date.UTC(year, 0, 1));
  for (let at = Date.UTC(year, 0, 1) + hour; at <= Date.UTC(year + 1, 0, 1); at += hour) {
    const now = offset(at);
    if (now !== before) found.push(at);
    before = now;
  }
  return found;
}
