import { afterEach, expect, test } from "vitest";
import type { CallObserver, ToolEnd, ToolPlan } from "../../src/gateway/gateway.ts";
import { answer, clear, Recorder, ScriptedProvider, send, stage } from "./stage.ts";

afterEach(clear);

class ToolRecorder extends Recorder implements CallObserver {
  async toolStarted(plan: ToolPlan): Promise<void> {
    await this.callStarted({ call: plan.tool, dialect: plan.grant, modelAsked: plan.name, stream: false });
  }

  async toolFinished(tool: number, end: ToolEnd): Promise<void> {
    await this.callStarted({ call: tool, dialect: end.error ?? "", modelAsked: end.status, stream: false });
  }
}

async function open(observer = new ToolRecorder()) {
  const staged = await stage([new ScriptedProvider("kimi", [answer("whole")])], { observer });
  const start = (tool: number, token: string | undefined = staged.token) =>
    send(staged.gateway, { path: "/runner/tools", token, body: { tool, call: 1, name: "shell", grant: "shell", input: "{}" } });
  const finish = (tool: number, status = "succeeded") =>
    send(staged.gateway, { path: `/runner/tools/${tool}`, method: "PUT", token: staged.token, body: { status, outputBytes: 1 } });
  return { ...staged, observer, start, finish };
}

test("a tool is written down before the turn is told that it may run, and its end after", async () => {
  const { start, finish, observer } = await open();
  expect((await start(1)).status).toBe(201);
  expect(observer.lines).toEqual(["call 1: shell, shell, message"]);
  expect((await finish(1)).status).toBe(204);
  expect((await start(2)).status).toBe(201);
  expect(observer.lines).toHaveLength(3);
});

test("a number begins once and in order, also when two ask for it at the same instant", async () => {
  const { start, observer } = await open();
  expect((await start(2)).status).toBe(409);
  const both = await Promise.all([start(1), start(1), start(1)]);
  expect(both.map(({ status }) => String(status)).toSorted()).toEqual(["201", "409", "409"]);
  expect((await start(1)).status).toBe(409);
  expect(observer.lines).toHaveLength(1);
});

test("an end without a beginning, or a second one, is refused", async () => {
  const { start, finish, observer } = await open();
  expect((await finish(1)).status).toBe(409);
  await start(1);
  await finish(1);
  expect((await finish(1, "failed")).status).toBe(409);
  expect(observer.lines).toHaveLength(2);
});

test("a start that cannot be recorded is refused, and its number stays taken", async () => {
  const { start, observer } = await open();
  observer.failAt = "call 1";
  const reply = await start(1);
  expect([reply.status, reply.headers["x-runner-fault"]]).toEqual([500, "internal"]);
  expect(reply.text).toContain("the ledger is full");
  expect((await start(1)).status).toBe(409);
});

test("nobody records: nothing runs", async () => {
  const staged = await stage([new ScriptedProvider("kimi", [answer("whole")])]);
  const body = { tool: 1, call: 1, name: "x", grant: "files", input: "{}" };
  expect((await send(staged.gateway, { path: "/runner/tools", token: staged.token, body })).status).toBe(500);
});

test("a closed door, another's token, a wrong method and a body that is none", async () => {
  const { start, gateway, token, closeDoor, observer } = await open();
  expect((await start(1, "other")).status).toBe(401);
  expect((await send(gateway, { path: "/runner/tools", method: "PUT", token, body: {} })).status).toBe(405);
  expect((await send(gateway, { path: "/runner/tools/1", method: "POST", token, body: {} })).status).toBe(405);
  expect((await send(gateway, { path: "/runner/tools/0", method: "PUT", token, body: {} })).status).toBe(404);
  for (const body of [{}, "[]", "{", { tool: 1.5, call: 1, name: "x", grant: "y", input: "" }, { tool: 1, call: 1, name: 7 }])
    expect((await send(gateway, { path: "/runner/tools", token, body })).status).toBe(400);
  expect((await send(gateway, { path: "/runner/tools", token, body: { input: "x".repeat(70_000) } })).status).toBe(413);
  closeDoor();
  expect((await start(1)).status).toBe(401);
  expect(observer.lines).toEqual([]);
});

test("an attempt that ends while a start is written down does not get to run it", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const observer = new ToolRecorder();
  observer.toolStarted = () => promise;
  const { start, end } = await open(observer);
  const reply = start(1);
  end.abort(new Error("over"));
  resolve();
  expect([(await reply).status, (await reply).headers["x-runner-fault"]]).toEqual([409, "aborted"]);
});

test("the count is of tools begun and not refused, and outlives the door", async () => {
  const observer = new ToolRecorder();
  const { gateway } = await stage([new ScriptedProvider("kimi", [answer("whole")])]);
  const { standardRetry } = await import("../../src/run/backoff.ts");
  const { ladderOf, limits } = await import("./stage.ts");
  const signal = new AbortController().signal;
  const door = gateway.open({
    runId: "r",
    attempt: 1,
    ladder: ladderOf("kimi/k2p5"),
    retry: standardRetry,
    limits,
    signal,
    observer,
  });
  for (const tool of [1, 2, 3]) {
    await send(gateway, {
      path: "/runner/tools",
      token: door.token,
      body: { tool, call: 1, name: "a", grant: "files", input: "" },
    });
  }
  const body = { status: "refused", outputBytes: 0 };
  await send(gateway, { path: "/runner/tools/2", method: "PUT", token: door.token, body });
  door.close();
  expect(door.toolRuns()).toBe(2);
});
