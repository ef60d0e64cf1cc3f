/** The shapes of what a job says of its slots beside when they are: catching up, overlap, its group. */
import type { CatchUp } from "./job.ts";
import { duration, oneOf, whole } from "./leaves.ts";
import { either, leaf, mapped, optional, shape } from "./shape.ts";
import { describe } from "./words.ts";

const policies = {
  coalesce: "latest",
  last: "latest",
  once: "latest",
  never: "skip",
  none: "skip",
  off: "skip",
  every: "all",
} as const;
const policy = oneOf(["latest", "skip", "all"], {}, policies);

/** The longest that a missed slot may be made up for. */
const longestAgeMs = 31 * 24 * 3_600_000;

const settings = shape(
  { expects: "an object", example: `{ "policy": "all", "maxAge": "6h", "max": 10 }` },
  {
    policy: optional(
      "`latest`: one run for the newest missed slot; `all`: one for each; `skip`: none. Default `latest`.",
      policy,
    ),
    maxAge: optional(
      "Older slots are not made up for. Default one interval of the job, at most 24h; with `all` 24h.",
      duration("6h", 1_000, longestAgeMs),
    ),
    max: optional("For `all`: the newest so many. Default 100.", whole(100, 1, 1_000)),
  },
  {
    window: `did you mean "maxAge"?`,
    within: `did you mean "maxAge"?`,
    startingDeadlineSeconds: `write "maxAge" with a unit: "10m"`,
    maxAgeMs: `write "maxAge" with a unit: "6h"`,
    limit: `did you mean "max"?`,
    maxRuns: `did you mean "max"?`,
    mode: `did you mean "policy"?`,
  },
);

const word = mapped(policy, (value): CatchUp => ({ policy: value }));
const object = mapped(settings, ({ policy: said = "latest", maxAge, max }): CatchUp => ({
  policy: said,
  ...(maxAge === undefined ? {} : { maxAgeMs: maxAge }),
  ...(max === undefined ? {} : { max }),
}));

/** What becomes of slots that passed while nobody was there. */
export const catchUp = either(
  { expects: `"latest", "skip", "all" or an object`, example: `"latest"` },
  (found) => typeof found === "object" && found !== null,
  object,
  word,
);

/** What a slot does while a run of the job is open. */
const beside = "a job never runs beside itself; two jobs may do the same";
export const overlap = oneOf(
  ["skip", "queue", "replace"],
  { allow: beside, Allow: beside, parallel: beside },
  { forbid: "skip", wait: "queue", buffer: "queue", cancel: "replace", kill: "replace", restart: "replace" },
);

/** A name shared by jobs that share a limit. */
export const groupForm = /^[A-Za-z0-9][\w.-]{0,63}$/;
export const group = leaf(
  { expects: "a name", example: `"reports"`, json: { type: "string", pattern: groupForm.source } },
  (found) => {
    if (typeof found !== "string") return {};
    if (groupForm.test(found)) return { value: found };
    return { problem: `${describe(found)} is no name of a group`, suggestion: "letters, digits, dots and dashes, at most 64" };
  },
);
