import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Locate } from "../../src/job/check.ts";
import type { Job } from "../../src/job/job.ts";
import { parseJob, type ParsedJob } from "../../src/job/parse.ts";

const nowhere: Locate = () => ({ line: 1, column: 1 });

function parse(value: unknown, source: object = {}): ParsedJob {
  return parseJob(value, nowhere, { file: "jobs/a.json", id: "a", name: "a", ...source });
}

function jobOf(value: unknown, source?: object): Job {
  const parsed = parse(value, source);
  if ("issues" in parsed) throw new Error(JSON.stringify(parsed.issues));
  return parsed.job;
}

/** The problems of a value, as "path: message". */
function problems(value: unknown, source?: object): string[] {
  const parsed = parse(value, source);
  return "issues" in parsed ? parsed.issues.map(({ path, message }) => `${path}: ${message}`) : [];
}

const least = { payload: { message: "Hello" } };

describe("what a job may say", () => {
  it("is little: a message, and every default is filled in", () => {
    expect(jobOf(least)).toEqual({
      id: "a",
      name: "a",
      enabled: true,
      schedule: { kind: "manual" },
      payload: { kind: "agentTurn", message: "Hello", stream: "auto", maxTokens: 8_192 },
      retry: { maxAttempts: 3, delayMs: 5_000, factor: 2, maxDelayMs: 60_000, jitter: 0.25, set: [] },
      limits: {
        firstByteMs: 120_000,
        idleMs: 120_000,
        tryMs: 600_000,
        callMs: 1_200_000,
        attemptMs: 1_800_000,
        runMs: 3_600_000,
        triesPerCall: 12,
        callsPerAttempt: 50,
        maxWaitMs: 600_000,
        deferMs: 86_400_000,
        outputBytes: 1_048_576,
      },
      idempotent: false,
      source: { file: "jobs/a.json", line: 1 },
    });
  });

  it("is much: every field of ours", () => {
    const job = jobOf({
      id: "b393d508",
      name: " daily ",
      description: "What for.",
      enabled: false,
      schedule: { kind: "cron", expr: " 0 12 * * * ", tz: "Europe/London" },
      sessionTarget: "isolated",
      payload: {
        kind: "agentTurn",
        message: " Hello ",
        model: "openrouter/anthropic/claude:beta",
        fallbacks: [],
        stream: false,
        system: "Be terse.",
        maxTokens: 100,
        timeoutSeconds: 1.5,
      },
      retry: { maxAttempts: 1, delay: "500ms", factor: 1, maxDelay: "1m30s", jitter: 0 },
      limits: {
        firstByte: "1s",
        idle: "2s",
        try: "3s",
        call: "4s",
        run: "1h",
        triesPerCall: 1,
        callsPerAttempt: 2,
        maxWait: 0,
        outputBytes: 10,
      },
      idempotent: true,
    });
    expect(job).toEqual({
      id: "b393d508",
      name: "daily",
      description: "What for.",
      enabled: false,
      schedule: { kind: "cron", expr: "0 12 * * *", tz: "Europe/London" },
      payload: {
        kind: "agentTurn",
        message: " Hello ",
        model: "openrouter/anthropic/claude:beta",
        fallbacks: [],
        stream: false,
        system: "Be terse.",
        maxTokens: 100,
      },
      retry: { maxAttempts: 1, delayMs: 500, factor: 1, maxDelayMs: 90_000, jitter: 0, set: ["delay", "factor", "maxDelay"] },
      limits: {
        firstByteMs: 1_000,
        idleMs: 2_000,
        tryMs: 3_000,
        callMs: 4_000,
        attemptMs: 1_500,
        runMs: 3_600_000,
        triesPerCall: 1,
        callsPerAttempt: 2,
        maxWaitMs: 0,
        deferMs: 86_400_000,
        outputBytes: 10,
      },
      idempotent: true,
      source: { file: "jobs/a.json", line: 1 },
    });
  });

  it.each([
    [
      { kind: "every", everyMs: 1_800_000, anchorMs: 0 },
      { kind: "every", everyMs: 1_800_000, anchorMs: 0 },
    ],
    [
      { kind: "at", at: "2027-01-31T09:00:00" },
      { kind: "at", at: "2027-01-31T09:00:00.000Z" },
    ],
    [
      { kind: "at", at: "2027-01-31T09:00+01:00" },
      { kind: "at", at: "2027-01-31T08:00:00.000Z" },
    ],
    [
      { kind: "at", at: "2027-01-31" },
      { kind: "at", at: "2027-01-31T00:00:00.000Z" },
    ],
    [
      { kind: "at", at: 1_772_000_000_000 },
      { kind: "at", at: "2026-02-25T06:13:20.000Z" },
    ],
    [
      { kind: "at", at: "1772000000000" },
      { kind: "at", at: "2026-02-25T06:13:20.000Z" },
    ],
    [{ kind: "manual" }, { kind: "manual" }],
    [
      { kind: "cron", expr: "@daily", staggerMs: 0 },
      { kind: "cron", expr: "@daily" },
    ],
    [
      { kind: "cron", expr: "@daily", staggerMs: "300000" },
      { kind: "cron", expr: "@daily", staggerMs: 300_000 },
    ],
    [
      { every: "1h", stagger: "90s" },
      { kind: "every", everyMs: 3_600_000, staggerMs: 90_000 },
    ],
    ["@reboot", { kind: "boot" }],
    [{ kind: "cron", expr: " @Reboot " }, { kind: "boot" }],
    [
      { kind: "boot", stagger: "1m" },
      { kind: "boot", staggerMs: 60_000 },
    ],
    [
      { kind: "manual", tz: "Asia/Tokyo" },
      { kind: "manual", tz: "Asia/Tokyo" },
    ],
    // Without an offset a time is of the schedule's zone, where it names one.
    [
      { kind: "at", at: "2027-07-31T09:00", tz: "Europe/London" },
      { kind: "at", at: "2027-07-31T08:00:00.000Z", tz: "Europe/London" },
    ],
    [
      { kind: "at", at: "2027-07-31T09:00Z", tz: "Europe/London" },
      { kind: "at", at: "2027-07-31T09:00:00.000Z", tz: "Europe/London" },
    ],
    // A date alone begins with its midnight, and ends with the next one.
    [
      { every: "1h", tz: "Asia/Tokyo", startAt: "2026-12-01", endAt: "2026-12-31" },
      {
        kind: "every",
        everyMs: 3_600_000,
        anchorMs: Date.parse("2026-12-01T00:00+09:00"),
        tz: "Asia/Tokyo",
        startAt: Date.parse("2026-12-01T00:00+09:00"),
        endAt: Date.parse("2027-01-01T00:00+09:00"),
      },
    ],
    // 02:30 is jumped over in New York that night, and 01:30 comes twice.
    [
      { cron: "@hourly", tz: "America/New_York", startAt: "2026-03-08T02:30", endAt: "2026-11-01T01:30" },
      {
        kind: "cron",
        expr: "@hourly",
        tz: "America/New_York",
        startAt: Date.parse("2026-03-08T07:00Z"),
        endAt: Date.parse("2026-11-01T05:30Z"),
      },
    ],
    [
      { cron: "@hourly", startAt: "2026-03-08T02:30+02:00", endAt: 1_900_000_000_000 },
      { kind: "cron", expr: "@hourly", startAt: Date.parse("2026-03-08T00:30Z"), endAt: 1_900_000_000_000 },
    ],
  ])("a schedule: %o", (written, read) => {
    expect(jobOf({ ...least, schedule: written }).schedule).toEqual(read);
  });

  it.each([
    ["22:00-06:00", { kind: "daily", fromMinute: 1_320, toMinute: 360 }],
    ["18:30-24:00", { kind: "daily", fromMinute: 1_110, toMinute: 0 }],
    ["tue 0:00 - 24:00", { kind: "daily", fromMinute: 0, toMinute: 0, days: [2] }],
    ["sat,sun", { kind: "daily", fromMinute: 0, toMinute: 0, days: [0, 6] }],
    ["Mon-Fri 12:00-13:00", { kind: "daily", fromMinute: 720, toMinute: 780, days: [1, 2, 3, 4, 5] }],
    ["fri-mon, wednesday", { kind: "daily", fromMinute: 0, toMinute: 0, days: [0, 1, 3, 5, 6] }],
    ["2026-12-24", { kind: "span", from: "2026-12-24T00:00", to: "2026-12-25T00:00" }],
    ["2026-12-24..2026-12-26", { kind: "span", from: "2026-12-24T00:00", to: "2026-12-27T00:00" }],
    ["2026-12-24 18:00 .. 2026-12-26T06:00:30", { kind: "span", from: "2026-12-24T18:00", to: "2026-12-26T06:00:30" }],
  ])("a blackout: %s", (written, blackout) => {
    expect(jobOf({ ...least, schedule: "@daily", blackout: written }).schedule.blackout).toEqual([blackout]);
  });

  const inIndia = { zone: () => "Asia/Kolkata" };
  const nobody = {
    zone: () => {
      throw new Error("asked");
    },
  };
  it("times without an offset are of the project's zone, where the schedule names none; at is of UTC, as in OpenClaw", () => {
    const bounded = { ...least, schedule: "@daily", startAt: "2026-12-01T06:00" };
    expect(jobOf(bounded, inIndia).schedule).toMatchObject({ startAt: Date.parse("2026-12-01T06:00+05:30") });
    expect(jobOf(bounded).schedule).toMatchObject({ startAt: Date.parse("2026-12-01T06:00Z") });
    expect(jobOf({ ...least, at: "2026-12-01T06:00" }, inIndia).schedule).toEqual({
      kind: "at",
      at: "2026-12-01T06:00:00.000Z",
    });
  });

  it("the zone is not asked for where nothing depends on it", () => {
    expect(jobOf({ ...least, schedule: "@daily", startAt: "2026-12-01T06:00Z" }, nobody).schedule).toHaveProperty("startAt");
  });

  it.each([
    ["all", { policy: "all" }],
    [{ maxAge: "2h" }, { policy: "latest", maxAgeMs: 7_200_000 }],
    [
      { policy: "all", max: 3 },
      { policy: "all", max: 3 },
    ],
  ])("catching up: %o", (written, read) => {
    expect(jobOf({ ...least, catchUp: written, overlap: "replace", group: "reports" })).toMatchObject({
      catchUp: read,
      overlap: "replace",
      group: "reports",
    });
  });

  it("a default follows what was set beside it", () => {
    expect(jobOf({ payload: { message: "Hello", timeoutSeconds: 7_200 } }).limits).toMatchObject({
      attemptMs: 7_200_000,
      runMs: 7_200_000,
    });
    expect(jobOf({ payload: { message: "Hello", timeoutSeconds: 0 }, limits: { run: "2h" } }).limits).toMatchObject({
      attemptMs: 7_200_000,
      runMs: 7_200_000,
    });
    expect(jobOf({ ...least, limits: { call: "45m" } }).limits).toMatchObject({ callMs: 2_700_000, attemptMs: 2_700_000 });
    expect(jobOf({ ...least, limits: { try: "30m" } }).limits).toMatchObject({ tryMs: 1_800_000, callMs: 1_800_000 });
    expect(jobOf({ ...least, retry: { delay: "5m" } }).retry).toMatchObject({ delayMs: 300_000, maxDelayMs: 300_000 });
  });
});

