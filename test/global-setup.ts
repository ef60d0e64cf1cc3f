import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The tests judge the programs people get, so `dist/` is built from the current sources before the first test. The code that V8 made of it is kept for
 * all projects of this run of the tests (test/cli/stage.ts), as it is for all projects of a person.
 */
export default function setup(): () => void {
  const root = fileURLToPath(new URL("..", import.meta.url));
  execFileSync(process.execPath, [`${root}scripts/build.ts`], { stdio: "inherit" });
  const cache = mkdtempSync(path.join(os.tmpdir(), "runner-cache-"));
  process.env["RUNNER_TEST_CACHE"] = cache;
  return () => rmSync(cache, { recursive: true, force: true });
}
