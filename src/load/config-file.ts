/** Reads one configuration file, whatever its format, through cosmiconfig. Loaded only when there is a file to read. */
import { homedir } from "node:os";
import { basename, extname } from "node:path";
import { ConfigError } from "../errors.ts";
import type { Path } from "../job/words.ts";
import { maxFileBytes, readDocument, readText, type DocumentFormat } from "./document.ts";
import type { Document } from "./syntax.ts";
import { displayName } from "./display-name.ts";
import { runProgram, words } from "./program.ts";

/** A place in one of the files that a configuration was made of; files that are programs have no lines to show. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface ConfigDocument {
  /** What the file says; an empty file says nothing. */
  readonly value: unknown;
  readonly place: (path: Path, of: "key" | "value") => Place;
}

const formats: Readonly<Record<string, DocumentFormat>> = { ".json": "json", ".yaml": "yaml", ".yml": "yaml" };
const programs = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];

/** @throws ConfigError if the file cannot be read, or as what its name says it is. */
export async function readConfigFile(path: string, base: string): Promise<ConfigDocument> {
  const file = displayName(path, base);
  const extension = extname(path);
  if (extension !== "" && formats[extension] === undefined && !programs.includes(extension)) {
    const suggestion = "a configuration is .ts, .js, .mjs, .cjs, .json, .yaml or .yml";
    throw new ConfigError([
      { file, path: "", message: `cannot tell the format from ${JSON.stringify(extension.slice(0, 20))}`, suggestion },
    ]);
  }
  const text = readText(path, file);
  if ("issues" in text) throw new ConfigError(text.issues);
  const documents: { file: string; prefix: Path; document: Document }[] = [];
  const loadText = async (from: string, content: string): Promise<unknown> => {
    const name = displayName(from, base);
    const document = await parseText(from, content, name);
    // The key of package.json is taken out by cosmiconfig; here it stays part of every place.
    documents.push({ file: name, prefix: basename(from) === "package.json" ? ["runner"] : [], document });
    return document.value;
  };
  const loadProgram = async (from: string): Promise<unknown> => {
    const result = await runProgram(from, displayName(from, base), { call: false });
    if ("issues" in result) throw new ConfigError(result.issues);
    return result.value;
  };
  const loaders = Object.fromEntries([
    ...["noExt", ...Object.keys(formats)].map((key) => [key, loadText] as const),
    ...programs.map((key) => [key, loadProgram] as const),
  ]);
  const result = await load(path, file, loaders);
  return { value: result, place: (wanted, of) => placeIn(documents, wanted, of) ?? { file } };
}

/** It looks for the home folder when it is loaded, and fails for a user who has none, which is no hindrance here: the file is known. */
async function loadCosmiconfig(): Promise<typeof import("cosmiconfig")> {
  try {
    homedir();
  } catch {
    process.env["HOME"] = "/nonexistent";
    try {
      return await import("cosmiconfig");
    } finally {
      delete process.env["HOME"];
    }
  }
  return import("cosmiconfig");
}

async function load(
  path: string,
  file: string,
  loaders: Record<string, (path: string, content: string) => Promise<unknown>>,
): Promise<unknown> {
  try {
    const { cosmiconfig } = await loadCosmiconfig();
    const explorer = cosmiconfig("runner", { cache: false, searchPlaces: [basename(path)], searchStrategy: "none", loaders });
    const result = (await explorer.load(path)) as { config?: unknown; isEmpty?: boolean } | null;
    return result === null || result.isEmpty === true ? {} : result.config;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // What is left are cosmiconfig's own words: an $import that is not there or that leads round in a circle.
    throw new ConfigError([{ file, path: "$import", message: noImport(error) ?? words(error) }], { cause: error });
  }
}

function noImport(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("path" in error)) return undefined;
  return `names ${String(error.path)}, which ${error.code === "ENOENT" ? "does not exist" : `cannot be read (${String(error.code)})`}`;
}

async function parseText(path: string, content: string, file: string): Promise<Document> {
  if (content.length > maxFileBytes) throw new ConfigError([{ file, path: "", message: `is larger than ${maxFileBytes} bytes` }]);
  const text = content.startsWith("\uFEFF") ? content.slice(1) : content;
  // A .runnerrc is YAML, of which JSON is a part; what begins like JSON is read as JSON, for its better messages and speed.
  const format = formats[extname(path)] ?? (/^\s*\{/.test(text) ? "json" : "yaml");
  const read = await readDocument(text, format, file);
  if ("issues" in read) throw new ConfigError(read.issues);
  return read.document;
}

/** With `$import`, a value may stand in any of several files: the one that was asked for is searched first. */
function placeIn(
  documents: readonly { file: string; prefix: Path; document: Document }[],
  path: Path,
  of: "key" | "value",
): Place | undefined {
  const holder = documents.find(({ prefix, document }) => holds(document.value, [...prefix, ...path])) ?? documents[0];
  if (holder === undefined) return undefined;
  return { file: holder.file, ...holder.document.locate([...holder.prefix, ...path], of) };
}

function holds(value: unknown, path: Path): boolean {
  let here = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null) return false;
    const entry = Object.entries(here).find(([key]) => key === String(step));
    if (entry === undefined) return false;
    [, here] = entry;
  }
  return true;
}