describe("who a job is", () => {
  it("takes id and name from the file's path if it says none, the name from the id if there is no path", () => {
    expect(jobOf(least)).toMatchObject({ id: "a", name: "a" });
    expect(jobOf({ ...least, name: "b" })).toMatchObject({ id: "a", name: "b" });
    expect(jobOf({ ...least, id: "b" }, { id: undefined, name: undefined })).toMatchObject({ id: "b", name: "b" });
    expect(jobOf({ ...least, name: "b" }, { id: undefined, name: undefined })).toMatchObject({ id: "b", name: "b" });
  });
  it("must be said in a file of several", () => {
    expect(problems(least, { id: undefined, name: undefined, prefix: ["jobs", 3] })).toEqual([
      "jobs[3].name: is missing: in a file of several jobs each needs a name or an id",
    ]);
  });
});

describe("providers", () => {
  it("must be known if the known ones are given", () => {
    const value = { payload: { message: "Hello", model: "kimi-codin/k2p5", fallbacks: ["openai/x", "none/x"] } };
    expect(problems(value)).toEqual([]);
    const parsed = parse(value, { providers: ["kimi-coding", "openai"] });
    expect("issues" in parsed ? parsed.issues : []).toMatchObject([
      { path: "payload.model", message: 'there is no provider "kimi-codin"', suggestion: 'did you mean "kimi-coding/k2p5"?' },
      {
        path: "payload.fallbacks[1]",
        message: 'there is no provider "none"',
        suggestion: expect.stringContaining("known: kimi-coding, openai"),
      },
    ]);
  });
});

