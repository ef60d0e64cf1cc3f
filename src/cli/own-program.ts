/** How this very program is started again: Node and the file, absolute, so that it works without a PATH. */
import { realpathSync } from "node:fs";
import process from "node:process";

export function ownProgram(): readonly string[] {
  const [node = process.execPath, file = ""] = process.argv;
  try {
    return [node, realpathSync(file)];
  } catch {
    return [node, file];
  }
}
