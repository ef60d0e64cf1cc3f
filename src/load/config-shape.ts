/** The shape of a configuration file. */
import * as v from "valibot";
import { list, optional, shape, table, type KeyRule } from "../job/shape.ts";
import { duration, line, model, schemaAddress, whole, zone } from "../job/leaves.ts";
import { groupForm } from "../job/scheduling-shape.ts";
import { provider } from "./provider-shape.ts";

export { namingProblems } from "./provider-shape.ts";

const providerRule: KeyRule = (id) =>
  /^[A-Za-z0-9][\w.-]{0,63}$/.test(id)
    ? undefined
    : { problem: "a provider's id is letters, digits, dots and dashes, at most 64", suggestion: `models name it: "id/model"` };

const hour = 3_600_000;
const groupRule: KeyRule = (name) =>
  groupForm.test(name)
    ? undefined
    : {
        problem: "is no name of a group",
        suggestion: `letters, digits, dots and dashes, at most 64; jobs name it: "group": "reports"`,
      };

const scheduler = shape(
  { expects: "an object", example: '{ "maxRuns": 8, "groups": { "reports": 2 } }' },
  {
    maxRuns: optional("Runs at once, over all jobs. Default 8.", whole(8, 1, 10_000)),
    groups: optional(
      "Runs at once of the jobs of a group, by its name.",
      table({ expects: "an object of numbers by group", example: '{ "reports": 2 }' }, whole(2, 1, 10_000), {
        rule: groupRule,
        pattern: groupForm.source,
        max: 200,
      }),
    ),
    startsPerSecond: optional("Runs begun in one second. Default 10.", whole(10, 1, 10_000)),
    catchUpsPerSecond: optional(
      "How many of the runs begun in one second may be for slots that are caught up with. Default 5.",
      whole(5, 1, 10_000),
    ),
    shutdownGrace: optional(
      "From the first signal until what is still under way is ended. Default 20s.",
      duration("20s", 0, 24 * hour),
    ),
    killGrace: optional("From TERM to KILL of each process tree. Default 5s.", duration("5s", 0, hour)),
  },
  {
    maxConcurrentRuns: `did you mean "maxRuns"?`,
    concurrency: `did you mean "maxRuns"?`,
    maxConcurrency: `did you mean "maxRuns"?`,
    limit: `did you mean "maxRuns"?`,
    rate: `did you mean "startsPerSecond"?`,
    grace: `write "shutdownGrace" or "killGrace"`,
    timeout: `write "shutdownGrace" or "killGrace"`,
    providers: `belongs to a provider: "providers": { "<id>": { "maxRuns": … } }`,
    timezone: `belongs beside "scheduler", not in it`,
    catchUp: `belongs to jobs; for all of a folder, to its _defaults file`,
    overlap: `belongs to jobs; for all of a folder, to its _defaults file`,
    stagger: `belongs to jobs; for all of a folder, to its _defaults file`,
  },
);

const folder = (example: string) => line(example, 4_096);

export const configShape = shape(
  { expects: "an object", example: '{ "model": "kimi-coding/k2p5" }' },
  {
    $schema: v.exactOptional(schemaAddress),
    model: optional("Model of jobs that name none, as `provider/model`.", model),
    fallbacks: optional(
      "Models to fall back to, of jobs that name none.",
      list({ expects: "a list of models", example: '["anthropic/claude-sonnet-4-6"]' }, model, 20),
    ),
    timezone: optional("IANA zone of cron schedules that name none. Default the machine's.", zone),
    jobsDir: optional("Folder of the job files, relative to this file. Default `jobs`.", folder("jobs")),
    stateDir: optional("Folder of the ledger, relative to this file.", folder("~/.local/state/runner")),
    scheduler: optional("How much the daemon may do at once.", scheduler),
    providers: optional(
      "Providers by id: new ones, or changes to the built-in ones.",
      table({ expects: "an object of providers by id", example: '{ "example": { … } }' }, provider, {
        rule: providerRule,
        pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        max: 200,
      }),
    ),
  },
  {
    tz: `did you mean "timezone"?`,
    cron: `did you mean "scheduler"?`,
    daemon: `did you mean "scheduler"?`,
    maxRuns: `belongs in scheduler: "scheduler": { "maxRuns": … }`,
    groups: `belongs in scheduler: "scheduler": { "groups": … }`,
    startsPerSecond: `belongs in scheduler: "scheduler": { "startsPerSecond": … }`,
    shutdownGrace: `belongs in scheduler: "scheduler": { "shutdownGrace": … }`,
    killGrace: `belongs in scheduler: "scheduler": { "killGrace": … }`,
    concurrency: `write "scheduler": { "maxRuns": … }`,
    catchUp: `belongs to jobs; for all of a folder, to its _defaults file`,
    overlap: `belongs to jobs; for all of a folder, to its _defaults file`,
    jobs: `did you mean "jobsDir"?`,
    state: `did you mean "stateDir"?`,
    fallback: `write "fallbacks" with a list`,
    apiKey: `belongs to a provider: "providers": { "<id>": { "apiKey": … } }`,
    baseUrl: `belongs to a provider: "providers": { "<id>": { "baseUrl": … } }`,
    headers: `belongs to a provider: "providers": { "<id>": { "headers": … } }`,
    sseQuirks: `belongs to a provider: "providers": { "<id>": { "sseQuirks": … } }`,
  },
);

export type ConfigValues = v.InferOutput<typeof configShape>;
export type ProviderValues = NonNullable<ConfigValues["providers"]>[string];
