import { afterEach, describe, expect, test } from "vitest";
import { type Fault, ProviderError } from "../../src/errors.ts";
import type { ProvenAnswer, UpstreamRequest } from "../../src/provider/provider.ts";
import { faultPolicies } from "../../src/run/fault.ts";
import { answer, clear, failure, ladderOf, openaiAnswer, question, ScriptedProvider, send, stage } from "./stage.ts";

afterEach(clear);

const twoRungs = ladderOf("kimi/k2p5", "kimi/k2p5 off");

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** An upstream that never answers, and heeds its signal or not. */
function silence(heeds: boolean, onAsked?: () => void): (request: UpstreamRequest) => Promise<ProvenAnswer> {
  return ({ signal }) =>
    new Promise((_, reject) => {
      if (heeds) signal.addEventListener("abort", () => reject(failure("aborted")), { once: true });
      onAsked?.();
    });
}

describe("the climb of a call", () => {
  test("a stream out of order is asked again without streaming, and every step is written down before and after", async () => {
    const kimi = new ScriptedProvider("kimi", [failure("stream_order", { reason: "restarted_message" }), answer("whole")]);
    const { gateway, token, recorder, waits } = await stage([kimi], { ladder: twoRungs });
    const reply = await send(gateway, { token, body: question });
    expect(reply.json).toMatchObject({ content: [{ text: "whole" }] });
    expect(reply.headers).toMatchObject({ "x-runner-rung": "kimi/k2p5; stream=off", "x-runner-tries": "2" });
    expect(recorder.lines).toEqual([
      "call 1: kimi/k2p5, anthropic-messages, message",
      "try 1: kimi/k2p5 on: first try",
      "failed 1: stream_order",
      "wait 2000",
      "try 2: kimi/k2p5 off: streaming off after stream_order (restarted_message)",
      "answered 2",
      "finished 1: 200",
    ]);
    expect(recorder.ends[0]).toMatchObject({ rung: { stream: false }, answer: { text: "whole" } });
    expect(waits).toEqual([2_000]);
    expect(kimi.asked.map(({ stream }) => stream)).toEqual([true, false]);
  });

  test("a Retry-After is waited for; the next model of another provider is asked at once", async () => {
    const limited = failure("rate_limit", { retryAfterMs: 30_000 });
    const kimi = new ScriptedProvider("kimi", [limited, failure("billing")]);
    const backup = new ScriptedProvider("backup", [answer("from the backup", { model: "other-1" })]);
    const { gateway, token, waits, recorder } = await stage([kimi, backup], { ladder: ladderOf("kimi/k2p5", "backup/other") });
    const reply = await send(gateway, { token, body: question });
    expect(reply.json).toMatchObject({ content: [{ text: "from the backup" }], model: "k2p5-0711" });
    expect(waits).toEqual([30_000]);
    expect(recorder.lines.at(-3)).toBe("try 3: backup/other on: next model after billing on kimi/k2p5");
  });

  test("each try gets its limits, and no more than is left of the call", async () => {
    const kimi = new ScriptedProvider("kimi", [failure("server"), failure("server"), answer("whole")]);
    let now = 1_000;
    const { gateway, token } = await stage([kimi], {
      limits: { firstByteMs: 120_000, idleMs: 100_000, tryMs: 600_000, callMs: 130_000 },
      options: { monotonic: () => now, sleep: async (ms) => void (now += ms + 30_000) },
    });
    await send(gateway, { token, body: question });
    expect(kimi.asked.map((request) => request.limits)).toEqual([
      { firstByteMs: 120_000, idleMs: 100_000, tryMs: 130_000 },
      { firstByteMs: 98_000, idleMs: 98_000, tryMs: 98_000 },
      { firstByteMs: 64_000, idleMs: 64_000, tryMs: 64_000 },
    ]);
  });

  test("what is left of the attempt is the call's limit: shares, waits and tries count from it", async () => {
    let now = 50_000;
    const slow = (request: UpstreamRequest): Promise<ProvenAnswer> => {
      now += request.limits.tryMs;
      return Promise.reject(failure("timeout"));
    };
    const kimi = new ScriptedProvider("kimi", [slow]);
    const backup = new ScriptedProvider("backup", [answer("from the backup")]);
    const { gateway, token, waits, recorder } = await stage([kimi, backup], {
      ladder: ladderOf("kimi/k2p5", "kimi/k2p5 off", "backup/other"),
      deadline: { leftMs: () => 55_000 - now, limit: "payload.timeoutSeconds" },
      options: { monotonic: () => now },
    });
    expect((await send(gateway, { token, body: question })).json).toMatchObject({ content: [{ text: "from the backup" }] });
    expect([kimi, backup].map(({ asked }) => asked.map(({ limits }) => limits.tryMs))).toEqual([[2_250], [2_250]]);
    expect(waits).toEqual([]);
    expect(recorder.lines).toContain(
      "try 2: backup/other on: kimi/k2p5, streamed is passed over: a wait of 5 s is too long (payload.timeoutSeconds); next model after timeout on kimi/k2p5",
    );
  });

  test("a Retry-After longer than what is left of the attempt goes to the fallback", async () => {
    const kimi = new ScriptedProvider("kimi", [failure("rate_limit", { retryAfterMs: 20_000 })]);
    const backup = new ScriptedProvider("backup", [answer("from the backup")]);
    const { gateway, token, waits } = await stage([kimi, backup], {
      ladder: ladderOf("kimi/k2p5", "backup/other"),
      deadline: { leftMs: () => 15_000, limit: "limits.run" },
    });
    expect((await send(gateway, { token, body: question })).status).toBe(200);
    expect(waits).toEqual([]);
  });

  test("an attempt without time left asks nobody", async () => {
    const kimi = new ScriptedProvider("kimi", [answer("too late")]);
    const { gateway, token } = await stage([kimi], { deadline: { leftMs: () => -3, limit: "payload.timeoutSeconds" } });
    const reply = await send(gateway, { token, body: question });
    expect([reply.status, reply.headers["x-runner-fault"], kimi.asked.length]).toEqual([504, "timeout", 0]);
  });

  test("a provider that never answers and heeds nothing is left at the try's limit", async () => {
    const kimi = new ScriptedProvider("kimi", [silence(false), answer("whole")]);
    const { gateway, token, recorder } = await stage([kimi], { limits: { tryMs: 20 } });
    expect((await send(gateway, { token, body: question })).json).toMatchObject({ content: [{ text: "whole" }] });
    expect(recorder.lines).toContain("failed 1: timeout");
    expect(kimi.asked[0]?.signal.aborted).toBe(true);
  });

  test("what an adapter did not classify is a mistake of ours and ends the call", async () => {
    const kimi = new ScriptedProvider("kimi", [new TypeError("undefined is not a function")]);
    const { gateway, token, recorder } = await stage([kimi], { ladder: twoRungs });
    const reply = await send(gateway, { token, body: question });
    expect([reply.status, reply.headers["x-runner-fault"]]).toEqual([500, "internal"]);
    expect(kimi.asked).toHaveLength(1);
    expect(recorder.lines).toContain("failed 1: internal");
  });
});

