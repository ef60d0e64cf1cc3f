/**
 * The files a job names beside its own: includes of its prompts, a JSON Schema, an event handler, its work folder. What is on the disk
 * comes through `JobFiles`, so that reading a job stays pure.
 */
import type { Problem } from "./check.ts";
import { expandIncludes, lineAt, type IncludedFile } from "./include.ts";
import { maxMessage } from "./payload-shape.ts";
import type { JobInput } from "./job-shape.ts";
import { withPrograms } from "./program-paths.ts";
import { isRecord } from "./shape.ts";
import type { Path } from "./words.ts";
import { escapeTemplate, type Declared } from "./template.ts";
import type { ResolvedFiles } from "./to-job.ts";

interface Refusal {
  readonly problem: string;
  readonly suggestion?: string;
}

/** What a job may ask of the disk. A path is as written; `folder` is that of the file it is written in. */
export interface JobFiles {
  /** Absolute path of a work folder, which is relative to the project folder. It need not be there yet. */
  readonly workDir: (written: string) => string;
  /** Absolute path of a file that is there. */
  readonly file: (written: string, folder: string) => { readonly path: string } | Refusal;
  readonly json: (written: string, folder: string) => { readonly value: unknown } | Refusal;
  /** The text of a file within the project folder. */
  readonly include: (written: string, folder: string) => IncludedFile | Refusal;
}

/** A disk with nothing on it. */
const noFiles: JobFiles = {
  workDir: (written) => written,
  file: (written) => ({ path: written }),
  json: () => ({ problem: "cannot be read here" }),
  include: () => ({ problem: "cannot be read here" }),
};

export interface FileContext {
  readonly files?: JobFiles | undefined;
  /** Folder of the file in which the value at this path is written. */
  readonly folderOf: (path: Path) => string;
  /** The message and the system prompt are no templates: what looks like one is meant as it stands. */
  readonly literal: boolean;
}

/** The job with its programs where they are; see program-paths.ts. */
export function locatePrograms(
  input: JobInput,
  { files = noFiles, folderOf }: FileContext,
): { readonly input: JobInput } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const { payload, workDir } = input;
  const apart = workDir !== undefined || (payload.kind === "command" && payload.cwd !== undefined);
  const located = withPrograms(input, (written, path) => {
    if (apart && !written.startsWith("~/")) return written;
    const found = files.file(written, folderOf(path));
    if (!("problem" in found)) return found.path;
    const suggestion = `without "workDir" a relative path is taken from the file that names it`;
    problems.push({ path, of: "value", message: found.problem, suggestion });
    return written;
  });
  return problems.length > 0 ? { problems } : { input: located };
}

/** Everything the job names, found and read, or what is wrong with it. */
export function resolveFiles(input: JobInput, context: FileContext): ResolvedFiles | { readonly problems: readonly Problem[] } {
  const { files = noFiles, folderOf } = context;
  const problems: Problem[] = [];
  const resolved: { -readonly [K in keyof ResolvedFiles]: ResolvedFiles[K] } = {};
  const refuse = (path: Path, { problem, suggestion }: Refusal): void => {
    problems.push({ path, of: "value", message: problem, ...(suggestion === undefined ? {} : { suggestion }) });
  };
  const folder = input.payload.kind === "command" ? (input.payload.cwd ?? input.workDir) : input.workDir;
  if (folder !== undefined) resolved.workDir = files.workDir(folder);
  if (input.eventHandler !== undefined) {
    const found = files.file(input.eventHandler, folderOf(["eventHandler"]));
    if ("problem" in found) refuse(["eventHandler"], found);
    else resolved.eventHandler = found.path;
  }
  const schema = input.expect?.jsonSchema;
  if (typeof schema === "string") {
    const path = ["expect", "jsonSchema"];
    const found = files.json(schema, folderOf(path));
    if ("problem" in found) refuse(path, found);
    else if (isRecord(found.value) || typeof found.value === "boolean") resolved.jsonSchema = found.value;
    else
      refuse(path, { problem: "names a file that holds no JSON Schema", suggestion: `it holds an object: { "type": "object" }` });
  }
  if (input.payload.kind === "agentTurn") {
    for (const key of ["message", "system"] as const) {
      const text = input.payload[key];
      if (text === undefined) continue;
      if (context.literal) {
        resolved[key] = escapeTemplate(text);
        continue;
      }
      const read = prompt(text, ["payload", key], input, files, folderOf);
      if ("problems" in read) problems.push(...read.problems);
      else resolved[key] = read.text;
    }
  }
  return problems.length > 0 ? { problems } : resolved;
}

function prompt(
  text: string,
  path: Path,
  input: JobInput,
  files: JobFiles,
  folderOf: FileContext["folderOf"],
): { readonly text: string } | { readonly problems: Problem[] } {
  const declared: Declared = {
    vars: Object.keys(input.vars ?? {}),
    env: input.env ?? [],
    gate: input.gate !== undefined,
  };
  const read = expandIncludes(text, folderOf(path), { read: files.include, declared, maxLength: maxMessage });
  if (!("problems" in read)) return read;
  const problems = read.problems.map(({ at, message, suggestion }): Problem => {
    return { path, of: "value", message, textLine: lineAt(text, at), ...(suggestion === undefined ? {} : { suggestion }) };
  });
  return { problems };
}
