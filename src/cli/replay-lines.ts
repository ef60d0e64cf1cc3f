/** The lines of `runner replay`: each try then and now. Pure. */
import type { ReplayedTry, Verdict } from "../compose/replay.ts";
import { oneLine } from "./format.ts";
import { table, type Style } from "./output.ts";

export function replayLines(tries: readonly ReplayedTry[], style: (style: Style, text: string) => string): string[] {
  const head = ["TRY", "MODEL", "STREAM", "THEN", "NOW", ""].map((cell) => style("bold", cell));
  const rows = tries.map(({ attempt, call, try: number, model, stream, was, now, same }) => [
    `${attempt}.${call}.${number}`,
    oneLine(model, 60),
    stream ? "on" : "off",
    words(was, style),
    now === undefined ? style("dim", "not recorded") : words(now, style),
    same ? "" : style("red", "differs"),
  ]);
  const reasons = tries.flatMap(({ attempt, call, try: number, now, same }) =>
    same || now?.message === undefined ? [] : [`  ${attempt}.${call}.${number} now: ${oneLine(now.message, 300)}`],
  );
  return [...table([head, ...rows]), ...reasons];
}

/** `repaired: dup_start ×28`, `refused: spliced_message`. */
function words({ outcome, why }: Verdict, style: (style: Style, text: string) => string): string {
  const counted = [...Map.groupBy(why, (code) => code)].map(([code, { length }]) => (length === 1 ? code : `${code} ×${length}`));
  const colour = ({ clean: "green", repaired: "green", refused: "yellow" } as const)[outcome];
  return style(colour, outcome) + (counted.length === 0 ? "" : `: ${oneLine(counted.join(", "), 60)}`);
}
