import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Frame, StreamDialect, StreamEnd } from "../../src/stream/event.ts";
import {
  anthropicEvents,
  E,
  type Event,
  frameOf,
  generation,
  type MarkedChunk,
  openaiChunks,
  type Outcome,
  ping,
  run,
  runEvents,
  type Said,
  saidAnthropic,
  saidBy,
  saidOpenai,
} from "./wire.ts";

/**
 * The promise: whatever is done to the events of an answer, the machine ends in that answer or in an error, never in another
 * answer. What no client can see is left out of the generators and listed in docs/streams.md: a single content delta that is
 * lost, repeated or swapped inside its own block; an end that is brought forward whole (stop reason and message_stop together);
 * a second answer without its start behind a first one that was cut exactly at the end of a block.
 */

/** `PROPERTY_RUNS=50000 npx vitest run test/stream/properties.test.ts` searches longer. */
const runs = Number(process.env["PROPERTY_RUNS"] ?? 1500);
const fewer = Math.ceil(runs / 3);
const ends = fc.constantFrom<StreamEnd>("eof", "transport_error", "idle_after_stop_reason", "idle_timeout");

/** Whether the message came through. Throws if it is another one. */
function judge(outcome: Outcome, said: (body: unknown) => Said, allowed: readonly Said[]): boolean {
  if (outcome.message === undefined) return false;
  const heard = said(outcome.message.body);
  if (!allowed.some((one) => isDeepStrictEqual(one, heard)))
    throw new Error(`another message: ${JSON.stringify({ heard, allowed })}`);
  return true;
}

/** fast-check's report of a counterexample, or `held`. */
function report<T>(property: fc.IProperty<T>, numRuns: number): string {
  const result = fc.check(property, { numRuns });
  return fc.defaultReportMessage(result) ?? "held";
}

function clamp(place: number, length: number): number {
  return length === 0 ? 0 : place % length;
}

type Change = { readonly verb: "duplicate" | "drop" | "move"; readonly from: number; readonly to: number };
const change = fc.record<Change>({ verb: fc.constantFrom("duplicate", "drop", "move"), from: fc.nat(1000), to: fc.nat(1000) });

function apply<T>(list: readonly T[], { verb, from, to }: Change, may: (item: T) => boolean): T[] {
  const candidates = list.flatMap((item, at) => (may(item) ? [at] : []));
  const at = candidates[clamp(from, candidates.length)];
  if (at === undefined) return [...list];
  const item = list[at] as T;
  const rest = verb === "duplicate" ? [...list] : list.filter((_, place) => place !== at);
  if (verb !== "drop") rest.splice(clamp(to, rest.length + 1), 0, item);
  return rest;
}

const isEnd = (event: Event): boolean => event.type === "message_delta" || event.type === "message_stop";
const isControl = (event: Event): boolean => event.type !== "content_block_delta";

test("a clean stream passes byte-identical, both dialects", () => {
  const found = report(
    fc.property(generation("a"), fc.constantFrom<StreamDialect>("anthropic-messages", "openai-completions"), (one, dialect) => {
      const usual = { ...one, parallel: dialect === "openai-completions" && one.parallel, usage: one.usage % 2 };
      const frames: Frame[] =
        dialect === "anthropic-messages"
          ? anthropicEvents({ ...usual, usage: 0 }, "m").map(frameOf)
          : openaiChunks(usual, "m").map((each) => each.frame);
      const outcome = run(dialect, frames);
      expect(outcome.error).toBeUndefined();
      expect(outcome.repairs).toEqual([]);
      expect(outcome.out).toBe(
        frames.map(({ event, data }) => `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`).join(""),
      );
      expect(run(dialect, frames, "eof", { tolerateOutOfOrderEvents: false }).error).toBeUndefined();
    }),
    fewer,
  );
  expect(found).toBe("held");
});

test("anthropic: a stream without event lines comes out as with them, and one record says so", () => {
  const found = report(
    fc.property(generation("a"), (one) => {
      const frames = anthropicEvents({ ...one, usage: 0 }, "m").map(frameOf);
      const [whole, nameless] = [
        run("anthropic-messages", frames),
        run(
          "anthropic-messages",
          frames.map(({ data }) => ({ data })),
        ),
      ];
      expect(whole.error).toBeUndefined();
      expect(nameless.out).toBe(whole.out);
      expect(nameless.message).toEqual(whole.message);
      expect(nameless.repairs).toEqual(["event_name", ...whole.repairs]);
    }),
    fewer,
  );
  expect(found).toBe("held");
});

