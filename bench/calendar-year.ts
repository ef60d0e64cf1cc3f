/**
 * A simulated year in every IANA zone against an independent, slow oracle of Debian cron's rule (test/schedule/oracle.ts):
 *
 *   node bench/calendar-year.ts [--year 2027] [--whole]
 *
 * `--whole` walks through every slot of what fires each half hour too, which takes some twenty minutes; without it these are compared slot by
 * slot around each change of the clocks, and by their number over the year.
 */
import { parseArgs } from "node:util";
import { checkExpression, expressions, oddDays, yearOf } from "../test/schedule/year.ts";

const { values } = parseArgs({
  options: { year: { type: "string", default: "2027" }, whole: { type: "boolean", default: false } },
});
const year = Number(values.year);
const began = performance.now();
// By the clocks they show: the oracle's answer is the same for those whose clocks are.
const answers = new Map<string, readonly (readonly number[])[]>();
const zones = Intl.supportedValuesOf("timeZone");
const wrong: string[] = [];
const odd: string[] = [];
let [slots, changes] = [0, 0];
for (const zone of zones) {
  const walked = yearOf(zone, year);
  const known = answers.get(walked.clocks);
  const checked = expressions.map((_, at) => checkExpression(walked, at, known?.[at], values.whole));
  answers.set(
    walked.clocks,
    checked.map(({ wanted }) => wanted),
  );
  slots += checked.reduce((sum, one) => sum + one.slots, 0);
  changes += walked.changes.length;
  wrong.push(...checked.flatMap((one) => one.wrong));
  if (known !== undefined) continue;
  for (const [at, { fields }] of expressions.entries())
    if (!fields.wild && fields.hours.size === 1 && fields.weekdays === undefined)
      odd.push(...oddDays(walked, checked[at]?.wanted ?? [], fields));
}
const seconds = Math.round((performance.now() - began) / 1_000);
console.log(
  `${zones.length} zones (${answers.size} different clocks, ${changes} changes), ${expressions.length} expressions, year ${year}`,
);
console.log(`${slots} slots compared one by one, the number of all others: ${wrong.length} differences`);
console.log(`civil days on which a nightly job does not run exactly once: ${odd.length}`);
console.log(`${seconds} s`);
for (const one of [...wrong, ...odd].slice(0, 20)) console.log(one);
process.exitCode = wrong.length + odd.length === 0 ? 0 : 1;
