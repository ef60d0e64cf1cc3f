/** `status` as lines of a width: the head, a row for each job, and what to do. Pure, so that the live view is the same one. */
import { lightOf, type JobHealth, type Light } from "../../engine/health/job-state.ts";
import type { ProjectHealth } from "../../engine/health/health.ts";
import { ago, oneLine } from "../format.ts";
import type { Style } from "../output.ts";
import { adviceOf } from "./advice.ts";
import { lightStyles, sparks, type Glyphs } from "./glyphs.ts";
import { headLines } from "./head.ts";
import { past, stateWords } from "./words.ts";

export interface ViewOptions {
  readonly now: number;
  /** Zone of times in words. */
  readonly zone: string;
  /** Columns; Infinity where nobody looks at it. */
  readonly width: number;
  /** Lines; Infinity if there is no end to them. */
  readonly height: number;
  readonly glyphs: Glyphs;
  readonly style: (style: Style, text: string) => string;
}

/** Rows of jobs that have something to be said of, at most: whoever has more sees the table. */
const mostAdvice = 10;

const rank: Readonly<Record<Light, number>> = { red: 0, busy: 1, yellow: 2, green: 3, off: 4 };

export function statusLines(health: ProjectHealth, options: ViewOptions): string[] {
  const { style, width, glyphs } = options;
  const head = headLines(health, options.now, options.zone).flatMap(({ text, bad }) =>
    wrapped(text.trimStart(), width, " ".repeat(text.length - text.trimStart().length)).map((line) =>
      bad ? style("yellow", line) : style("dim", line),
    ),
  );
  const advice = adviceLines(health, options);
  const above = head.length === 0 ? [] : [...head, ""];
  const room = options.height - above.length - 1;
  // Where not everything has room, the jobs come before what is to be said of them, and the worst before the others.
  const jobs = inOrder(health.jobs, health.jobs.length > room);
  const rows = jobs.length <= room ? jobs : jobs.slice(0, Math.max(room - 1, 1));
  const more = jobs.length - rows.length;
  const shown = [...above, ...tableLines(rows, options)];
  if (more > 0) shown.push(style("dim", `${glyphs.ellipsis} and ${more} more`));
  const left = options.height - shown.length - 1;
  return advice.length > 0 && left >= 2 ? [...shown, "", ...advice.slice(0, left)] : shown;
}

/** What must be looked at stands first; the others keep their places, so that a live view does not jump, unless they have no room. */
function inOrder(jobs: readonly JobHealth[], byRank: boolean): readonly JobHealth[] {
  const key = (job: JobHealth): number => (byRank ? rank[lightOf(job)] : Math.min(rank[lightOf(job)], 1));
  return jobs.toSorted((a, b) => key(a) - key(b));
}

interface Column {
  readonly head: string;
  /** Plain text; `paint` colours it when it has been cut. */
  readonly cell: (health: JobHealth) => string;
  readonly paint?: (text: string, health: JobHealth) => string;
  /** It may be cut down to so many columns, and where nothing else helps to so many. Default not at all. */
  readonly least?: readonly [wish: number, need: number];
  readonly right?: boolean;
}

function tableLines(jobs: readonly JobHealth[], options: ViewOptions): string[] {
  const { now, glyphs, style, width } = options;
  const lit = (text: string, health: JobHealth): string => style(lightStyles[lightOf(health)], text);
  const columns: readonly Column[] = [
    { head: " ", cell: (health) => glyphs.lights[lightOf(health)], paint: lit },
    { head: "JOB", cell: ({ job }) => oneLine(job.name, 60), least: [16, 10] },
    { head: "STATE", cell: (health) => stateWords(health, now), paint: lit, least: [32, 16] },
    { head: "LAST END", cell: (health) => lastEndWords(health, now) },
    { head: "NEXT", cell: ({ nextAt }) => (nextAt === undefined ? "" : ago(nextAt, now)) },
    { head: "30 DAYS", cell: ({ rate }) => rateWords(rate), right: true },
    {
      head: "LAST RUNS",
      cell: ({ recent }) => sparks(recent.slice(0, 20), glyphs, (_, text) => text),
      paint: (_, { recent }) => sparks(recent.slice(0, 20), glyphs, style),
      right: true,
    },
  ];
  // What helps least goes first where there is no room: the sparks, the rate, the last end, the next slot.
  for (const dropped of [[], [6], [6, 5], [6, 5, 3], [6, 5, 3, 4]]) {
    const kept = columns.filter(({ cell }, at) => !dropped.includes(at) && (at < 3 || jobs.some((job) => cell(job) !== "")));
    const lines = fitted(kept, jobs, { width, glyphs, style }, dropped.length === 4);
    if (lines !== undefined) return lines;
  }
  return [];
}

