/** Configured headers with `${NAME}` in them: looked up in the parent for a request, shown as written in a preview, secret everywhere else. */
import type { IncomingHttpHeaders } from "node:http";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProvider } from "../../src/provider/index.ts";
import type { ProviderConfig } from "../../src/provider/provider.ts";
import { resolveHeader } from "../../src/provider/keys.ts";
import { config, key, outcome, request } from "./asking.ts";
import { httpServer, type Wire } from "./wire.ts";

const env = { ACME_KEY: key, TEAM: "  planted team \n", TOKEN: "planted.token.1", REGION: "planted-eu" };
const headers = {
  "X-Team": "${TEAM}",
  "x-where": "zone ${REGION}/${TEAM}",
  Authorization: "Bearer ${TOKEN}",
  "x-plain": "plain $NAME",
};

let wire: Wire;
let seen: IncomingHttpHeaders = {};
beforeAll(async () => {
  wire = await httpServer((incoming, response) => {
    seen = incoming.headers;
    const echo = JSON.stringify({ error: { type: "invalid_request_error", message: `bad headers: ${JSON.stringify(seen)}` } });
    incoming.resume().on("end", () => response.writeHead(400, { "request-id": "planted-eu" }).end(echo));
  });
});
afterAll(() => wire[Symbol.asyncDispose]());

const configured = (more: Partial<ProviderConfig> = {}): ProviderConfig =>
  config("anthropic-messages", wire.url, { headers, ...more });

describe("headers made of variables", () => {
  it("go out with the values, and no error repeats one, whatever the header's name", async () => {
    const error = await outcome(createProvider(configured(), { env }).ask(request()));
    expect(seen).toMatchObject({
      "x-team": "planted team",
      "x-where": "zone planted-eu/planted team",
      authorization: "Bearer planted.token.1",
      "x-plain": "plain $NAME",
      "x-api-key": key,
    });
    expect(error).toMatchObject({ fault: "bad_request", message: expect.stringContaining("bad headers") });
    expect(inspect(error, { depth: 10 })).not.toContain("planted");
  });

  it.each([
    [
      { ...env, REGION: undefined },
      /variable REGION, which the header x-where is made of, is not set\. Set it where/,
      "key_missing",
    ],
    [{ ...env, TEAM: " " }, /variable TEAM, which the header X-Team is made of, is empty/, "key_missing"],
    [
      { ...env, TOKEN: "planted\nx: y" },
      /variable TOKEN, which the header Authorization is made of, holds line breaks/,
      "key_unusable",
    ],
  ])("that cannot be looked up end the try before anything is sent: %#", async (given, words, code) => {
    seen = {};
    const error = await outcome(createProvider(configured(), { env: given }).ask(request()));
    expect(error).toMatchObject({ fault: "auth", code, message: expect.stringMatching(words) });
    expect(inspect(error, { depth: 10 })).not.toContain("planted");
    expect(seen).toEqual({});
  });

  it("are shown as they are written, and nothing is looked up for it", () => {
    const shown = createProvider(configured({ headers: { ...headers, "x-secret": "abc${TOKEN}", cookie: "literal" } }), { env });
    const preview = shown.preview(request());
    expect(preview.headers).toMatchObject({
      "x-team": "${TEAM}",
      "x-where": "zone ${REGION}/${TEAM}",
      authorization: "Bearer ${TOKEN}",
      "x-plain": "plain $NAME",
      "x-secret": "[redacted]",
      cookie: "[redacted]",
    });
    expect(JSON.stringify(preview)).not.toContain("planted");
  });

  it("a value that looks like a reference is not looked up again", () => {
    expect(resolveHeader("h", "${A}", { A: "${B}", B: "planted" })).toEqual({ value: "${B}", secrets: ["${B}"] });
    expect(resolveHeader("h", "${A}", { A: "$&$1" }).value).toBe("$&$1");
  });
});
