/** docs/install.md: its container recipe and its hardening hold together, as far as that can be seen without a container. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { allCommands } from "../../src/cli/commands/index.ts";
import { parse } from "../../src/cli/program.ts";
import { systemdUnits } from "../../src/compose/service/systemd.ts";
import { loadConfig } from "../../src/load/config.ts";
import { serviceOf } from "../compose/service/facts.ts";
import { samplesOf } from "./samples.ts";

const samples = samplesOf("docs/install.md");
const commands = await allCommands();

function only(language: string, mark?: string): string {
  const found = samples.filter((sample) => sample.language === language && (mark === undefined || sample.marks.includes(mark)));
  expect(found).toHaveLength(1);
  return found[0]?.text ?? "";
}

/** Instructions of a Dockerfile with their lines joined. */
function instructions(text: string): Map<string, string[]> {
  const lines = text
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line));
  return Map.groupBy(lines, (line) => line.split(" ")[0] ?? "");
}

/** Whether the command line takes these words. */
async function taken(words: readonly string[]): Promise<boolean> {
  expect(words[0]).toBe("runner");
  return parse(words.slice(1), commands, async () => 0).then(() => true);
}

/** What the daemon needs to end in good order, in seconds. */
const folder = mkdtempSync(path.join(os.tmpdir(), "runner-docs-"));
const { config } = await loadConfig({ cwd: folder, env: { HOME: folder }, builtIns: [] });
rmSync(folder, { recursive: true });
const stopSeconds = (config.scheduler.shutdownGraceMs + config.scheduler.killGraceMs) / 1_000;

describe("the image", () => {
  const docker = instructions(only("dockerfile"));
  const last = (name: string): string =>
    docker
      .get(name)
      ?.at(-1)
      ?.slice(name.length + 1) ?? "";

  it("has an init as its first program, and runner start under it, without a shell between", async () => {
    expect(JSON.parse(last("ENTRYPOINT"))).toEqual(["/usr/bin/tini", "--"]);
    expect(last("RUN")).toMatch(/apt-get install .*\btini\b/);
    expect(await taken(JSON.parse(last("CMD")) as string[])).toBe(true);
    expect(last("STOPSIGNAL")).toBe("SIGTERM");
  });

  it("does not run as root, and its user may write its state", () => {
    expect(last("USER")).toBe("node");
    expect(last("VOLUME")).toBe("/state");
    expect(last("ENV")).toBe("XDG_STATE_HOME=/state");
    expect(last("RUN")).toContain("chown node:node /state");
  });

  it("asks for its health by the command that says it", async () => {
    const [, check = ""] = last("HEALTHCHECK").split("CMD ");
    expect(await taken(JSON.parse(check) as string[])).toBe(true);
  });
});

interface Service {
  readonly stop_grace_period: string;
  readonly volumes: readonly string[];
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly readinessProbe: { readonly exec: { readonly command: readonly string[] } };
    readonly livenessProbe?: unknown;
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly { readonly name: string }[];
}

describe("Compose and Kubernetes", () => {
  it("give the daemon the time it takes to end, and keep its state", async () => {
    const compose = parseYaml(only("yaml", "compose")) as { services: Record<string, Service>; volumes: object };
    const { runner } = compose.services;
    expect(Number.parseInt(runner?.stop_grace_period ?? "", 10)).toBeGreaterThan(stopSeconds);
    expect(runner?.volumes).toContain("state:/state");
    expect(compose.volumes).toHaveProperty("state");

    const deployment = parseYaml(only("yaml", "kubernetes")) as {
      spec: { replicas: number; strategy: object; template: { spec: Pod } };
    };
    const { spec } = deployment.spec.template;
    expect(deployment.spec).toMatchObject({ replicas: 1, strategy: { type: "Recreate" } });
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(stopSeconds);
    const [container] = spec.containers;
    expect(container?.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(expect.arrayContaining(["/state", "/tmp"]));
    const names = spec.volumes.map(({ name }) => name).toSorted();
    expect(container?.volumeMounts.map(({ name }) => name).toSorted()).toEqual(names);
    // A failing job is no reason to kill the daemon and what it has under way.
    expect(container).not.toHaveProperty("livenessProbe");
    expect(await taken(container?.readinessProbe.exec.command ?? [])).toBe(true);
  });
});

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!analyze) process.stdout.write("skipped: there is no systemd-analyze here, so the drop-in was not verified\n");

it.skipIf(!analyze)("the drop-in is taken by systemd with the unit it belongs to", () => {
  const units = mkdtempSync(path.join(os.tmpdir(), "runner-docs-"));
  try {
    const [unit] = systemdUnits(serviceOf({ name: "docs" }));
    const file = path.join(units, unit?.file ?? "");
    writeFileSync(file, unit?.text ?? "");
    mkdirSync(`${file}.d`);
    writeFileSync(path.join(`${file}.d`, "harden.conf"), only("ini", "drop-in"));
    const env = { ...process.env, XDG_RUNTIME_DIR: units };
    const done = spawnSync("systemd-analyze", ["--user", "--man=no", "verify", file], { encoding: "utf8", env });
    const about = done.stderr.split("\n").filter((line) => line.includes("docs") || line.includes("harden"));
    expect({ status: done.status, about }).toEqual({ status: 0, about: [] });
  } finally {
    rmSync(units, { recursive: true, force: true });
  }
});

it("the unit, the image and the page name the same times", () => {
  const [unit] = systemdUnits(serviceOf({ stopMs: stopSeconds * 1_000 }));
  expect(unit?.text).toContain(`TimeoutStopSec=${stopSeconds + 10}`);
  expect(samples.length).toBeGreaterThan(5);
});
