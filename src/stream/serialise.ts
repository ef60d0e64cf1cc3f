/**
 * One server-sent event of the Anthropic dialect. The `event:` line is always written: the official SDK drops frames
 * without it. `data` must not hold a line break (`oneLine` sees to it).
 */
export function namedFrame(type: string, data: string): string {
  return `event: ${type}\ndata: ${data}\n\n`;
}

/** One server-sent event of the OpenAI dialect, which has no event names. */
export function dataFrame(data: string): string {
  return `data: ${data}\n\n`;
}

/** JSON that came in several `data:` lines, as one line. The text of strings cannot change: raw line breaks are not valid in them. */
export function oneLine(data: string, parsed: unknown): string {
  return data.includes("\n") || data.includes("\r") ? JSON.stringify(parsed) : data;
}
