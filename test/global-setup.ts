import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bundlePrograms } from "./fixtures/programs.ts";

/**
 * The tests judge the programs people get, so `dist/` is built from the current sources before the first test. The code that V8 made of it is kept for
 * all projects of this run of the tests (test/cli/stage.ts), as it is for all projects of a person; that of everything else which Node loads as well.
 */
export default async function setup(): Promise<() => void> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  execFileSync(process.execPath, [`${root}scripts/build.ts`], { stdio: "inherit" });
  const cache = mkdtempSync(path.join(os.tmpdir(), "runner-cache-"));
  process.env["RUNNER_TEST_CACHE"] = cache;
  process.env["NODE_COMPILE_CACHE"] = path.join(cache, "node");
  await bundlePrograms(path.join(cache, "programs"));
  return () => rmSync(cache, { recursive: true, force: true });
}