/** The rows in these columns; `undefined` if they do not fit and `force` is not said. */
function fitted(
  columns: readonly Column[],
  jobs: readonly JobHealth[],
  { width, glyphs, style }: Pick<ViewOptions, "width" | "glyphs" | "style">,
  force: boolean,
): string[] | undefined {
  const cells = jobs.map((health) => columns.map(({ cell }) => cell(health)));
  const widths = columns.map(({ head }, at) => Math.max(head.length, ...cells.map((row) => (row[at] ?? "").length)));
  const total = (): number => widths.reduce((sum, one) => sum + one, 0) + 2 * (widths.length - 1);
  for (const [at, column] of [...columns.entries()].toReversed()) {
    const over = total() - width;
    const own = widths[at] ?? 0;
    const least = column.least?.[force ? 1 : 0] ?? own;
    if (over > 0 && least < own) widths[at] = Math.max(least, own - over);
  }
  if (total() > width && !force) return undefined;
  const padded = (text: string, at: number): string => {
    const size = widths[at] ?? 0;
    const cut = text.length <= size ? text : `${text.slice(0, Math.max(size - glyphs.ellipsis.length, 0))}${glyphs.ellipsis}`;
    return columns[at]?.right === true ? cut.padStart(size) : cut.padEnd(size);
  };
  const head = columns.map(({ head: text }, at) => style("bold", padded(text, at))).join("  ");
  const rows = jobs.map((health, row) =>
    columns
      .map(({ paint, right }, at) => {
        const text = padded(cells[row]?.[at] ?? "", at);
        const bare = text.trim();
        const blanks = " ".repeat(text.length - bare.length);
        const painted = paint?.(bare, health) ?? bare;
        return right === true ? blanks + painted : painted + blanks;
      })
      .join("  ")
      .trimEnd(),
  );
  return [head.trimEnd(), ...rows];
}

function lastEndWords({ lastEnd }: JobHealth, now: number): string {
  if (lastEnd === undefined) return "";
  return `${lastEnd.status.replace("_", " ")} ${past(lastEnd.finishedAt ?? lastEnd.startedAt, now)}`;
}

/** Rounded down, so that 100 % means that none failed. */
function rateWords({ good, all }: JobHealth["rate"]): string {
  return all === 0 ? "" : `${Math.floor((100 * good) / all)} %`;
}

function adviceLines({ jobs, daemon }: ProjectHealth, { now, zone, width, style }: ViewOptions): string[] {
  const told = inOrder(jobs, true).flatMap((health) => adviceOf(health, daemon.kind === "alive", now, zone) ?? []);
  const lines = told
    .slice(0, mostAdvice)
    .flatMap(({ job, text, type }) => [
      ...wrapped(`${oneLine(job ?? "", 60)}: ${text}`, width, "  "),
      ...(type.length === 0 ? [] : [`    ${type.map((command) => style("cyan", command)).join("    ")}`]),
    ]);
  if (told.length > mostAdvice)
    lines.push(style("dim", `  and ${told.length - mostAdvice} more; one of them: runner status JOB`));
  return lines.length === 0 ? [] : [style("bold", "What to do"), ...lines];
}

/** Lines of at most so many columns, broken at blanks; the first begins with `indent`, the others a little further in. */
function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    const longer = line.trim() === "" ? `${line}${word}` : `${line} ${word}`;
    if (longer.length <= width || line.trim() === "") line = longer;
    else {
      lines.push(line);
      line = `${indent}  ${word}`;
    }
  }
  return [...lines, line];
}

/** For the line of what changed: `running for 2 min` changes each second, and its kind does not. */
export function summary(health: ProjectHealth): string {
  const of = (light: Light): number => health.jobs.filter((job) => lightOf(job) === light).length;
  const parts = [
    [of("red"), "to be looked at"],
    [of("busy"), "under way"],
    [of("yellow"), "held back"],
    [of("green"), "ok"],
    [of("off"), "not run"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(", ");
}
