import { afterEach, describe, expect, test } from "vitest";
import type { ProvenAnswer } from "../../src/provider/provider.ts";
import { answer, clear, failure, openaiAnswer, question, ScriptedProvider, send, stage, type Reply } from "./stage.ts";

afterEach(clear);

const pings = { firstMs: 5, everyMs: 5 };
const ping = 'event: ping\ndata: {"type":"ping"}\n\n';

/** Asks for a stream; the provider answers only after the turn has seen `count` pings. */
async function afterPings(
  count: number,
  end: ProvenAnswer | Error,
  path = "/v1/messages",
): Promise<{ reply: Reply; finished: number; seen: string }> {
  let seen = "";
  let enough: (() => void) | undefined;
  const held = new Promise<void>((resolve) => (enough = resolve));
  const dialect = path.endsWith("completions") ? "openai-completions" : "anthropic-messages";
  const provider = new ScriptedProvider(
    "kimi",
    [
      async () => {
        await held;
        if (end instanceof Error) throw end;
        return end;
      },
    ],
    dialect,
  );
  const { gateway, token, recorder } = await stage([provider], { options: { pings } });
  const onData = (text: string): void => {
    seen += text;
    if (seen.split("ping").length > count) enough?.();
  };
  const reply = await send(gateway, { token, path, body: { ...question, stream: true }, onData });
  return { reply, finished: recorder.ends[0]?.httpStatus ?? 0, seen };
}

describe("pings", () => {
  test("hold a stream open until the answer is proven, then the answer comes whole", async () => {
    const { reply } = await afterPings(4, answer("whole"));
    expect(reply.status).toBe(200);
    const [, events = ""] = /^(?:event: ping\ndata: \{"type":"ping"\}\n\n){2,}(?<rest>[^]*)$/.exec(reply.text) ?? [];
    expect(events).toBe(answer("whole").sse());
  });

  test("are comments in the other dialect", async () => {
    const { reply } = await afterPings(2, openaiAnswer("whole"), "/v1/chat/completions");
    const [, events = ""] = /^(?:: ping\n\n){2,}(?<rest>[^]*)$/.exec(reply.text) ?? [];
    expect(events).toBe(openaiAnswer("whole").sse());
  });

  test("a failure after them is an error event with the fault in it, and no good end", async () => {
    const { reply, finished } = await afterPings(2, failure("bad_request"));
    expect([reply.status, finished]).toEqual([200, 200]);
    const last = reply.text.split("\n\n").at(-2) ?? "";
    expect(last).toMatch(/^event: error\ndata: /);
    expect(JSON.parse(last.slice(last.indexOf("{")))).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", fault: "bad_request" },
    });
    const openai = await afterPings(2, failure("bad_request"), "/v1/chat/completions");
    const data = openai.reply.text.split("\n\n").at(-2) ?? "";
    expect(JSON.parse(data.replace("data: ", ""))).toMatchObject({ error: { code: "invalid_request", fault: "bad_request" } });
    expect(openai.reply.text).not.toContain("[DONE]");
  });

  test("a quick failure is a real status", async () => {
    const { gateway, token } = await stage([new ScriptedProvider("kimi", [failure("bad_request")])]);
    expect((await send(gateway, { token, body: { ...question, stream: true } })).status).toBe(400);
  });

  test("nobody who asked for a message gets any", async () => {
    let now: (() => void) | undefined;
    const later = new Promise<void>((resolve) => (now = resolve));
    const provider = new ScriptedProvider("kimi", [
      async () => {
        await later;
        return answer("whole");
      },
    ]);
    const { gateway, token } = await stage([provider], { options: { pings } });
    const other = await stage([new ScriptedProvider("kimi", [() => later.then(() => answer("streamed"))])], {
      options: { pings },
    });
    // The second gateway's pings are the clock: after four of them the first would have sent some too.
    let seen = "";
    const onData = (text: string): void => {
      seen += text;
      if (seen.startsWith(ping.repeat(4))) now?.();
    };
    const [message] = await Promise.all([
      send(gateway, { token, body: question }),
      send(other.gateway, { token: other.token, body: { ...question, stream: true }, onData }),
    ]);
    expect(message.text).toBe(JSON.stringify(answer("whole").message));
  });
});
