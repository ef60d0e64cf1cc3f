/** What the clocks of a zone show at an instant, for people and for models. */

export interface InstantWords {
  /** `Wednesday`. */
  readonly weekday: string;
  /** `2026-11-25`. */
  readonly date: string;
  /** `20:30:00`. */
  readonly time: string;
  /** `+01:00`: what tells two equal clock times apart. */
  readonly offset: string;
}

/** @throws RangeError for a zone that does not exist. */
export function instantWords(zone: string, at: number): InstantWords {
  const parts = formatterOf(zone).formatToParts(at);
  const { weekday, year, month, day, hour, minute, second, timeZoneName } = Object.fromEntries(
    parts.map(({ type, value }) => [type, value]),
  );
  return {
    weekday: weekday ?? "",
    date: `${year}-${month}-${day}`,
    time: `${hour}:${minute}:${second}`,
    offset: timeZoneName === "GMT" ? "+00:00" : (timeZoneName ?? "").replace("GMT", ""),
  };
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  let known = formatters.get(zone);
  if (known === undefined) {
    known = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      weekday: "long",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
      timeZoneName: "longOffset",
    });
    formatters.set(zone, known);
  }
  return known;
}
