/** What may stand at the top of a job although it belongs in its payload or schedule, because that is where people write it. */

/** Keys of a payload that may stand at the top of a job, because that is where people write them. */
export const flatPayloadKeys: readonly string[] = [
  "kind",
  "message",
  "model",
  "fallbacks",
  "stream",
  "system",
  "maxTokens",
  "maxTurns",
  "thinking",
  "tools",
  "timeoutSeconds",
  "command",
  "argv",
  "cwd",
  "input",
  "noOutputTimeoutSeconds",
  "outputMaxBytes",
];

/** Keys of a schedule that may stand at the top of a job. */
export const flatScheduleKeys: readonly string[] = [
  "cron",
  "tz",
  "every",
  "at",
  "expr",
  "everyMs",
  "anchorMs",
  "atMs",
  "stagger",
  "staggerMs",
  "startAt",
  "endAt",
  "blackout",
];

/** Which of the keys an object has, in the order of the keys. */
export function presentOf(keys: readonly string[], object: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(object).some((key) => keys.includes(key)) ? keys.filter((key) => Object.hasOwn(object, key)) : [];
}
