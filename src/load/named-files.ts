/** The files that jobs name, on the disk: see `JobFiles` in job/job-files.ts. */
import { realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import type { JobFiles } from "../job/job-files.ts";
import { looksSecret } from "../job/secret.ts";
import { readText } from "./document.ts";
import { resolveFolder, type Environment } from "./folders.ts";
import { readJson } from "./json.ts";

interface Refusal {
  readonly problem: string;
  readonly suggestion?: string;
}

export interface NamedFilesOptions {
  /** The project's folder, absolute: work folders are relative to it. */
  readonly projectDir: string;
  /** Folders that an include may lie in, absolute: the project's and that of the jobs. */
  readonly roots: readonly string[];
  /** For `~/`. */
  readonly env: Environment;
  /** Is told of every file that a job names, by its absolute path. */
  readonly found: (path: string) => void;
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

export function namedFiles({ projectDir, roots, env, found: tell }: NamedFilesOptions): JobFiles {
  const realRoots = (): string[] => roots.map((root) => real(root) ?? root);
  const file = (written: string, folder: string): { readonly path: string } | Refusal => {
    const path = resolveFolder(written, folder, env);
    const facts = statSync(path, { throwIfNoEntry: false });
    if (facts === undefined) return missing(written);
    if (!facts.isFile()) return { problem: `${shown(written)} is not a file` };
    tell(path);
    return { path };
  };
  const read = (written: string, folder: string): { readonly path: string; readonly text: string } | Refusal => {
    const found = file(written, folder);
    if ("problem" in found) return found;
    const text = readText(found.path, written);
    const [issue] = "issues" in text ? text.issues : [];
    if (issue !== undefined) return { problem: `${shown(written)} ${issue.message}`, ...suggested(issue.suggestion) };
    return { path: found.path, text: "text" in text ? text.text : "" };
  };
  return {
    workDir: (written) => resolveFolder(written, projectDir, env),
    file,
    json: (written, folder) => {
      const found = read(written, folder);
      if ("problem" in found) return found;
      const parsed = readJson(found.text);
      if ("value" in parsed) return { value: parsed.value };
      const [first] = parsed.problems;
      if (first === undefined) return { problem: `${shown(written)} is not JSON` };
      const { line, column, message, suggestion } = first;
      return { problem: `${shown(written)}, line ${line}, column ${column}: ${message}`, ...suggested(suggestion) };
    },
    include: (written, folder) => {
      if (isAbsolute(written) || written.startsWith("~")) return outside(written);
      const path = real(resolve(folder, written));
      if (path === undefined) return missing(written);
      if (!realRoots().some((root) => isBelow(path, root))) return outside(written);
      const found = read(written, folder);
      return "problem" in found ? found : { text: found.text, path, folder: dirname(found.path) };
    },
  };
}

function missing(written: string): Refusal {
  return { problem: `there is no file ${shown(written)}`, suggestion: "a path is relative to the file that names it" };
}

function outside(written: string): Refusal {
  return { problem: `${shown(written)} lies outside the project folder`, suggestion: "move it into the project" };
}

function isBelow(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function shown(text: string): string {
  return looksSecret(text) ? "(looks like a key, not shown)" : JSON.stringify(text.slice(0, 200));
}

function suggested(suggestion: string | undefined): { suggestion?: string } {
  return suggestion === undefined ? {} : { suggestion };
}
