/** Durations, instants and sizes as people read them. Pure. */
import { instantWords } from "../job/instant-words.ts";

/** `340 ms`, `5.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(Math.round(ms / 100) / 10).toString()} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return joined(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return joined(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joined(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major} ${majorUnit}` : `${major} ${majorUnit} ${minor} ${minorUnit}`;
}

/** `Wed 2026-11-25 20:30:00 +01:00`, on the zone's clocks. */
export function instantIn(zone: string, at: number): string {
  const { weekday, date, time, offset } = instantWords(zone, at);
  return `${weekday.slice(0, 3)} ${date} ${time} ${offset}`;
}

/** `2026-11-22 12:00:00Z`, seconds precision. */
export function instantUtc(at: number): string {
  return new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

/** The instants that a recorded reason holds in UTC (`2026-11-22T12:00:00.000Z`), written as the others beside it. */
export function withInstants(reason: string, write: (at: number) => string): string {
  return reason.replaceAll(/\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z/g, (iso) => write(Date.parse(iso)));
}

/** How long ago, or `in …` for the future. */
export function ago(at: number, now: number): string {
  return at <= now ? `${duration(now - at)} ago` : `in ${duration(at - now)}`;
}

/** The first characters of a run's id, enough to name it by. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** Text of a model or a provider for a terminal: without the control characters that could steer it; lines and tabs stay. */
export function plainText(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, "");
}

/** One line of at most `width` columns; control characters of foreign text are taken out so that it cannot steer a terminal. */
export function oneLine(text: string, width = 200): string {
  const plain = text.replaceAll(/\p{Cc}+/gu, " ").trim();
  return plain.length <= width ? plain : `${plain.slice(0, width - 1)}…`;
}

/** `2026-11-22 12:00:00.123Z`. */
export function instantMs(at: number): string {
  return new Date(at).toISOString().replace("T", " ");
}