test("anthropic: control events duplicated, dropped and moved end in the same message or an error", () => {
  let whole = 0;
  const found = report(
    fc.property(
      generation("a"),
      fc.constantFrom("m", undefined),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      ends,
      (one, id, changes, end) => {
        let events = anthropicEvents(one, id);
        // Only one change may touch the end: both of its events brought forward together are a forged end.
        events = apply(events, changes[0] as Change, isControl);
        for (const more of changes.slice(1)) events = apply(events, more, (event) => isControl(event) && !isEnd(event));
        if (judge(runEvents(events, end), saidAnthropic, [saidBy(one, id)])) whole += 1;
      },
    ),
    runs,
  );
  expect(found).toBe("held");
  // A machine that refuses everything fails, too.
  expect(whole / runs).toBeGreaterThan(0.35);
});

test("anthropic: one content delta moved or repeated outside its block is never taken in", () => {
  const found = report(
    fc.property(generation("a"), fc.nat(1000), fc.nat(1000), fc.boolean(), (one, from, to, repeat) => {
      const events = anthropicEvents(one, "m");
      const deltas = events.flatMap((event, at) => (event.type === "content_block_delta" ? [at] : []));
      const at = deltas[clamp(from, deltas.length)] as number;
      const moved = events[at] as Event;
      const rest = repeat ? [...events] : events.filter((_, place) => place !== at);
      // Inside its own block a repetition or a change of order cannot be seen.
      const first = rest.findIndex((event) => event.type === "content_block_start" && event["index"] === moved["index"]);
      const last = rest.findIndex((event) => event.type === "content_block_stop" && event["index"] === moved["index"]);
      const outside = rest.map((_, place) => place).filter((place) => place <= first || place > last);
      rest.splice(outside[clamp(to, outside.length)] ?? 0, 0, moved);
      judge(runEvents(rest), saidAnthropic, [saidBy(one, "m")]);
    }),
    runs,
  );
  expect(found).toBe("held");
});

test("anthropic: cut anywhere, at either end, it is the whole message or an error", () => {
  const found = report(
    fc.property(generation("a"), fc.nat(1000), fc.boolean(), ends, (one, cut, head, end) => {
      const events = anthropicEvents(one, "m");
      const place = clamp(cut, events.length);
      const kept = head ? events.slice(place) : events.slice(0, place);
      judge(runEvents(kept, end), saidAnthropic, [saidBy(one, "m")]);
    }),
    runs,
  );
  expect(found).toBe("held");
});

const idPairs = fc.constantFrom<[string | undefined, string | undefined]>(
  ["m", "m"],
  ["m", "n"],
  [undefined, undefined],
  [undefined, "n"],
  ["m", undefined],
);

test("anthropic: a second generation spliced in is never mixed with the first", () => {
  const found = report(
    fc.property(
      generation("a"),
      generation("b"),
      idPairs,
      fc.nat(1000),
      fc.array(change, { maxLength: 1 }),
      ends,
      (one, other, ids, cut, changes, end) => {
        const first = anthropicEvents(one, ids[0]);
        let events = [...first.slice(0, clamp(cut, first.length + 1)), ...anthropicEvents(other, ids[1])];
        for (const more of changes)
          events = apply(events, more, (event) => event.type === "ping" || event.type === "content_block_stop");
        judge(runEvents(events, end), saidAnthropic, [saidBy(one, ids[0]), saidBy(other, ids[1])]);
      },
    ),
    runs,
  );
  expect(found).toBe("held");
});

test("anthropic: a second generation without its start behind an open block is never mixed with the first", () => {
  const found = report(
    fc.property(generation("a"), generation("b"), fc.nat(1000), (one, other, cut) => {
      const first = anthropicEvents({ ...one, thinking: [] }, "m");
      const blocks = first.flatMap((event, at) => (event.type === "content_block_delta" && event["index"] === 0 ? [at + 1] : []));
      const events = [
        ...first.slice(0, blocks[clamp(cut, blocks.length)]),
        ...anthropicEvents({ ...other, thinking: [] }, "m").slice(1),
      ];
      judge(runEvents(events), saidAnthropic, [saidBy({ ...other, thinking: [] }, "m")]);
    }),
    fewer,
  );
  expect(found).toBe("held");
});