describe("fields of OpenClaw's", () => {
  const store = {
    id: "6f0d1c52-4a0e-4c3b-9c55-0d7b1f7f2a10",
    name: "fixture-digest",
    enabled: true,
    createdAtMs: 1_772_000_000_000,
    updatedAtMs: 1_772_000_000_000,
    schedule: { kind: "cron", expr: "0 7 * * 1-5", tz: "Europe/London", staggerMs: 300_000 },
    sessionTarget: "isolated",
    wakeMode: "now",
    agentId: null,
    payload: {
      kind: "agentTurn",
      message: "Hello",
      thinking: "low",
      lightContext: true,
      toolsAllow: ["web_fetch"],
      timeoutSeconds: 300,
    },
    delivery: { mode: "webhook", to: "https://hooks.example.invalid/digest" },
    failureAlert: { after: 1 },
    state: { lastError: "Unexpected event order", nextRunAtMs: 1 },
  };

  it("load, and those that would matter there are told in one warning", () => {
    const parsed = parse(store);
    expect("job" in parsed).toBe(true);
    expect(parsed.warnings.map(({ path, message }) => [path, message])).toEqual([
      [
        "delivery",
        "accepted from OpenClaw and not acted on yet: delivery, failureAlert, payload.lightContext, payload.toolsAllow",
      ],
    ]);
  });

  it("say nothing when they ask for nothing", () => {
    expect(
      parse({ ...least, wakeMode: "now", delivery: { mode: "none" }, failureAlert: false, deleteAfterRun: false, agentId: null })
        .warnings,
    ).toEqual([]);
  });

  it("that would change when it runs are refused", () => {
    expect(problems({ ...least, trigger: { script: "x" } })).toEqual([
      "trigger: is not carried out, and without it the job would run more often than it was meant to",
    ]);
  });

  it("a timeout of 0 is explained", () => {
    expect(parse({ payload: { message: "Hello", timeoutSeconds: 0 } }).warnings).toMatchObject([
      { path: "payload.timeoutSeconds" },
    ]);
  });
});

