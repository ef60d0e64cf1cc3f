/**
 * Reads cron expressions: five fields, six with seconds in front, or seven with years behind, in the notation of croner 11, which computes their dates.
 * It is read here too, so that a mistake is explained by field and value, so that an expression that can never fire is an
 * error (croner just answers nothing), and so that the rule for DST changes is Debian cron's exactly.
 */
import { isOpen, months, neverFires, noLeapYear, type CronProblem, type NumberSet } from "./cron-never.ts";
import { nearest } from "./words.ts";

export interface CronExpression {
  /** Minute or hour starts with `*`: follows real time through DST changes. Otherwise a fixed time of day. */
  readonly wild: boolean;
  /** The fields as written, nicknames replaced: [second,] minute, hour, day of month, month, day of week[, year]. */
  readonly fields: readonly string[];
  /** The times of day as sorted numbers: every one of these hours has every one of these minutes has every one of these seconds. */
  readonly times: { readonly seconds: readonly number[]; readonly minutes: readonly number[]; readonly hours: readonly number[] };
  /** Which dates, as croner reads them: day of month, month, day of week[, years]. `* * *` is every date. */
  readonly dates: string;
  /** Something legal that cron(8) and croner read differently. */
  readonly doubt?: string;
}

/** The five fields of a crontab line, as the values that each allows. */
export interface CronSets {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  /** 1 to 12. */
  readonly months: ReadonlySet<number>;
  /** 0 to 6, Sunday first. */
  readonly weekdays: ReadonlySet<number>;
  /** Both day fields choose: either is enough. Otherwise both must hold. */
  readonly eitherDay: boolean;
  /** Minute or hour begins with `*`: it follows real time when the clock changes. */
  readonly wild: boolean;
}

interface FieldRule {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const rules: readonly FieldRule[] = [
  { name: "second", least: 0, most: 59 },
  { name: "minute", least: 0, most: 59 },
  { name: "hour", least: 0, most: 23 },
  { name: "day of month", least: 1, most: 31 },
  { name: "month", least: 1, most: 12, names: months },
  { name: "day of week", least: 0, most: 7, names: weekdays },
  // As in Quartz, from which the seventh field is known.
  { name: "year", least: 1970, most: 2099 },
];

const nicknames: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);

/** Longest expression read; the longest useful one, all minutes written out, has 200 characters. */
const maxLength = 500;

export function readCron(expr: string): CronExpression | CronProblem {
  if (newest?.expr !== expr) newest = { expr, read: readExpression(expr) };
  return newest.read;
}

/** Of one job it is asked twice: whether its expression is good, and whether it is in doubt. */
let newest: { readonly expr: string; readonly read: CronExpression | CronProblem } | undefined;

function readExpression(expr: string): CronExpression | CronProblem {
  if (expr.length > maxLength) return { problem: `the expression has ${expr.length} characters, at most ${maxLength} are read` };
  const text = nicknames.get(expr.trim().toLowerCase()) ?? expr.trim();
  if (text.startsWith("@")) return nickname(text);
  const fields = text.split(/\s+/).filter((field) => field !== "");
  if (fields.length < 5 || fields.length > 7) return wrongCount(fields, text);
  const all = fields.length === 5 ? ["0", ...fields, "*"] : fields.length === 6 ? [...fields, "*"] : fields;
  const values: (NumberSet | undefined)[] = [];
  for (const rule of rules) {
    const read = readField(all[values.length] ?? "", rule);
    if ("problem" in read) return read;
    values.push(read.values);
  }
  const [, minute = "", hour = "", dayOfMonth = "", month = "", dayOfWeek = "", year = ""] = all;
  const never = neverFires(dayOfMonth, dayOfWeek, values[3], values[4]) ?? noLeapYear(dayOfMonth, dayOfWeek, values, year);
  if (never !== undefined) return never;
  const wild = /^[*?]/.test(minute) || /^[*?]/.test(hour);
  const plain = (at: number): number[] => [...(values[at] ?? [])].toSorted((a, b) => a - b);
  const times = { seconds: plain(0), minutes: plain(1), hours: plain(2) };
  // Years are written out, because croner would count their steps from the year 1.
  const dates = [dayOfMonth, month, dayOfWeek, ...(isOpen(year) ? [] : [plain(6).join(",")])].join(" ");
  const doubt = /^\*\/|^\*,/.test(dayOfMonth) || /^\*\/|^\*,/.test(dayOfWeek) ? bothDays(dayOfMonth, dayOfWeek) : undefined;
  return { wild, fields, times, dates, ...(doubt === undefined ? {} : { doubt }) };
}

function nickname(text: string): CronProblem {
  if (/^@every\b/i.test(text)) return { problem: `"${text}" is not cron`, suggestion: `write "kind": "every" with "everyMs"` };
  if (/^@reboot$/i.test(text)) return { problem: "@reboot names no instant", suggestion: `write "schedule": { "kind": "boot" }` };
  const near = nearest(text, [...nicknames.keys()]);
  return {
    problem: `unknown nickname ${JSON.stringify(text.slice(0, 40))}`,
    suggestion: near === undefined ? `known: ${[...nicknames.keys()].join(", ")}` : `did you mean "${near}"?`,
  };
}