test("anthropic: a replay of the beginning, and the tail of another answer in front, are never taken in", () => {
  const found = report(
    fc.property(generation("a"), generation("b"), idPairs, fc.nat(1000), fc.boolean(), (one, other, ids, cut, replay) => {
      const first = anthropicEvents(one, ids[0]);
      const place = clamp(cut, first.length);
      const second = anthropicEvents(other, ids[1]);
      const events = replay ? [...first.slice(0, place), ...first] : [...first.slice(place), ...second];
      judge(runEvents(events), saidAnthropic, [saidBy(one, ids[0]), saidBy(other, ids[1])]);
    }),
    runs,
  );
  expect(found).toBe("held");
});

test("anthropic: 29 message starts, stray stops and pings anywhere before and between content change nothing", () => {
  const found = report(
    fc.property(
      generation("a"),
      fc.constantFrom("m", undefined),
      fc.array(fc.nat(1000), { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      (one, id, places, starts) => {
        const events = anthropicEvents(one, id);
        const start = events[0] as Event;
        for (const place of places) events.splice(clamp(place, events.length - 1), 0, starts ? start : [E(97), ping][place % 2]!);
        const outcome = runEvents(events);
        expect(outcome.error).toBeUndefined();
        expect(saidAnthropic(outcome.message?.body)).toEqual(saidBy(one, id));
      },
    ),
    fewer,
  );
  expect(found).toBe("held");
});

const openaiStop = { tool: "tool_calls", end: "stop" };
const saidOne = (one: Parameters<typeof saidBy>[0], id: string | undefined): Said => saidBy(one, id, openaiStop);
const frames = (chunks: readonly MarkedChunk[]): Frame[] => chunks.map((each) => each.frame);

test("openai: control chunks duplicated, dropped and moved end in the same message or an error", () => {
  let whole = 0;
  const found = report(
    fc.property(
      generation("a"),
      fc.constantFrom("c", undefined),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      ends,
      (one, id, changes, end) => {
        let chunks = openaiChunks(one, id);
        chunks = apply(chunks, changes[0] as Change, ({ kind }) => kind !== "content");
        for (const more of changes.slice(1))
          chunks = apply(chunks, more, ({ kind }) => kind === "role" || kind === "usage" || kind === "open");
        if (judge(run("openai-completions", frames(chunks), end), saidOpenai, [saidOne(one, id)])) whole += 1;
      },
    ),
    runs,
  );
  expect(found).toBe("held");
  expect(whole / runs).toBeGreaterThan(0.2);
});

test("openai: a second generation spliced in is never mixed with the first; a cut is never accepted", () => {
  const found = report(
    fc.property(
      generation("a"),
      generation("b"),
      idPairs,
      fc.nat(1000),
      fc.boolean(),
      ends,
      (one, other, ids, cut, splice, end) => {
        const first = openaiChunks(one, ids[0]);
        const kept = first.slice(0, clamp(cut, first.length + 1));
        const chunks = splice ? [...kept, ...openaiChunks(other, ids[1])] : kept;
        judge(run("openai-completions", frames(chunks), end), saidOpenai, [saidOne(one, ids[0]), saidOne(other, ids[1])]);
      },
    ),
    runs,
  );
  expect(found).toBe("held");
});

test("strict mode: whatever tolerant mode had to repair is a fault, and nothing else changes", () => {
  const found = report(
    fc.property(generation("a"), fc.array(change, { maxLength: 2 }), (one, changes) => {
      let events = anthropicEvents(one, "m");
      for (const more of changes) events = apply(events, more, (event) => isControl(event) && !isEnd(event));
      const tolerant = runEvents(events);
      const strict = runEvents(events, "eof", { tolerateOutOfOrderEvents: false });
      const repaired = tolerant.repairs.length > 0;
      // A stream that cannot be proven at all may be refused for another reason before or after.
      if (repaired && tolerant.message !== undefined) return strict.error?.reason === "irregular";
      return repaired ? strict.error !== undefined : isDeepStrictEqual(strict, tolerant);
    }),
    fewer,
  );
  expect(found).toBe("held");
});