describe("doubts", () => {
  it("are warned of: a stagger for a start of the machine, if the job says it itself", () => {
    const value = { schedule: { staggerMs: 60_000 } };
    const layer = { value, origin: (path: unknown) => path, locate: nowhere, file: "_defaults.yaml", folder: "/" };
    const said = (schedule: object, staggered: boolean): unknown =>
      parse({ ...least, schedule }, { defaults: staggered ? [layer] : [] }).warnings.map(({ path }) => path);
    expect(said({ kind: "boot", stagger: "1m" }, false)).toEqual(["schedule.stagger"]);
    expect(said({ kind: "boot" }, true)).toEqual([]);
    expect(said({ kind: "every", every: "1h", stagger: "1m" }, false)).toEqual([]);
  });

  it("are warned of: a star with a step in a day field, which cron(8) reads differently", () => {
    expect(parse({ ...least, schedule: { kind: "cron", expr: "0 0 */2 * 1" } }).warnings).toMatchObject([
      { path: "schedule.expr", suggestion: expect.stringContaining("+") },
    ]);
    for (const expr of ["0 0 */2 * *", "0 0 1 * 1", "0 0 */2 * +1"])
      expect(parse({ ...least, schedule: { kind: "cron", expr } }).warnings).toEqual([]);
  });
});

