/**
 * The release as a user gets it: packs, installs the tarball globally under each Node that is promised, and uses it there.
 * `node scripts/check-package.ts [VERSION…]`; a minute for all. The Nodes come from npm's `node` package and are kept in the temporary
 * folder for the next time. Ends with 1 if anything is not as promised.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
/** The oldest that is promised, to the patch; the newest of the other lines. */
const promised = ["22.18.0", "24", "26"];
const cache = path.join(os.tmpdir(), "turn-runner-nodes");

/** Packages that the library needs, with what they need. */
const furtherLimit = 60;

interface Done {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const failures: string[] = [];

function expect(version: string, what: string, holds: boolean, done?: Done): void {
  process.stdout.write(`${holds ? "ok  " : "FAIL"}  Node ${version.padEnd(8)}  ${what}\n`);
  if (holds) return;
  failures.push(`${version}: ${what}`);
  if (done !== undefined) process.stdout.write(`exit ${done.status}\n${done.stdout}\n${done.stderr}\n`);
}

/** The folder of that Node's program. */
function nodeOf(version: string): string {
  const folder = path.join(cache, version);
  const bin = path.join(folder, "node_modules/node/bin");
  if (!existsSync(path.join(bin, "node"))) {
    mkdirSync(folder, { recursive: true });
    // The program comes by the package's install script.
    writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, allowScripts: { node: true } }));
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", `node@${version}`], {
      cwd: folder,
      stdio: "inherit",
    });
  }
  return bin;
}

function check(version: string, tarball: string): void {
  const home = mkdtempSync(path.join(os.tmpdir(), "runner-package-"));
  const prefix = path.join(home, "prefix");
  const project = path.join(home, "project");
  mkdirSync(project);
  const nodeBin = nodeOf(version);
  const env = {
    ...process.env,
    PATH: `${nodeBin}${path.delimiter}${process.env["PATH"] ?? ""}`,
    HOME: home,
    XDG_STATE_HOME: path.join(home, "state"),
  };
  const use = (command: string, args: readonly string[]): Done =>
    spawnSync(command, args, { cwd: project, env, encoding: "utf8", timeout: 120_000 });
  const runner = (...args: readonly string[]): Done => use(path.join(prefix, "bin/runner"), args);
  const real = use("node", ["--version"]).stdout.trim().slice(1);
  const npmArgs = ["install", "--global", "--prefix", prefix, "--no-audit", "--no-fund", "--loglevel=error", tarball];
  const installed = use("npm", npmArgs);
  expect(real, "npm install --global", installed.status === 0, installed);
  const told = runner("--version");
  expect(real, "--version", told.status === 0 && told.stdout === `${packageJson.version}\n` && told.stderr === "", told);
  const made = runner("init", "--yes");
  expect(real, "init --yes in an empty folder", made.status === 0, made);
  const listed = runner("list");
  expect(real, "list", listed.status === 0 && listed.stdout.includes("morning-note") && listed.stderr === "", listed);
  const ran = runner("run", "morning-note", "--simulate", "stream_order:0.8", "--seed", "9");
  const healed = ran.status === 0 && ran.stdout.includes("End of simulated answer") && ran.stderr.includes("succeeded in");
  expect(real, "a run healed, no warning of Node's", healed && !/Warning/.test(ran.stderr), ran);
  const shown = runner("show", "last", "--json");
  expect(real, "show last --json", shown.status === 0 && shown.stderr === "", shown);
  const looked = runner("doctor", "--json");
  expect(real, "doctor --json", looked.status === 77 && looked.stdout.includes(`"kind": "doctor"`), looked);
  checkScheduler(real, project, runner);
  const library = path.join(prefix, "lib/node_modules", packageJson.name);
  const entry = JSON.stringify(path.join(library, packageJson.exports["."].default));
  const healing = `import { repairingFetch } from ${entry}; process.stdout.write(typeof repairingFetch())`;
  const imported = use("node", ["--input-type=module", "--eval", healing]);
  expect(real, "import of the library", imported.stdout === "function" && imported.stderr === "", imported);
  const engine = `import { createEngine } from ${entry};
    const engine = await createEngine({ simulate: { faults: "stream_order:1", seed: 1 } });
    process.stdout.write((await engine.run("morning-note")).status);
    await engine.close();`;
  const embedded = use("node", ["--input-type=module", "--eval", engine]);
  expect(real, "a run from a program", embedded.status === 0 && embedded.stdout === "succeeded", embedded);
  expect(real, "man page", existsSync(path.join(library, "man/runner.1")));
  const further = countPackages(path.join(library, "node_modules"));
  expect(real, `${further} further packages, at most ${furtherLimit}`, further <= furtherLimit);
  rmSync(home, { recursive: true, force: true });
}

/** What fires jobs, from the installed package. */
function checkScheduler(real: string, project: string, runner: (...args: readonly string[]) => Done): void {
  const ticked = runner("tick", "--simulate", "none");
  expect(real, "tick", ticked.status === 0 && !/Warning/.test(ticked.stderr), ticked);
  const once = runner("start", "--once", "--simulate", "none");
  expect(real, "start --once", once.status === 0 && !/Warning/.test(once.stderr), once);
  const status = runner("status", "--json");
  expect(real, "status --json", status.stderr === "" && status.stdout.includes(`"kind": "status"`), status);
  writeFileSync(path.join(project, "old-crontab"), "0 4 * * * /usr/local/bin/backup\n");
  const imported = runner("import", "crontab", "old-crontab", "--dry-run");
  expect(real, "import crontab --dry-run", imported.status === 0 && imported.stdout.includes("/usr/local/bin/backup"), imported);
  for (const manager of ["--systemd", "--launchd"]) {
    const planned = runner("install", manager, "--dry-run", "--json");
    // 77: the key of the first job is in no file yet.
    const good = planned.status === 77 && planned.stdout.includes("start") && planned.stderr === "";
    expect(real, `install ${manager} --dry-run`, good, planned);
  }
  const exported = runner("export", "systemd");
  expect(real, "export systemd", exported.status === 0 && exported.stdout.includes("OnCalendar="), exported);
}

function countPackages(folder: string): number {
  if (!existsSync(folder)) return 0;
  const names = readdirSync(folder).filter((name) => !name.startsWith("."));
  return names.reduce((sum, name) => sum + (name.startsWith("@") ? readdirSync(path.join(folder, name)).length : 1), 0);
}

const destination = mkdtempSync(path.join(os.tmpdir(), "runner-pack-"));
// Packing builds, by `prepare`, as it does before publishing.
execFileSync("npm", ["pack", "--loglevel=error", "--pack-destination", destination], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
});
const [tarball = ""] = readdirSync(destination);
const versions = process.argv.length > 2 ? process.argv.slice(2) : promised;
for (const version of versions) check(version, path.join(destination, tarball));
rmSync(destination, { recursive: true, force: true });
process.stdout.write(failures.length === 0 ? "the package is as promised\n" : `${failures.length} not as promised\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