/** The error's words that a turn is told. */
const words = async (fault: Fault, message: string, more: Parameters<typeof stage>[1] = {}): Promise<unknown> => {
  const kimi = new ScriptedProvider("kimi", [new ProviderError(message, { fault, code: "key_missing" })]);
  const backup = new ScriptedProvider("backup", [failure("auth")]);
  const { gateway, token } = await stage([kimi, backup], more);
  const { json } = await send(gateway, { token, body: question });
  return isRecord(json) && isRecord(json["error"]) ? json["error"]["message"] : json;
};

describe("giving up", () => {
  const told: [Fault, number, string, string][] = [
    ["stream_order", 502, "api_error", "server_error"],
    ["overloaded", 529, "overloaded_error", "server_is_overloaded"],
    ["network", 503, "api_error", "server_error"],
    ["rate_limit", 429, "rate_limit_error", "rate_limit_exceeded"],
    ["quota_window", 429, "rate_limit_error", "insufficient_quota"],
    ["billing", 402, "billing_error", "insufficient_quota"],
    ["auth", 401, "authentication_error", "invalid_api_key"],
    ["permission", 403, "permission_error", "permission_denied"],
    ["model_gone", 404, "not_found_error", "model_not_found"],
    ["bad_request", 400, "invalid_request_error", "invalid_request"],
    ["context_overflow", 400, "invalid_request_error", "context_length_exceeded"],
    ["timeout", 504, "timeout_error", "timeout"],
  ];

  test.each(told)("%s is told as %i %s", async (fault, status, type, code) => {
    const kimi = new ScriptedProvider("kimi", [failure(fault)]);
    const { gateway, token, recorder } = await stage([kimi], { limits: { triesPerCall: 2 } });
    const anthropic = await send(gateway, { token, body: question });
    expect(anthropic.status).toBe(status);
    expect(anthropic.json).toEqual({
      type: "error",
      error: { type, fault, message: expect.stringContaining(`${fault} happened`) },
    });
    expect(anthropic.headers).toMatchObject({ "x-runner-fault": fault, "x-should-retry": "false" });
    const openai = await send(gateway, {
      token,
      path: "/v1/chat/completions",
      body: { model: "m", messages: [{ role: "user", content: "hi" }] },
    });
    expect([openai.status, openai.json]).toEqual([
      status,
      { error: expect.objectContaining({ code, type, fault, param: null }) },
    ]);
    expect(recorder.ends[0]).toMatchObject({ httpStatus: status, failure: { fault, last: { fault } } });
  });

  test("every fault of the union has a status of its own", async () => {
    const faults = Object.keys(faultPolicies).filter((name): name is Fault => name in faultPolicies);
    const kimi = new ScriptedProvider("kimi", [...faults.map((fault) => failure(fault)), answer("whole")]);
    const { gateway, token } = await stage([kimi], { limits: { triesPerCall: 1 } });
    for (const fault of faults) {
      const reply = await send(gateway, { token, body: question });
      expect([fault, reply.headers["x-runner-fault"], reply.status >= 400]).toEqual([fault, fault, true]);
    }
  });

  test("a wait that is too long is passed on, so that the turn and the run can say when", async () => {
    const kimi = new ScriptedProvider("kimi", [failure("rate_limit", { retryAfterMs: 7_200_000 })]);
    const { gateway, token, recorder } = await stage([kimi], { ladder: twoRungs });
    const reply = await send(gateway, { token, body: question });
    expect([reply.status, reply.headers["retry-after"]]).toEqual([429, "7200"]);
    expect(recorder.ends[0]?.failure?.retryAfterMs).toBe(7_200_000);
    expect(recorder.ends[0]?.failure?.why).toMatch(/limits\.maxWait/);
  });

  test("the words begin with what a person needs and say everything once", async () => {
    expect(await words("auth", "The environment variable K is not set. Set it.")).toBe(
      "The environment variable K is not set. Set it (auth on kimi/k2p5; given up after 1 try: no other provider is left in the ladder)",
    );
    expect(await words("bad_request", "kimi answered 400: no", { ladder: twoRungs.slice(0, 1) })).toBe(
      "kimi answered 400: no (bad_request on kimi/k2p5; given up after 1 try: neither another try nor another model would change it)",
    );
    // The fault the call ends with comes first, the last error after it.
    expect(
      await words("timeout", "kimi: no whole answer", {
        ladder: ladderOf("kimi/k2p5", "backup/other"),
        limits: { triesPerCall: 3 },
      }),
    ).toBe(
      "kimi: no whole answer (timeout on kimi/k2p5; given up after 3 tries: the call has used all its tries (limits.triesPerCall: 3); last error: auth happened)",
    );
  });

  test("a turn that asks without end is stopped with a 400 that names the limit", async () => {
    const kimi = new ScriptedProvider("kimi", [answer("whole")]);
    const { gateway, token, recorder } = await stage([kimi], { limits: { callsPerAttempt: 2 } });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) statuses.push((await send(gateway, { token, body: question })).status);
    expect(statuses).toEqual([200, 200, 400, 400]);
    expect(kimi.asked).toHaveLength(2);
    expect(recorder.ends).toHaveLength(2);
  });
});

