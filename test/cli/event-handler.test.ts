/** Event handlers through the real command line: found broken before anything is asked, and at work in a run. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseSimulation } from "../../src/provider/script.ts";
import { serveIn } from "./served.ts";
import { configFor, keys, quickJob, stage, type Stage } from "./stage.ts";

let project: Stage;
beforeEach(() => {
  project = stage();
});
afterEach(() => project.close());

const lastOnly = `export default {
  create() {
    let held: unknown[] = [];
    return {
      event(e: { event?: string }) {
        if (e.event === "message_start") held = [];
        held.push(e);
        return null;
      },
      flush: () => held,
    };
  },
};
`;

describe("an event handler", () => {
  test("of a provider puts right what would be refused", async () => {
    const job = quickJob({ payload: { stream: true }, limits: { triesPerCall: 1 } });
    const provider = await serveIn(project, { simulation: parseSimulation("restart_new_id") }, job);
    expect((await project.runner(["run", "quick", "-q"], keys)).code).not.toBe(0);
    project.write("runner.config.json", configFor(provider.url, { eventHandler: "./handlers/last-only.ts" }));
    project.write("handlers/last-only.ts", lastOnly);
    expect(await project.runner(["run", "quick", "-q"], keys)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("simulated"),
    });
  });

  test("that cannot be loaded is found by validate and by a dry run, with its place", async () => {
    project.write("jobs/quick.json", quickJob({ eventHandler: "../handler.mjs" }));
    project.write("handler.mjs", "export default 7;\n");
    project.write("runner.config.json", configFor("http://127.0.0.1:9", { eventHandler: "other.mjs" }));
    project.write("other.mjs", "export default (e) =>\n");
    const validated = await project.runner(["validate"], keys);
    expect(validated.code).toBe(78);
    expect(validated.stderr).toMatch(
      /jobs\/quick\.json:\d+.*: eventHandler: the event handler \S+handler\.mjs cannot be used: its default export is a number; it must be a function/,
    );
    expect(validated.stderr).toMatch(
      /^error: runner\.config\.json: providers\.test\.eventHandler: .*other\.mjs could not be loaded: SyntaxError/m,
    );
    const planned = await project.runner(["run", "quick", "--dry-run"], keys);
    expect(planned.code).toBe(78);
    expect(planned.stderr).toContain("its default export is a number");
    expect(planned.stderr).not.toContain("    at ");
    project.write("runner.config.json", configFor("http://127.0.0.1:9", { eventHandler: "none.mjs" }));
    const missing = await project.runner(["validate"], keys);
    expect(missing).toMatchObject({ code: 78, stderr: expect.stringContaining('"none.mjs" names no file') });
  });
});
