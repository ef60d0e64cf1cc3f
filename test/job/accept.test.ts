import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refused } from "../../src/job/accept.ts";
import { check, checkEach } from "../../src/job/check.ts";
import { schedules } from "../../src/job/schedule-shape.ts";
import { jobShape } from "../../src/job/job-shape.ts";
import { factsOf, isRecord, type Schema } from "../../src/job/shape.ts";
import { configShape } from "../../src/load/config-shape.ts";

/** Good values of every shape there is; what is wrong comes by chance. */
const jobs: readonly unknown[] = [
  { payload: { kind: "agentTurn", message: "Hello" } },
  {
    $schema: "./job.json",
    id: "a",
    name: "b",
    description: "c",
    enabled: false,
    schedule: "@daily",
    catchUp: { policy: "all", max: 3, maxAge: "2h" },
    overlap: "queue",
    group: "ops",
    sessionTarget: "isolated",
    payload: {
      kind: "agentTurn",
      message: "{{vars.team}}",
      model: "a/b",
      fallbacks: ["c/d"],
      stream: true,
      system: "s",
      maxTokens: 5,
      timeoutSeconds: 30,
      thinking: "low",
      tools: {
        files: "ro",
        shell: ["git", "ls"],
        http: { allow: ["example.org"], methods: ["GET", "POST"] },
        mcp: { notes: { command: ["./notes"], env: { A: "b" }, tools: ["x"] }, web: { url: "https://example.org/mcp" } },
      },
    },
    retry: { maxAttempts: 2, delay: "5s", factor: 1.5, maxDelay: "1m", jitter: 0, declared: true },
    limits: { run: "1h", usd: 0.5, tokens: 10, firstByte: "1s" },
    onRateLimit: "wait",
    gate: ["./check.sh"],
    expect: {
      matches: "x",
      minLength: 5,
      file: "out.txt",
      files: [{ path: "b.txt", fresh: false }],
      jsonSchema: { type: "object" },
    },
    quiet: false,
    record: "full",
    vars: { team: "ops", n: 1, flag: true },
    env: ["REGION"],
    workDir: "~/x",
    idempotent: true,
    state: { anything: [1, { a: null }] },
  },
  { catchUp: "latest", gate: { command: ["x"], timeout: "5s" }, payload: { kind: "command", argv: ["a", "b"], env: { A: "1" } } },
  { payload: { kind: "command", command: "echo hi", cwd: "/tmp", input: "x", outputMaxBytes: 100, noOutputTimeoutSeconds: 5 } },
];
const crons: readonly unknown[] = [
  {
    kind: "cron",
    expr: "0 12 * * *",
    tz: "UTC",
    staggerMs: 5,
    startAt: "2027-01-01",
    endAt: 1_900_000_000_000,
    blackout: "sat,sun",
  },
  { kind: "cron", expr: "*/5 1-4 * * MON", blackout: ["22:00-06:00", "sun"] },
];
const configs: readonly unknown[] = [
  {
    model: "a/b",
    fallbacks: ["c/d"],
    timezone: "Europe/London",
    jobsDir: "jobs",
    stateDir: "state",
    scheduler: { maxRuns: 3, groups: { ops: 2 } },
    providers: { a: { baseUrl: "https://example.org", dialect: "openai-completions", headers: { A: "b" }, models: { x: {} } } },
  },
];

const oddValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    0,
    -1,
    1.5,
    Number.NaN,
    "",
    " ",
    "x",
    "5s",
    "a/b",
    [],
    {},
    ["x"],
    { a: 1 },
    "@daily",
  ),
  fc.jsonValue({ maxDepth: 1 }),
);
const oddKey = fc.constantFrom(
  "a",
  "kind",
  "constructor",
  "prototype",
  "toString",
  "id",
  "name",
  "allow",
  "models",
  "message",
  "",
);

interface Change {
  readonly at: number;
  readonly how: "put" | "remove" | "add";
  readonly key: string;
  readonly value: unknown;
}
const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat({ max: 200 }),
  how: fc.constantFrom("put" as const, "remove" as const, "add" as const),
  key: oddKey,
  value: oddValue,
});

/** The value with one of its places changed; which of them, the number says. */
function changed(value: unknown, { at, how, key, value: other }: Change): unknown {
  const copy: unknown = structuredClone(value);
  const spots: { holder: Record<string, unknown> | unknown[]; key: string }[] = [];
  const walk = (here: unknown): void => {
    if (typeof here !== "object" || here === null) return;
    for (const [name, item] of Object.entries(here)) {
      if (Array.isArray(here) || isRecord(here)) spots.push({ holder: here, key: name });
      walk(item);
    }
  };
  walk(copy);
  const spot = spots[at % spots.length];
  if (spot === undefined) return copy;
  const { holder } = spot;
  if (how === "put") Reflect.set(holder, spot.key, other);
  else if (how === "add")
    Reflect.defineProperty(holder, Array.isArray(holder) ? String(holder.length) : key, {
      value: other,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  else Reflect.deleteProperty(holder, spot.key);
  return copy;
}

/** The value with its keys in their order, which `toEqual` does not look at. */
const inOrder = (value: unknown): string => JSON.stringify(value) ?? "undefined";

describe("the quick way through a shape", () => {
  const shapes: readonly [string, Schema, readonly unknown[]][] = [
    ["jobs", jobShape, jobs],
    ["schedules", schedules.cron, crons],
    ["configurations", configShape, configs],
  ];
  it.each(shapes)("of %s makes just what valibot makes, and refuses just what has a problem", (_name, schema, good) => {
    const samples = fc.tuple(fc.constantFrom(...good), fc.array(change, { maxLength: 2 }));
    let taken = 0;
    let not = 0;
    fc.assert(
      fc.property(samples, ([value, changes]) => {
        const found = changes.reduce<unknown>((now, next) => changed(now, next), value);
        const quick = factsOf(schema)?.accept(found);
        if (quick === refused) not += 1;
        else taken += 1;
        const slow = checkEach(schema, found);
        const made: unknown = "problems" in slow ? refused : slow.value;
        // Not `toStrictEqual`, which takes a key named "constructor" for the class.
        expect(isDeepStrictEqual(quick, made)).toBe(true);
        expect(inOrder(quick)).toBe(inOrder(made));
      }),
      { numRuns: 1_500 },
    );
    expect(taken).toBeGreaterThan(100);
    expect(not).toBeGreaterThan(100);
  });

  it.each(shapes)("takes each good one of %s", (_name, schema, good) => {
    for (const value of good) expect(check(schema, value)).not.toHaveProperty("problems");
  });

  it.each([
    ["an unknown key", { payload: { kind: "agentTurn", message: "x" }, nonsense: 1 }],
    [
      "a key that JavaScript knows",
      JSON.parse('{ "payload": { "kind": "agentTurn", "message": "x" }, "vars": { "__proto__": "x" } }'),
    ],
    ["what it only inherits", Object.create({ id: "a", payload: { kind: "agentTurn", message: "x" } })],
  ])("leaves %s to valibot", (_what, value: unknown) => {
    expect(factsOf(jobShape)?.accept(value)).toBe(refused);
  });
});
