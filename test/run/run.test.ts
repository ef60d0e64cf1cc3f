import { expect, test } from "vitest";
import { isEnding, isMove, runStatuses, transition } from "../../src/run/run.ts";

/** The whole table, written out a second time on purpose: a change of it must be meant twice. */
const queued = [
  "start running",
  "skip skipped",
  "miss missed",
  "defer deferred",
  "block blocked",
  "cancel cancelled",
  "fail failed",
];
const due = ["queue queued", ...queued];
const waiting = [
  "carry_on running",
  "skip skipped",
  "fail failed",
  "time_out timed_out",
  "cancel cancelled",
  "interrupt interrupted",
  "defer deferred",
  "block blocked",
  "lose_track unknown",
];
const running = [
  "wait waiting",
  "succeed succeeded",
  "keep_quiet quiet",
  "fail failed",
  "time_out timed_out",
  "skip skipped",
  "cancel cancelled",
  "interrupt interrupted",
  "defer deferred",
  "block blocked",
  "lose_track unknown",
];
const table = { due, queued, waiting, running };
const legal = new Set(Object.entries(table).flatMap(([from, moves]) => moves.map((text) => `${from} ${text}`)));

const states = ["due", ...runStatuses] as const;
const verbs = [
  "queue",
  "start",
  "carry_on",
  "wait",
  "skip",
  "miss",
  "defer",
  "block",
  "cancel",
  "fail",
  "succeed",
  "keep_quiet",
  "time_out",
  "interrupt",
  "lose_track",
] as const;

/** The move as the table writes it, or the complaint. */
function move(from: (typeof states)[number], verb: (typeof verbs)[number]): string {
  try {
    return `${from} ${verb} ${transition(from, verb)}`;
  } catch (error) {
    return String(error);
  }
}

test("every verb in every state leads where the table says, or throws", () => {
  const moves = states.flatMap((from) => verbs.map((verb) => move(from, verb)));
  expect(new Set(moves.filter((text) => !text.startsWith("Error: ")))).toEqual(legal);
  const refused = moves.filter((text) => text.startsWith("Error: "));
  expect(refused).toHaveLength(states.length * verbs.length - legal.size);
  expect(refused).toContain("Error: broken invariant: a run that is succeeded cannot fail");
  expect(refused).toContain("Error: broken invariant: a run that is due cannot keep quiet");
});

test("isMove agrees with transition for every pair of states", () => {
  const pairs = states.flatMap((from) => runStatuses.filter((to) => isMove(from, to)).map((to) => `${from} ${to}`));
  expect(pairs.toSorted()).toEqual([...legal].map((text) => text.replace(/ \w+ /, " ")).toSorted());
});

test("queued, running and waiting are no endings, and every state can be reached", () => {
  expect(runStatuses.filter((status) => !isEnding(status))).toEqual(["queued", "running", "waiting"]);
  expect(runStatuses.filter((status) => !isMove("due", status) && !isMove("running", status))).toEqual([]);
});
