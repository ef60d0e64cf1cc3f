import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The tests judge the programs people get, so `dist/` is built from the current sources before the first test. */
export default function setup(): void {
  const root = fileURLToPath(new URL("..", import.meta.url));
  execFileSync(process.execPath, [`${root}scripts/build.ts`], { stdio: "inherit" });
}
