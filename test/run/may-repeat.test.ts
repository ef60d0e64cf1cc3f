import { describe, expect, it } from "vitest";
import { mayRepeat, type Interrupted } from "../../src/run/may-repeat.ts";

interface Facts extends Partial<Interrupted["run"]>, Partial<Omit<Interrupted, "run">> {}

const why = ({ attempts = [{}], tools = [], ...run }: Facts, idempotent = false): string => {
  const answer = mayRepeat({ run: { trigger: "slot", payloadKind: "agentTurn", ...run }, attempts, tools }, { idempotent });
  return answer.may ? "may" : answer.why;
};

describe("whether an interrupted run is repeated by itself", () => {
  it("is, as long as nothing of it has acted", () => {
    expect(why({})).toBe("may");
    expect(why({ attempts: [] })).toBe("may");
    expect(why({ trigger: "retry", attempts: [{ toolRuns: 0 }, {}] })).toBe("may");
    expect(why({ trigger: "boot" })).toBe("may");
    expect(why({ tools: [{ status: "refused" }] })).toBe("may");
  });

  it("is not once a tool was begun, whether its end was seen or not", () => {
    const one = "1 tool has run, and the job does not say idempotent: true";
    expect(why({ tools: [{ status: "running" }] })).toBe(one);
    expect(why({ tools: [{ status: "failed" }] })).toBe(one);
    expect(why({ attempts: [{ toolRuns: 1 }, {}] })).toBe(one);
    expect(why({ attempts: [{ toolRuns: 2 }], tools: [{ status: "succeeded" }, { status: "succeeded" }] })).toContain(
      "2 tools have run",
    );
  });

  it("is not when a command was started, for nobody sees what it does", () => {
    expect(why({ payloadKind: "command" })).toBe("its command was started, and the job does not say idempotent: true");
    expect(why({ payloadKind: "command", attempts: [] })).toBe("may");
  });

  it("is when the job says that repeating is safe, and never by itself when a person started it", () => {
    expect(why({ payloadKind: "command", tools: [{ status: "running" }] }, true)).toBe("may");
    expect(why({ trigger: "manual" }, true)).toBe("it was started by hand");
  });
});
