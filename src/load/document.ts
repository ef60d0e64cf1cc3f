/** Files → values with positions. What a file holds is read here; what it means is for the parsers of jobs and configuration. */
import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { Issue } from "../errors.ts";
import { readJson } from "./json.ts";
import { readMarkdown, readYaml } from "./yaml-text.ts";
import type { Document, SyntaxProblem, TextDocument } from "./syntax.ts";

/** The largest job or configuration file that is read. */
export const maxFileBytes = 1_048_576;

export type DocumentFormat = "json" | "json5" | "yaml" | "markdown";

export type ReadDocument = { readonly document: Document } | { readonly issues: readonly Issue[] };

/** Reads one file's text: bounded, UTF-8 (a byte-order mark is dropped), and never a folder, device or pipe. */
export function readText(path: string, file: string): { readonly text: string } | { readonly issues: readonly Issue[] } {
  const refuse = (message: string, suggestion?: string, place: object = {}): { issues: Issue[] } => ({
    issues: [{ file, ...place, path: "", message, ...(suggestion === undefined ? {} : { suggestion }) }],
  });
  let bytes: Buffer;
  let open: number | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its other end for ever.
    open = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = fstatSync(open);
    if (facts.isDirectory()) return refuse("is a folder, not a file", "rename it, or move the files in it up");
    if (!facts.isFile()) return refuse("is not a regular file");
    if (facts.size > maxFileBytes)
      return refuse(`has ${facts.size} bytes, at most ${maxFileBytes} are read`, "is this the right file?");
    bytes = readWhole(open, facts.size);
  } catch (error) {
    return refuse(...unreadable(error));
  } finally {
    if (open !== undefined) closeSync(open);
  }
  if (bytes.length > maxFileBytes) return refuse(`has more than ${maxFileBytes} bytes`);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return refuse("is UTF-16", "save it as UTF-8");
  if (!isUtf8(bytes)) return refuse("is not valid UTF-8", "save it as UTF-8", firstBadByte(bytes));
  const text = bytes.toString("utf8");
  return { text: text.startsWith("\uFEFF") ? text.slice(1) : text };
}

/** All bytes of an open file, with one call where it has the size that it says. */
function readWhole(open: number, size: number): Buffer {
  // One byte more than there should be: what does not fill the room is the end of the file.
  const room = Buffer.allocUnsafe(size + 1);
  const length = readSync(open, room);
  if (length === size && size > 0) return room.subarray(0, length);
  // It grew or shrank meanwhile, or says that it has no bytes, as files of the kernel do.
  return Buffer.concat([room.subarray(0, length), readFileSync(open)]);
}

function unreadable(error: unknown): [message: string, suggestion?: string] {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT") return ["does not exist, or is a link to something that does not"];
  if (code === "EACCES" || code === "EPERM") return ["may not be read by this user", "chmod u+r, or run as its owner"];
  if (code === "ELOOP") return ["is a link that leads round in a circle"];
  if (code === "EISDIR") return ["is a folder, not a file", "rename it, or move the files in it up"];
  return [`cannot be read: ${code === "" ? "unknown reason" : code}`];
}

function firstBadByte(bytes: Buffer): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(0x0a, start);
    const part = bytes.subarray(start, end < 0 ? bytes.length : end);
    // U+FFFD is what a bad byte decodes to; a good one in the text itself would be found first and be off by a little.
    if (!isUtf8(part)) return { line, column: part.toString("utf8").indexOf("\uFFFD") + 1 };
    if (end < 0) return { line, column: 1 };
    line += 1;
    start = end + 1;
  }
}

/** Reads a text of a known format into a value with positions. The parsers of YAML and JSON5 are loaded only if they are needed. */
export async function readDocument(text: string, format: DocumentFormat, file: string): Promise<ReadDocument> {
  const result = await readFormat(text, format);
  if ("problems" in result) {
    return { issues: result.problems.map((problem) => ({ file, path: problem.path ?? "", ...withoutPath(problem) })) };
  }
  return { document: result };
}

async function readFormat(
  text: string,
  format: DocumentFormat,
): Promise<TextDocument | { readonly problems: readonly SyntaxProblem[] }> {
  if (format === "json") return readJson(text);
  if (format === "json5") return (await import("./json5.ts")).readJson5(text);
  return format === "yaml" ? readYaml(text) : readMarkdown(text);
}

function withoutPath({ line, column, message, suggestion }: SyntaxProblem): Omit<Issue, "file" | "path"> {
  return { line, column, message, ...(suggestion === undefined ? {} : { suggestion }) };
}