describe("nothing is done that cannot be written down", () => {
  const cases = [
    { failAt: "call 1", asked: 0 },
    { failAt: "try 1", asked: 0 },
    { failAt: "failed 1", asked: 1 },
    { failAt: "try 2", asked: 1 },
    { failAt: "answered 2", asked: 2 },
    { failAt: "finished 1", asked: 2 },
  ];

  test.each(cases)("a record that fails at `$failAt` ends the call, and no answer goes out", async ({ failAt, asked }) => {
    const kimi = new ScriptedProvider("kimi", [failure("server"), answer("whole")]);
    const { gateway, token, recorder } = await stage([kimi]);
    recorder.failAt = failAt;
    const reply = await send(gateway, { token, body: { ...question, stream: true } });
    expect([reply.status, reply.headers["x-runner-fault"]]).toEqual([500, "internal"]);
    expect(reply.text).not.toContain("whole");
    expect(reply.text).toContain("the ledger is full");
    expect(kimi.asked).toHaveLength(asked);
  });
});

describe("ending early", () => {
  test("a turn that hangs up cancels the request upstream, and that is written down", async () => {
    const leave = new AbortController();
    const kimi = new ScriptedProvider("kimi", [silence(true, () => leave.abort())]);
    const { gateway, token, recorder } = await stage([kimi], { ladder: twoRungs });
    const ended = recorder.nextEnd();
    await expect(send(gateway, { token, body: question, signal: leave.signal })).rejects.toThrow("aborted");
    await ended;
    expect(kimi.asked[0]?.signal.aborted).toBe(true);
    expect(kimi.asked).toHaveLength(1);
    expect(recorder.lines.slice(-2)).toEqual(["failed 1: aborted", "finished 1: 499"]);
    expect(recorder.ends[0]?.failure).toMatchObject({ fault: "aborted", why: "the turn has hung up" });
  });

  test("a cancelled run ends a call in its wait", async () => {
    const kimi = new ScriptedProvider("kimi", [failure("overloaded")]);
    let asleep: (() => void) | undefined;
    const slept = new Promise<void>((resolve) => (asleep = resolve));
    const sleep = (_: number, signal: AbortSignal): Promise<void> =>
      new Promise((__, reject) => {
        signal.addEventListener("abort", () => reject(new Error("woken")), { once: true });
        asleep?.();
      });
    const { gateway, token, recorder, end } = await stage([kimi], { options: { sleep } });
    const reply = send(gateway, { token, body: question });
    await slept;
    end.abort(new Error("SIGTERM"));
    expect([(await reply).status, (await reply).headers["x-runner-fault"]]).toEqual([499, "aborted"]);
    expect(recorder.ends[0]?.failure).toMatchObject({ fault: "aborted", why: "SIGTERM" });
    expect(kimi.asked).toHaveLength(1);
  });

  test("closing the gateway ends its calls and waits for their record", async () => {
    let asked: (() => void) | undefined;
    const upstream = new Promise<void>((resolve) => (asked = resolve));
    const kimi = new ScriptedProvider("kimi", [silence(false, () => asked?.())]);
    const { gateway, token, recorder } = await stage([kimi]);
    const reply = send(gateway, { token, body: question }).catch(() => undefined);
    await upstream;
    await gateway.close();
    expect(recorder.lines.at(-1)).toBe("finished 1: 499");
    await reply;
  });

  test("closing a door ends its calls", async () => {
    let asked: (() => void) | undefined;
    const upstream = new Promise<void>((resolve) => (asked = resolve));
    const kimi = new ScriptedProvider("kimi", [silence(true, () => asked?.())]);
    const { gateway, token, closeDoor, recorder } = await stage([kimi]);
    const reply = send(gateway, { token, body: question });
    await upstream;
    closeDoor();
    expect((await reply).headers["x-runner-fault"]).toBe("aborted");
    expect(recorder.ends[0]?.failure?.why).toBe("the attempt has ended");
  });

  test("a door whose attempt is over answers nothing more", async () => {
    const kimi = new ScriptedProvider("kimi", [answer("whole")]);
    const { gateway, token, end } = await stage([kimi]);
    end.abort(new Error("the attempt has ended"));
    expect((await send(gateway, { token, body: question })).status).toBe(499);
    expect(kimi.asked).toEqual([]);
  });
});