describe("limits of the parser itself", () => {
  it("tells at most fifty problems", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`unknown${at}`, at]));
    expect(problems({ ...least, ...many })).toHaveLength(50);
  });
  it("takes a message of 200,000 characters and not one more", () => {
    expect(problems({ payload: { message: "x".repeat(200_000) } })).toEqual([]);
    expect(problems({ payload: { message: "x".repeat(200_001) } })).toEqual([
      "payload.message: has 200001 characters, at most 200000 are allowed",
    ]);
  });
  it("refuses names that a terminal would act on", () => {
    for (const name of ["a\nb", "a\u001b[31mb", "a\u0085b"])
      expect(problems({ ...least, name })).toEqual(["name: may not hold line breaks or other control characters"]);
  });
});

/** Values shaped enough like jobs to get past the first check, with anything in each place. */
const jobLike = fc.record(
  {
    id: fc.jsonValue(),
    name: fc.jsonValue(),
    enabled: fc.jsonValue(),
    schedule: fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          kind: fc.constantFrom("cron", "every", "at", "x"),
          expr: fc.oneof(fc.jsonValue(), fc.string()),
          tz: fc.string(),
          everyMs: fc.jsonValue(),
          at: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    ),
    payload: fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          message: fc.jsonValue(),
          model: fc.oneof(fc.string(), fc.jsonValue()),
          fallbacks: fc.jsonValue(),
          stream: fc.jsonValue(),
          timeoutSeconds: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    ),
    retry: fc.oneof(
      fc.jsonValue(),
      fc.record({ delay: fc.oneof(fc.string(), fc.jsonValue()), factor: fc.jsonValue() }, { requiredKeys: [] }),
    ),
    limits: fc.oneof(fc.jsonValue(), fc.record({ run: fc.jsonValue(), try: fc.jsonValue() }, { requiredKeys: [] })),
    __proto__: fc.jsonValue(),
  },
  { requiredKeys: [], noNullPrototype: true },
);

describe("any JSON value", () => {
  it("is either a job or at least one issue, and never an exception", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue({ maxDepth: 5 }), jobLike, fc.anything()), (value) => {
        const parsed = parse(value);
        const sound =
          "job" in parsed
            ? parsed.job.payload.kind === "command" || parsed.job.payload.message.trim() !== ""
            : parsed.issues.length > 0;
        expect(sound).toBe(true);
      }),
      // Names that every object has are no entries of a table.
      {
        numRuns: 3_000,
        examples: [[{ schedule: "__proto__" }], [{ message: "a", every: "5constructor" }], [{ timeout: "1__proto__" }]],
      },
    );
  });

  it("with a planted key anywhere is refused, and the key is nowhere in what is said", () => {
    const key = "sk-ant-api03-Pl4ntedPl4ntedPl4nted";
    const places = fc.constantFrom(
      "id",
      "name",
      "description",
      "enabled",
      "agentId",
      "state",
      "unknown",
      "schedule",
      "payload",
      "retry",
    );
    const wrap = fc.constantFrom<(text: string) => unknown>(
      (text) => text,
      (text) => `use ${text} now`,
      (text) => [text],
      (text) => ({ [text]: 1 }),
      (text) => ({ a: { b: [text] } }),
    );
    fc.assert(
      fc.property(places, wrap, (place, make) => {
        const parsed = parse({ ...least, [place]: make(key) });
        expect("issues" in parsed).toBe(true);
        expect(JSON.stringify(parsed)).not.toContain("Pl4nted");
      }),
    );
  });
});
