/** A cron expression as calendars of systemd.time(7). Pure. */
import { readCron } from "../../job/cron.ts";

export type CalendarProblem = { readonly problem: string };

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/** Of a cron expression that was checked: one line, or two where day of month and day of week each may let it fire. */
export function cronLines(expr: string, zone: string): readonly string[] | CalendarProblem {
  const read = readCron(expr);
  if ("problem" in read) return read;
  const { seconds, minutes, hours } = read.times;
  const { fields } = read;
  const at = fields.length === 5 ? 2 : 3;
  const [dayOfMonth = "*", month = "*", dayOfWeek = "*", year = "*"] = fields.slice(at).map((field) => field.toUpperCase());
  const time = [compact(hours, 0, 23), compact(minutes, 0, 59), compact(seconds, 0, 59)].map(padded).join(":");
  const yearAndMonth = `${year === "*" || year === "?" ? "*" : list(year, 1970, 2099)}-${list(month, 1, 12)}`;
  const line = (days: DayPart): string =>
    `OnCalendar=${days.weekdays === undefined ? "" : `${days.weekdays} `}${yearAndMonth}${days.date} ${time} ${zone}`;
  const [ofMonth, ofWeek] = [monthDays(dayOfMonth), weekDays(dayOfWeek.replace(/^\+/, ""))];
  const special = [...ofMonth, ...ofWeek].find((part) => "problem" in part);
  if (special !== undefined && "problem" in special) return special;
  const [byMonth, byWeek] = [ofMonth.filter(isPart), ofWeek.filter(isPart)];
  if (isOpen(dayOfMonth)) return byWeek.map(line);
  if (isOpen(dayOfWeek)) return byMonth.map(line);
  if (!dayOfWeek.startsWith("+")) return [...byMonth, ...byWeek].map(line);
  // `+`: only days that are both.
  const both = byMonth.flatMap((one) => byWeek.map((other): DayPart => ({ date: one.date, weekdays: other.weekdays })));
  if (byWeek.some(({ date }) => date !== "-*"))
    return { problem: "systemd has no way to ask for this day of week and a day of month" };
  return both.map(line);
}

/** `-DATE` of `*-*-DATE`, and the days of the week in front. */
interface DayPart {
  readonly date: string;
  readonly weekdays: string | undefined;
}

function isPart(part: DayPart | CalendarProblem): part is DayPart {
  return !("problem" in part);
}

function isOpen(field: string): boolean {
  return field === "*" || field === "?";
}

/** Plain days are one part, the last day another: systemd counts those from the end of the month in a notation of its own. */
function monthDays(field: string): (DayPart | CalendarProblem)[] {
  const parts = field.split(",");
  const nearest = parts.find((part) => part.endsWith("W"));
  if (nearest !== undefined) return [{ problem: `systemd has no weekday nearest to a date (${nearest})` }];
  const plain = parts.filter((part) => part !== "L");
  return [
    ...(plain.length === 0 ? [] : [{ date: `-${list(plain.join(","), 1, 31)}`, weekdays: undefined }]),
    ...(plain.length === parts.length ? [] : [{ date: "~01", weekdays: undefined }]),
  ];
}

function isCounted(part: string): boolean {
  return /(?:L|#(?:[1-5]|L))$/.test(part);
}

/** `5#2` is the Friday among the days 8 to 14, `5L` the one among the last seven. */
function weekDays(field: string): (DayPart | CalendarProblem)[] {
  const parts = field.split(",");
  const plain = parts.filter((part) => !isCounted(part));
  const counted = parts.filter(isCounted).map((part): DayPart => {
    const [day = "", nth = "L"] = part.split("#");
    const names = weekdays[dayNumber(day.replace(/L$/, "")) % 7];
    if (nth === "L") return { date: "~07/1", weekdays: names };
    const first = (Number(nth) - 1) * 7 + 1;
    return { date: `-${pad(first)}..${pad(Math.min(first + 6, 31))}`, weekdays: names };
  });
  if (plain.length === 0) return counted;
  const days = [...new Set(numbersOf(plain.join(","), 0, 7, 6).map((day) => day % 7))].toSorted((a, b) => a - b);
  const names = days.length === 7 ? undefined : days.map((day) => weekdays[day]).join(",");
  return [{ date: "-*", weekdays: names }, ...counted];
}

function dayNumber(text: string): number {
  const at = weekdays.findIndex((name) => name.toUpperCase() === text);
  return at === -1 ? Number(text) : at;
}

/** The numbers of a field that was checked. `*` goes up to `most`, or to `open` where a number beyond it has two spellings. */
export function numbersOf(field: string, least: number, most: number, open = most): number[] {
  return field.split(",").flatMap((part) => {
    const [range = "", step = "1"] = part.split("/");
    const [from = "", to = from] = range.split("-");
    const number = (text: string): number => {
      const month = months.indexOf(text);
      return month !== -1 && least === 1 ? month + 1 : least === 0 ? dayNumber(text) : Number(text);
    };
    const [first, last] = isOpen(range) ? [least, open] : [number(from), to === "SUN" && from !== to ? 7 : number(to)];
    return Array.from({ length: Math.floor((last - first) / Number(step)) + 1 }, (_, at) => first + at * Number(step));
  });
}

function list(field: string, least: number, most: number): string {
  return padded(
    compact(
      [...new Set(numbersOf(field, least, most))].toSorted((a, b) => a - b),
      least,
      most,
    ),
  );
}

/** Numbers as systemd shortens them: `*`, `0/15` up to the end, `9..17`, else one by one. */
export function compact(sorted: readonly number[], least: number, most: number): string {
  if (sorted.length === most - least + 1) return "*";
  const [first = least, second = first] = sorted;
  const step = second - first;
  const regular = sorted.length > 2 && sorted.every((value, at) => value === first + at * step);
  if (regular && step > 1 && (sorted.at(-1) ?? 0) + step > most) return `${first}/${step}`;
  if (regular && step === 1) return `${first}..${sorted.at(-1)}`;
  return sorted.join(",");
}

export function padded(numbersText: string): string {
  return numbersText.replaceAll(/(?<![/\d])\d(?!\d)/g, "0$&");
}

export function pad(value: number): string {
  return String(value).padStart(2, "0");
}
