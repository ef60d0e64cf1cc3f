/** What a row of OpenClaw's store says and a job file cannot: named for the person who imports, and kept as a comment in the file. Pure. */
import { namesKey } from "../../job/command-leaves.ts";
import { isRecord } from "../../job/shape.ts";
import { holdsSecret } from "../crontab/secrets.ts";
import type { Stored } from "./stored.ts";

export interface Left {
  /** `delivery`, `payload.lightContext`. */
  readonly names: readonly string[];
  /** Lines of a comment, with their values. */
  readonly comment: readonly string[];
}

/** Everything of a row is either carried over, or of no meaning outside of its store, or left. */
const carried: Readonly<Record<"" | "schedule" | "payload", ReadonlySet<string>>> = {
  "": words("id jobId name description enabled schedule payload workDir createdAtMs updatedAtMs state"),
  schedule: words("kind expr cron tz staggerMs everyMs anchorMs at atMs"),
  payload: words(
    "kind message model fallbacks thinking timeoutSeconds argv command cwd env input noOutputTimeoutSeconds outputMaxBytes",
  ),
};

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}

/** Longest value that is kept, in characters. */
const longest = 1_000;

/** @param fields a row with today's spellings, see job/normalise.ts */
export function leftOf(fields: Stored): Left {
  const found = (["", "schedule", "payload"] as const).flatMap((place) => {
    const at = place === "" ? fields : fields[place];
    return Object.entries(isRecord(at) ? at : {})
      .filter(([key, value]) => !carried[place].has(key) && !asksNothing(key, value))
      .map(([key, value]) => ({ name: `${place === "" ? "" : `${place}.`}${plainName(key)}`, value }));
  });
  if (found.length === 0) return { names: [], comment: [] };
  return {
    names: found.map(({ name }) => name),
    comment: ["Not acted on:", ...found.map(({ name, value }) => `  ${name}: ${shown(name, value)}`)],
  };
}

/** A key of a store may be any text. */
function plainName(key: string): string {
  return /^[\w$-]{1,60}$/.test(key) ? key : JSON.stringify(key.slice(0, 60));
}

/** What is so there by default, and here always. */
function asksNothing(key: string, value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true;
  if (key === "isolation") return isRecord(value) && Object.keys(value).length === 0;
  return (key === "sessionTarget" && value === "isolated") || (key === "wakeMode" && value === "now");
}

/** The value with every text in it that is a key, by its form or by the name that it has, taken out. */
function shown(name: string, value: unknown): string {
  const text = JSON.stringify(value, (key, one: unknown) =>
    typeof one === "string" && (holdsSecret(one) || namesSecret(key) || namesSecret(name)) ? "[not shown]" : one,
  );
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length} characters)`;
}

function namesSecret(name: string): boolean {
  return namesKey(name) || /token|secret|password|authorization/i.test(name);
}
