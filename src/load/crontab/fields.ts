/**
 * The five time fields of crontab(5), as the crons of Debian (Vixie 3.0 with its patches) and Red Hat (cronie) read them. Where the two
 * differ, or pass over what they cannot read, the field is a problem: nobody can say what was meant. Pure.
 */
import { nearest } from "../../job/words.ts";

export interface FieldProblem {
  /** Offset in the field of what cannot be read. */
  readonly at: number;
  readonly problem: string;
  readonly suggestion: string;
}

export interface CronField {
  readonly text: string;
  readonly values: ReadonlySet<number>;
  /** It begins with `*`. Such a minute or hour follows real time; such a day does not choose (crontab(5): "start with *"). */
  readonly star: boolean;
  /** cronie picks a value of this part anew each time the table is loaded. */
  readonly random?: string;
  /** A job file says it in other words: this list. */
  readonly rewritten?: string;
}

interface FieldRule {
  /** As cron names it when it complains. */
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

export const fieldRules: readonly FieldRule[] = [
  { name: "minute", least: 0, most: 59 },
  { name: "hour", least: 0, most: 23 },
  { name: "day of month", least: 1, most: 31 },
  { name: "month", least: 1, most: 12, names: months },
  { name: "day of week", least: 0, most: 7, names: weekdays },
];

/**
 * @param pick Chooses one value from `from` to `to` for a random part; the same for the same line, so that importing twice gives one job.
 */
export function readField(text: string, rule: FieldRule, pick: (from: number, to: number) => number): CronField | FieldProblem {
  const values = new Set<number>();
  let at = 0;
  let random: string | undefined;
  let longStep = false;
  for (const part of text.split(",")) {
    const read = readPart(part, rule);
    if ("problem" in read) return { at, ...read };
    if (read.random) {
      random = part;
      values.add(pick(read.from, read.to));
    } else {
      for (let value = read.from; value <= read.to; value += read.step) values.add(value);
      longStep ||= read.step > read.to - read.from && read.step > 1;
    }
    at += part.length + 1;
  }
  // 0 and 7 are both Sunday.
  if (rule.most === 7 && values.delete(7)) values.add(0);
  const list = [...values].toSorted((a, b) => a - b).join(",");
  return {
    text,
    values,
    star: text.startsWith("*"),
    ...(random === undefined ? {} : { random }),
    ...(random === undefined && !longStep ? {} : { rewritten: list }),
  };
}

type Part = { readonly from: number; readonly to: number; readonly step: number; readonly random: boolean };
type PartProblem = Omit<FieldProblem, "at">;

function readPart(part: string, rule: FieldRule): Part | PartProblem {
  if (part === "") return { problem: `bad ${rule.name}: a comma without a value`, suggestion: "take the comma out" };
  const tilde = /^(\d*)~(\d*)$/.exec(part);
  if (tilde !== null) return randomPart(part, rule, tilde[1] ?? "", tilde[2] ?? "");
  const [, star, from = "", to, step] = /^(?:(\*)|([0-9]+|[A-Za-z]+)(?:-([0-9]+|[A-Za-z]+))?)(?:\/([0-9]+))?$/.exec(part) ?? [];
  if (star === undefined && from === "") return unreadable(part, rule);
  const every = step === undefined ? 1 : Number(step);
  if (every === 0) return { problem: `bad ${rule.name}: ${shown(part)} steps by 0`, suggestion: `write a step from 1 on` };
  if (star !== undefined) return { from: rule.least, to: rule.most, step: every, random: false };
  const [first, last] = [toNumber(from, rule), to === undefined ? toNumber(from, rule) : toNumber(to, rule)];
  if (first === undefined || last === undefined) return unreadable(part, rule);
  if (first < rule.least || first > rule.most || last < rule.least || last > rule.most)
    return {
      problem: `bad ${rule.name}: ${shown(part)} is not within ${rule.least} to ${rule.most}`,
      suggestion: outside(rule, part),
    };
  if (to === undefined && step !== undefined)
    return {
      problem: `bad ${rule.name}: ${shown(part)}: a step needs a range or "*"`,
      suggestion: `write "${from}-${rule.most}/${step}"`,
    };
  if (first > last)
    return {
      problem: `bad ${rule.name}: ${shown(part)} runs backwards: Debian's cron takes it and never matches, cronie refuses it`,
      suggestion: `to go round the end, write "${first}-${rule.most},${rule.least}-${last}"`,
    };
  return { from: first, to: last, step: every, random: false };
}

function randomPart(part: string, rule: FieldRule, from: string, to: string): Part | PartProblem {
  const [first, last] = [from === "" ? rule.least : Number(from), to === "" ? rule.most : Number(to)];
  if (first < rule.least || last > rule.most || first > last)
    return {
      problem: `bad ${rule.name}: ${shown(part)} is not within ${rule.least} to ${rule.most}`,
      suggestion: outside(rule, part),
    };
  return { from: first, to: last, step: 1, random: true };
}

function outside(rule: FieldRule, part: string): string {
  if (rule.name === "hour" && part === "24") return 'midnight is "0"';
  return `write ${rule.least} to ${rule.most}`;
}

/** What other schedulers have in such a field, and where it is at home. */
const foreign: readonly (readonly [form: RegExp, what: string])[] = [
  [/^\?$/, `"?" is Quartz's, cron has "*"`],
  [/^(?:L|\d*L|LW|L-\d+)$/i, `"L" is not cron's; a job file has it: cron: "0 0 L * *"`],
  [/^\d+W$/i, `"W" is not cron's; a job file has it: cron: "0 0 15W * *"`],
  [/#/, `"#" is not cron's; a job file has it: cron: "0 0 * * FRI#2"`],
  [/^H(?:\(|\/|$)/i, `"H" is Jenkins's; write the number itself`],
];

function unreadable(part: string, rule: FieldRule): PartProblem {
  const problem = `bad ${rule.name}: cannot read ${shown(part)}`;
  const other = foreign.find(([form]) => form.test(part));
  if (other !== undefined) return { problem, suggestion: other[1] };
  const lower = part.toLowerCase();
  const near =
    rule.names?.find((name) => lower.startsWith(name)) ?? (rule.names === undefined ? undefined : nearest(lower, rule.names));
  if (near !== undefined && /^[a-z]+$/.test(lower))
    return { problem, suggestion: `names have three letters: did you mean "${near}"?` };
  const names = rule.names === undefined ? "" : ` or ${rule.names[0] ?? ""} to ${rule.names.at(-1) ?? ""}`;
  return { problem, suggestion: `write ${rule.least} to ${rule.most}${names}, "*", "*/5", "1-5" or "1,3"` };
}

function shown(part: string): string {
  return JSON.stringify(part.slice(0, 40));
}

function toNumber(text: string, rule: FieldRule): number | undefined {
  if (/^\d+$/.test(text)) return text.length > 9 ? undefined : Number(text);
  const at = rule.names?.indexOf(text.toLowerCase()) ?? -1;
  return at < 0 ? undefined : at + rule.least;
}