describe("rungs of another dialect", () => {
  const ladder = ladderOf("kimi/k2p5", "gpt/gpt");

  test("the question goes out and the answer comes back in the words of each side", async () => {
    const kimi = new ScriptedProvider("kimi", [failure("auth")]);
    const gpt = new ScriptedProvider("gpt", [openaiAnswer("from the other side")], "openai-completions");
    const { gateway, token } = await stage([kimi, gpt], { ladder });
    const headers = { "anthropic-version": "2023-06-01", "x-app": "cli" };
    const reply = await send(gateway, {
      token,
      headers,
      path: "/v1/messages?beta=true",
      body: { ...question, system: "be short" },
    });
    expect(reply.json).toMatchObject({
      type: "message",
      content: [{ type: "text", text: "from the other side" }],
      stop_reason: "end_turn",
    });
    expect(gpt.asked[0]).toMatchObject({ query: "", headers: { "x-app": "cli" } });
    expect(gpt.asked[0]?.headers).not.toHaveProperty("anthropic-version");
    expect(gpt.asked[0]?.body["messages"]).toEqual([
      { role: "system", content: "be short" },
      { role: "user", content: "hi" },
    ]);
  });

  test("a request that the other dialect cannot carry leaves that rung out and says so", async () => {
    const kimi = new ScriptedProvider("kimi", [failure("auth")]);
    const gpt = new ScriptedProvider("gpt", [openaiAnswer("never")], "openai-completions");
    const { gateway, token, recorder } = await stage([kimi, gpt], { ladder });
    const body = { ...question, top_k: 5 };
    const reply = await send(gateway, { token, body });
    expect(reply.status).toBe(401);
    expect(reply.text).toContain("gpt/gpt is left out");
    expect(recorder.lines[1]).toMatch(/^try 1: kimi\/k2p5 on: first try; gpt\/gpt is left out: .*top_k/);
    expect(gpt.asked).toEqual([]);
  });

  test("a provider nobody knows is left out; with no rung left the request is refused", async () => {
    const { gateway, token } = await stage([new ScriptedProvider("kimi", [answer("whole")])], {
      ladder: ladderOf("nobody/x", "kimi/k2p5"),
    });
    expect((await send(gateway, { token, body: question })).status).toBe(200);
    const lost = await stage([], { ladder: ladderOf("nobody/x") });
    const reply = await send(lost.gateway, { token: lost.token, body: question });
    expect([reply.status, reply.text]).toEqual([400, expect.stringContaining("there is no provider nobody")]);
  });

  test("an answer that cannot be carried back counts against the model, not the request", async () => {
    const gpt = new ScriptedProvider("gpt", [{ ...openaiAnswer("x"), stopReason: "pause_turn" }], "openai-completions");
    const kimi = new ScriptedProvider("kimi", [answer("whole")]);
    const { gateway, token, recorder } = await stage([kimi, gpt], { ladder: ladderOf("gpt/gpt", "kimi/k2p5") });
    expect((await send(gateway, { token, body: question })).json).toMatchObject({ content: [{ text: "whole" }] });
    expect(recorder.lines).toContain("failed 1: unknown");
  });
});
