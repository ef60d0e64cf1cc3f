/** Cron expressions of which every field is good and that all the same never fire; croner just answers nothing for them. */

export interface CronProblem {
  readonly problem: string;
  readonly suggestion?: string;
}

/** The numbers that a field allows. */
export type NumberSet = ReadonlySet<number>;

export const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/** A field that leaves everything open. */
export function isOpen(field: string): boolean {
  return field === "*" || field === "?";
}

/** Every month has this day, February in a leap year. */
const inEveryMonth = 29;
const longest: Readonly<Record<number, number>> = { 2: 29, 4: 30, 6: 30, 9: 30, 11: 30 };

/**
 * A day of month that none of the months has. With a day of week beside it the job still fires on that weekday, unless `+`
 * asks for both.
 */
export function neverFires(
  dayOfMonth: string,
  dayOfWeek: string,
  days: NumberSet | undefined,
  inMonths: NumberSet | undefined,
): CronProblem | undefined {
  if (days === undefined || inMonths === undefined) return onlyNearestWeekday(dayOfMonth, dayOfWeek, inMonths);
  for (const day of days) if (day <= inEveryMonth) return undefined;
  const least = Math.min(...days);
  if ([...inMonths].some((month) => least <= (longest[month] ?? 31))) return undefined;
  if (!isOpen(dayOfWeek) && !dayOfWeek.startsWith("+")) return undefined;
  const names = [...inMonths].map((month) => months[month - 1]).join(", ");
  return {
    problem: `never fires: no day ${[...days].join(",")} in ${names}`,
    suggestion: `for the last day of a month, write "L"`,
  };
}

/** 29 February, alone, in years that have none. */
export function noLeapYear(
  dayOfMonth: string,
  dayOfWeek: string,
  [, , , days, inMonths, , years]: readonly (NumberSet | undefined)[],
  year: string,
): CronProblem | undefined {
  if (isOpen(year) || days === undefined || inMonths === undefined || years === undefined) return undefined;
  const onlyLeapDay = [...inMonths].every((month) => month === 2 && Math.min(...days) === 29);
  if (!onlyLeapDay || (!isOpen(dayOfWeek) && !dayOfWeek.startsWith("+"))) return undefined;
  if ([...years].some((each) => each % 4 === 0 && (each % 100 !== 0 || each % 400 === 0))) return undefined;
  return { problem: `never fires: no day ${dayOfMonth} in FEB of ${year}`, suggestion: `for the last day of a month, write "L"` };
}

/** `31W` in a month without a 31st has no nearest weekday either. */
function onlyNearestWeekday(dayOfMonth: string, dayOfWeek: string, inMonths: NumberSet | undefined): CronProblem | undefined {
  const days = dayOfMonth.split(",").map((part) => Number(/^(\d+)W?$/i.exec(part)?.[1] ?? Number.NaN));
  if (inMonths === undefined || days.some((day) => Number.isNaN(day))) return undefined;
  if (!isOpen(dayOfWeek) && !dayOfWeek.startsWith("+")) return undefined;
  if ([...inMonths].some((month) => Math.min(...days) <= (longest[month] ?? 31))) return undefined;
  return {
    problem: `never fires: no day ${dayOfMonth} in any of its months`,
    suggestion: `for the last weekday of a month, write "LW"`,
  };
}
