import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Job } from "../../src/job/job.ts";
import { jobKeeper } from "../../src/job/keeper.ts";
import { parseJob } from "../../src/job/parse.ts";

function parsed(value: object, name = "a", line = 1): Job {
  const read = parseJob(value, () => ({ line, column: 1 }), { file: "jobs/all.json", id: name, name });
  if (!("job" in read)) throw new Error(JSON.stringify(read.issues));
  return read.job;
}

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).filter((one) => one.trim() !== "");
const words = fc.dictionary(fc.stringMatching(/^[A-Z]{1,8}$/), text, { maxKeys: 3 });

const turn = fc.record(
  {
    kind: fc.constant("agentTurn"),
    message: text.map((one) => one.replaceAll("{", "(")),
    maxTokens: fc.integer({ min: 1, max: 9_000 }),
  },
  { requiredKeys: ["kind", "message"] },
);
const command = fc.record(
  { kind: fc.constant("command"), argv: fc.array(text, { minLength: 1, maxLength: 4 }), env: words },
  { requiredKeys: ["kind", "argv"] },
);
const written = fc.record(
  {
    schedule: fc.constantFrom("0 9 * * *", { kind: "every", every: "90s" }, { kind: "cron", expr: "@daily", tz: "Asia/Tokyo" }),
    payload: fc.oneof(turn, command),
    retry: fc.record({ maxAttempts: fc.integer({ min: 1, max: 9 }), jitter: fc.double({ min: 0, max: 1, noNaN: true }) }),
    limits: fc.record({ run: fc.constantFrom("2h", "90m") }),
    description: text,
    quiet: fc.constantFrom(false, "NOTHING"),
  },
  { requiredKeys: ["schedule", "payload"] },
);

const job = written
  .map((one) => parseJob(one, () => ({ line: 1, column: 1 }), { file: "jobs/all.json", id: "a", name: "a" }))
  .filter((read) => "job" in read)
  .map((read) => read.job);

it("a job that is kept says what it said, whatever was kept before it", () => {
  fc.assert(
    fc.property(fc.array(job, { maxLength: 6 }), (all) => {
      const keep = jobKeeper();
      expect(all.map(keep)).toStrictEqual(structuredClone(all));
    }),
  );
});

it("what jobs say alike is there once, and what only one says is its own", () => {
  const keep = jobKeeper();
  const message = "Look at everything that has changed since yesterday.";
  const made = (name: string, more: object): Job =>
    keep(parsed({ schedule: "0 9 * * *", limits: { run: "2h" }, payload: { kind: "agentTurn", message, ...more } }, name));
  const [a, b, c] = [made("a", {}), made("b", {}), made("c", { maxTokens: 10 })];
  expect(b.limits).toBe(a.limits);
  expect(b.schedule).toBe(c.schedule);
  expect(b.retry).toBe(a.retry);
  expect([a.id, b.id, c.id]).toEqual(["a", "b", "c"]);
  expect([a, b, c].map(({ payload }) => ("maxTokens" in payload ? payload.maxTokens : 0))).toEqual([8192, 8192, 10]);
});

function echo(argument: string): object {
  return { schedule: "0 9 * * *", payload: { kind: "command", argv: ["echo", argument] } };
}

it("a job that says the same from the same place is the one of the reading before", () => {
  const before = ["a", "b", "c"].map((name, at) => jobKeeper()(parsed(echo("x"), name, at)));
  const keep = jobKeeper(before);
  expect(keep(parsed(echo("x"), "a", 0))).toBe(before[0]);
  expect(keep(parsed(echo("y"), "b", 1))).not.toBe(before[1]);
  const moved = keep(parsed(echo("x"), "c", 9));
  expect(moved).not.toBe(before[2]);
  expect(moved.source.line).toBe(9);
});