function wrongCount(fields: readonly string[], text: string): CronProblem {
  const suggestion = `five fields: minute hour day-of-month month day-of-week, such as "0 12 * * *"`;
  if (fields.length === 0) return { problem: "the expression is empty", suggestion };
  if (/^\d{4}-\d{2}-\d{2}/.test(text))
    return {
      problem: "this is an instant, not a cron expression",
      suggestion: `write "kind": "at", "at": "${text.slice(0, 40)}"`,
    };
  return { problem: `expected 5 fields (6 with seconds in front, 7 with years behind), found ${fields.length}`, suggestion };
}

type Field = { readonly values: NumberSet | undefined };

/** All numbers of each field, which most fields of most expressions allow. */
const every = new Map(rules.map((rule) => [rule, { values: new Set(numbersOf(wholeOf(rule), 1)) }]));

function wholeOf(rule: FieldRule): { from: number; to: number } {
  return { from: rule.least, to: rule.name === "day of week" ? 6 : rule.most };
}

function* numbersOf({ from, to }: { from: number; to: number }, step: number): Generator<number> {
  for (let value = from; value <= to; value += step) yield value;
}

/** The numbers a field allows; undefined where it holds a special form (L, W, #) that a set cannot say. */
function readField(field: string, rule: FieldRule): Field | CronProblem {
  return plainField(field, rule) ?? readList(field, rule);
}

/** `*` and a number alone, which is nearly all that is written, without taking the field apart. */
function plainField(field: string, rule: FieldRule): Field | undefined {
  if (isOpen(field)) return every.get(rule);
  const value = field.length <= 4 && /^\d+$/.test(field) ? Number(field) : -1;
  return value < rule.least || value > rule.most ? undefined : { values: new Set([value]) };
}

function readList(field: string, rule: FieldRule): Field | CronProblem {
  let text = field.toUpperCase();
  if (rule.name === "day of week" && text.startsWith("+") && text.length > 1) text = text.slice(1);
  const values = new Set<number>();
  let special = false;
  for (const part of text.split(",")) {
    if (part === "LW" && text !== part) return { problem: `${rule.name}: "LW" cannot stand in a list` };
    if (isSpecial(part, rule)) {
      special = true;
      continue;
    }
    const range = readPart(part, rule);
    if ("problem" in range) return range;
    for (const value of numbersOf(range, range.step)) values.add(value);
  }
  return { values: special ? undefined : values };
}

function isSpecial(part: string, rule: FieldRule): boolean {
  if (rule.name === "day of month") return /^(L|LW|([1-9]|[12]\d|3[01])W)$/.test(part);
  return rule.name === "day of week" && /^([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5]|#L)$/.test(part);
}

function readPart(part: string, rule: FieldRule): { from: number; to: number; step: number } | CronProblem {
  const said = `${rule.name} ${JSON.stringify(part.slice(0, 40))}`;
  const [, whole, from, to, stepText] = /^(?:([*?])|(\d+|[A-Z]+)(?:-(\d+|[A-Z]+))?)(?:\/(\d+))?$/.exec(part) ?? [];
  if (whole === undefined && from === undefined) return unreadable(part, said, rule);
  const step = stepText === undefined ? 1 : Number(stepText);
  const span = rule.name === "day of week" ? 7 : rule.most - rule.least + 1;
  if (step < 1 || step > span) return { problem: `${said}: a step of ${stepText} is not between 1 and ${span}` };
  if (whole !== undefined) return { ...wholeOf(rule), step };
  const first = toNumber(from ?? "", rule);
  // At the end of a range SUN is the seventh day: MON-SUN.
  const last = to === undefined ? first : to === "SUN" ? 7 : toNumber(to, rule);
  if (first === undefined || last === undefined) return unreadable(part, said, rule);
  if (first < rule.least || last < rule.least || first > rule.most || last > rule.most) {
    return { problem: `${said}: must be ${rule.least} to ${rule.most}` };
  }
  if (first > last) {
    const around = `${from}-${rule.most},${rule.least}-${to}`;
    return { problem: `${said}: the range runs backwards`, suggestion: `to go round the end, write "${around}"` };
  }
  if (to === undefined && stepText !== undefined) {
    return { problem: `${said}: a step needs a range or "*"`, suggestion: `write "${from}-${rule.most}/${stepText}"` };
  }
  return { from: first, to: last, step };
}

function unreadable(part: string, said: string, rule: FieldRule): CronProblem {
  if (part === "") return { problem: `${rule.name}: a comma without a value` };
  if (part === "H") return { problem: `${said}: "H" is Jenkins notation`, suggestion: "write the number itself" };
  const near =
    rule.names === undefined ? undefined : (rule.names.find((name) => part.startsWith(name)) ?? nearest(part, rule.names));
  const wanted = `${rule.least} to ${rule.most}${rule.names === undefined ? "" : ` or ${rule.names[0]} to ${rule.names.at(-1)}`}`;
  return {
    problem: `cannot read ${said}`,
    suggestion: near === undefined ? `write ${wanted}, "*", "*/5", "1-5" or "1,3"` : `did you mean "${near}"?`,
  };
}

function toNumber(text: string, rule: FieldRule): number | undefined {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  const at = rule.names?.indexOf(text) ?? -1;
  return at < 0 ? undefined : at + rule.least;
}

function bothDays(dayOfMonth: string, dayOfWeek: string): string | undefined {
  if (isOpen(dayOfMonth) || isOpen(dayOfWeek) || dayOfWeek.startsWith("+")) return undefined;
  return `day of month "${dayOfMonth}" and day of week "${dayOfWeek}": fires when either matches, where cron(8) would want both`;
}
