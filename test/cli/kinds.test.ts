/** Every kind of job, defaults of a folder and the configuration, as the commands show them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stage, type Stage } from "./stage.ts";

let project: Stage;
beforeAll(() => {
  project = stage();
  project.write("runner.config.yaml", 'providers:\n  moonshot: { apiKey: "${MINE}", headers: { x-team: hunter2 } }\n');
  project.write("jobs/_defaults.yaml", "model: kimi-coding/k2p5\ntz: Europe/London\n");
  project.write("jobs/hello.md", '---\ncron: "0 7 * * *"\n---\nHello\n');
  project.write("jobs/backup.yaml", "command: echo hi | tr h H\nevery: 6h\n");
  project.write("jobs/sync.json5", "{ argv: ['/usr/bin/rsync', '-a'] }");
});
afterAll(() => project.close());

describe("kinds of jobs", () => {
  it("list shows a model or a program, and what the folder gives", async () => {
    const { stdout } = await project.runner(["list"]);
    expect(stdout).toMatch(/backup +every 6h.* +\$ echo +never/);
    expect(stdout).toMatch(/hello +0 7 \* \* \* +Europe\/London +kimi-coding\/k2p5 +never/);
    expect(stdout).toMatch(/sync +.*\$ rsync +never/);
  });

  it("next shows a command's slots among the others", async () => {
    const { stdout } = await project.runner(["next", "-n", "5"]);
    expect(stdout).toMatch(/^backup /m);
    expect(stdout).toMatch(/^hello .* Europe\/London /m);
  });

  it("validate names the defaults and counts their jobs", async () => {
    const { code, stdout, stderr } = await project.runner(["validate", "--json"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: true,
      defaults: [{ file: "jobs/_defaults.yaml", jobs: 3 }],
      jobs: [
        { name: "backup", kind: "command" },
        { name: "hello", kind: "agentTurn" },
        { name: "sync", kind: "command" },
      ],
    });
    expect((await project.runner(["validate"])).stderr).toContain("defaults: jobs/_defaults.yaml (3 jobs)");
  });

  it("a command runs without a model and without a key", async () => {
    expect(await project.runner(["run", "backup"])).toMatchObject({ code: 0, stdout: "Hi\n" });
  });
});

describe("config and schema", () => {
  it("tell who won, and no secret", async () => {
    const { code, stdout } = await project.runner(["config"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/providers\.moonshot\.apiKey +\$\{MINE\} +runner\.config\.yaml:2/);
    expect(stdout).toContain("(a plain value, not shown)");
    expect(stdout).not.toContain("hunter2");
    expect((await project.runner(["config", "path"])).stdout.trim()).toMatch(/runner\.config\.yaml$/);
    const { stdout: json } = await project.runner(["config", "--json"]);
    expect(json).not.toContain("hunter2");
    expect(JSON.parse(json)).toMatchObject({
      kind: "config",
      settings: expect.arrayContaining([expect.objectContaining({ path: "timezone" })]),
    });
  });

  it("print a schema, and refuse a kind nobody knows", async () => {
    for (const kind of ["job", "defaults", "config"]) {
      expect(JSON.parse((await project.runner(["schema", kind])).stdout)).toHaveProperty("$schema");
    }
    expect(await project.runner(["schema", "jobs"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("job, defaults, config"),
    });
  });
});
