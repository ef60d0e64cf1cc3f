/** Paths that will still be there tomorrow. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { serviceVariables } from "../../../src/compose/service/environment.ts";
import { ownPrograms } from "../../../src/compose/service/own-programs.ts";
import { root } from "../../cli/stage.ts";

let home = "";
beforeAll(() => {
  home = realpathSync(mkdtempSync(path.join(root, "node_modules/.runner-paths-")));
  // What lies below the temporary folder is taken for passing, and this checkout may lie there itself.
  vi.stubEnv("TMPDIR", path.join(home, "tmp"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

function program(...parts: readonly string[]): string {
  const file = path.join(home, ...parts);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, "#!/bin/sh\n");
  chmodSync(file, 0o755);
  return file;
}

function link(target: string, ...parts: readonly string[]): string {
  const file = path.join(home, ...parts);
  mkdirSync(path.dirname(file), { recursive: true });
  symlinkSync(target, file);
  return file;
}

describe("Node", () => {
  it("is the link that outlives a release, where PATH has one", () => {
    const real = program("Cellar/node/24.1.0/bin/node");
    const stable = link(real, "homebrew/bin/node");
    expect(ownPrograms(real, "/x/runner.js", { PATH: path.dirname(stable) })).toMatchObject({
      node: stable,
      notes: [],
      problems: [],
    });
  });

  it("is the program itself, and not a version manager's shim; which is said", () => {
    const real = program(".asdf/installs/nodejs/24.1.0/bin/node");
    const shim = program(".asdf/shims/node");
    const { node, notes } = ownPrograms(real, "/x/runner.js", { PATH: path.dirname(shim) });
    expect(node).toBe(real);
    expect(notes.join("\n")).toMatch(/the node of this shell's PATH is .*shims\/node[\s\S]*belongs to asdf/);
  });

  it("is not fnm's folder of one shell", () => {
    const real = program("fnm/node-versions/v24/installation/bin/node");
    const multishell = link(path.dirname(real), "fnm_multishells/1_2/bin");
    const { node, notes } = ownPrograms(real, "/x/runner.js", { PATH: multishell });
    expect(node).toBe(real);
    expect(notes.join("\n")).toMatch(/for this shell only[\s\S]*belongs to fnm/);
    expect(serviceVariables({ PATH: `${multishell}:${home}` }, node, false).environment["PATH"]).toBe(
      `${path.dirname(real)}:${home}:/usr/local/bin:/usr/bin:/bin`,
    );
  });
});

it("runner out of npx's cache is refused, with the remedy", () => {
  const entry = program(".npm/_npx/0123/node_modules/turn-runner/bin/runner.js");
  const { problems } = ownPrograms(process.execPath, link(entry, "bin/runner"), {});
  expect(problems).toMatchObject([
    { name: "runner", status: "fail", remedy: expect.stringContaining("npm install -g") as string },
  ]);
});

describe("what is written into a service", () => {
  it("is names from a list, never a password, and of PATH only what lasts", () => {
    const env = {
      PATH: `relative::/no/such/folder:${home}:/usr/bin`,
      TZ: "Europe/London",
      ANTHROPIC_API_KEY: "sk-planted",
      HTTPS_PROXY: "http://me:hunter2@proxy:3128",
      http_proxy: "me:hunter2@proxy:3128",
      NO_PROXY: "localhost",
      XDG_STATE_HOME: "/state",
    };
    const { environment, notes } = serviceVariables(env, "/usr/bin/node", false);
    expect(environment).toEqual({
      PATH: expect.stringContaining(`${home}:/usr/bin`) as string,
      TZ: "Europe/London",
      NO_PROXY: "localhost",
      XDG_STATE_HOME: "/state",
    });
    expect(environment["PATH"]).not.toContain("relative");
    expect(notes.join("\n")).toContain("HTTPS_PROXY holds a password");
    expect(serviceVariables(env, "/usr/bin/node", true).environment).not.toHaveProperty("XDG_STATE_HOME");
  });
});
