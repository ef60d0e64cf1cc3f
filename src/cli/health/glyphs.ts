/** The signs of `status`: of Unicode, or of ASCII where the terminal's locale knows no other. Told apart without colour, too. Pure. */
import type { Light } from "../../engine/health/job-state.ts";
import type { RunStatus } from "../../run/run.ts";
import type { Style } from "../output.ts";

export interface Glyphs {
  readonly lights: Readonly<Record<Light, string>>;
  readonly sparks: Readonly<Record<Spark, string>>;
  readonly ellipsis: string;
  readonly dot: string;
}

type Spark = "good" | "bad" | "blocked" | "missed" | "other" | "open";

const unicode: Glyphs = {
  lights: { red: "✖", yellow: "▲", busy: "▶", green: "●", off: "○" },
  sparks: { good: "▂", bad: "█", blocked: "▆", missed: "·", other: "-", open: "▸" },
  ellipsis: "…",
  dot: "·",
};

const ascii: Glyphs = {
  lights: { red: "!", yellow: "~", busy: ">", green: "+", off: "-" },
  sparks: { good: ".", bad: "X", blocked: "B", missed: "m", other: "-", open: ">" },
  ellipsis: "...",
  dot: "|",
};

/** The first of LC_ALL, LC_CTYPE and LANG that is set says the locale; none of them says nothing. */
export function glyphsFor(env: Readonly<Record<string, string | undefined>>): Glyphs {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => value !== undefined && value !== "");
  return locale === undefined || /utf-?8/i.test(locale) ? unicode : ascii;
}

export const lightStyles: Readonly<Record<Light, Style>> = {
  red: "red",
  yellow: "yellow",
  busy: "cyan",
  green: "green",
  off: "dim",
};

const sparkOf: Readonly<Record<RunStatus, readonly [Spark, Style]>> = {
  succeeded: ["good", "green"],
  quiet: ["good", "green"],
  failed: ["bad", "red"],
  timed_out: ["bad", "red"],
  interrupted: ["bad", "red"],
  unknown: ["bad", "red"],
  blocked: ["blocked", "red"],
  missed: ["missed", "yellow"],
  skipped: ["other", "dim"],
  cancelled: ["other", "yellow"],
  deferred: ["other", "yellow"],
  queued: ["open", "cyan"],
  running: ["open", "cyan"],
  waiting: ["open", "cyan"],
};

/** One sign a run, the oldest first. */
export function sparks(
  newestFirst: readonly { readonly status: RunStatus }[],
  glyphs: Glyphs,
  style: (style: Style, text: string) => string,
): string {
  return newestFirst
    .map(({ status }) => {
      const [spark, colour] = sparkOf[status];
      return style(colour, glyphs.sparks[spark]);
    })
    .toReversed()
    .join("");
}
