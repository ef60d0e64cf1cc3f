import { array, assert, boolean, constantFrom, nat, property, record } from "fast-check";
import { expect, it } from "vitest";
import { Line, type InLine } from "../../../src/engine/scheduler/line.ts";
import type { RunRow } from "../../../src/ledger/ledger.ts";

const owner = { pid: 1, startedAt: "s", bootId: "b", pidNamespace: "1", host: "box" };

function inLine(number: number, dueAt: number, isCatchUp = false): InLine {
  const runId = `r${number}`;
  const jobId = `j${number}`;
  const facts = { runId, jobId, jobName: jobId, trigger: "slot", status: "queued", startedAt: 0, owner } as const;
  const run: RunRow = { ...facts, modelAsked: "", simulated: false, jobHash: "", payloadKind: "agentTurn" };
  return { run, dueAt, isCatchUp, place: { jobId, group: undefined, providers: [] } };
}

const rank = ({ isCatchUp, dueAt }: InLine): number => (isCatchUp ? 1_000 : 0) + dueAt;

/** Behind the last one that it does not go before: what is made up for stands behind everything else. */
function putSlowly(slow: InLine[], item: InLine): void {
  const at = slow.findIndex((other) => rank(other) > rank(item));
  slow.splice(at < 0 ? slow.length : at, 0, item);
}

it("stands as a slow list stands, whatever is put in, taken out, blocked and freed", () => {
  const what = constantFrom("add", "add", "add", "remove", "block", "unblock", "promote", "clear");
  assert(
    property(
      array(record({ what, run: nat(8), dueAt: nat(5), by: nat(2), isCatchUp: boolean() }), { maxLength: 80 }),
      (steps) => {
        const line = new Line();
        let slow: InLine[] = [];
        for (const step of steps) {
          const runId = `r${step.run}`;
          const held = slow.find(({ run }) => run.runId === runId);
          if (step.what === "clear" && step.by === 0) {
            line.clear();
            slow = [];
          }
          if (step.what === "add") {
            const item = inLine(step.run, step.dueAt, step.isCatchUp);
            line.add(item);
            if (held === undefined) putSlowly(slow, item);
          }
          const isRemoved = step.what === "remove";
          expect(isRemoved ? line.remove(runId) : undefined).toBe(isRemoved ? held : undefined);
          if (isRemoved) slow = slow.filter((item) => item !== held);
          if (step.what === "promote") line.promote(`j${step.run}`);
          const promoted = step.what === "promote" && held?.isCatchUp === true ? line.get(runId) : undefined;
          if (promoted !== undefined) {
            slow = slow.filter((item) => item !== held);
            putSlowly(slow, promoted);
          }
          expect(promoted?.isCatchUp).not.toBe(true);
          if (step.what === "block" && held !== undefined && held.blockedBy === undefined) line.block(held, `b${step.by}`);
          if (step.what === "unblock") line.unblock(`b${step.by}`);
          const freed = step.what === "unblock" ? `b${step.by}` : "nobody";
          expect(slow.filter(({ blockedBy }) => blockedBy === freed)).toEqual([]);
          expect(line.items).toEqual(slow);
          expect([...line.walk()]).toEqual(slow);
          expect([line.first, line.length, line.get(runId)]).toEqual([
            slow[0],
            slow.length,
            slow.find((i) => i.run.runId === runId),
          ]);
          const blockers = new Set(slow.flatMap(({ blockedBy }) => blockedBy ?? []));
          expect(line.blockers().toSorted()).toEqual([...blockers].toSorted());
        }
      },
    ),
  );
});

it("loses nothing when what was taken out is swept away, in whichever order it is taken out", () => {
  const line = new Line();
  for (let one = 0; one < 6_000; one++) line.add(inLine(one, one % 7));
  for (let one = 0; one < 6_000; one++) if (one % 100 !== 42) line.remove(`r${(one * 7919) % 6_000}`);
  const left = line.items.map(({ run }) => Number(run.runId.slice(1)));
  expect(left).toHaveLength(60);
  expect(left).toEqual(left.toSorted((a, b) => (a % 7) - (b % 7) || a - b));
  line.add(inLine(9_000, 3));
  expect(line.items.map(({ dueAt }) => dueAt)).toEqual(line.items.map(({ dueAt }) => dueAt).toSorted((a, b) => a - b));
  expect(line.first?.run.runId).toBe(`r${left[0]}`);
});

it("is doubtful when the first of its runs may be over, and whenever somebody doubts it", () => {
  const line = new Line();
  line.add(inLine(1, 0));
  expect(line.doubtfulAt).toBe(Infinity);
  line.add({ ...inLine(2, 0), overAt: 500 });
  line.add({ ...inLine(3, 0), overAt: 700 });
  expect(line.doubtfulAt).toBe(500);
  line.trust(900);
  line.add({ ...inLine(4, 0), overAt: 1_000 });
  expect(line.doubtfulAt).toBe(900);
  line.doubt();
  expect(line.doubtfulAt).toBe(-Infinity);
  line.clear();
  expect(line.doubtfulAt).toBe(Infinity);
});
