/** The `files` grant: reading, and with `rw` writing, below the work folder and nowhere else. */
import { closeSync, constants, ftruncateSync, mkdirSync, readdirSync, readSync, rmdirSync, unlinkSync, writeSync } from "node:fs";
import { lstatSync } from "node:fs";
import type { FilesGrant } from "../../job/job.ts";
import { isCode, openFileBelow, OutsideError, placeBelow } from "./below.ts";
import { failed, objectSchema, optionalText, refused, succeeded, textAt, wholeAt, type Tool, type ToolOutcome } from "./tool.ts";

/** Largest file that is read at all, in bytes; a longer one is read by `shell`, if that is granted. */
const readableBytes = 16 * 1024 * 1024;

/** Most bytes one call writes. */
const writableBytes = 4 * 1024 * 1024;

/** Entries one listing gives. */
const listedEntries = 1_000;

/** Lines one call gives unless it asks for another number. */
const linesRead = 2_000;

type Input = Readonly<Record<string, unknown>>;

const path = { type: "string", description: "Relative to the work folder." };

function tool(
  name: string,
  description: string,
  properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  required: readonly string[],
  act: (input: Input) => ToolOutcome,
): Tool {
  const run = async (input: Input): Promise<ToolOutcome> => guarded(() => act(input));
  return { name, grant: "files", description, inputSchema: objectSchema(properties, required), run };
}

export function fileTools(grant: FilesGrant, root: string): Tool[] {
  const reading = [
    tool(
      "read_file",
      `Reads a text file. Gives ${linesRead} lines unless \`limit\` says otherwise; \`offset\` is the first line, from 1.`,
      { path, offset: { type: "integer", minimum: 1 }, limit: { type: "integer", minimum: 1 } },
      ["path"],
      (input) => readFile(root, input),
    ),
    tool("list_files", "Lists a folder; folders end in `/`. Default: the work folder.", { path }, [], (input) =>
      listFolder(root, input),
    ),
  ];
  if (grant.access === "ro") return reading;
  const content = { type: "string" };
  return [
    ...reading,
    tool(
      "write_file",
      "Writes a text file, new or in place of what it held. Missing folders are made.",
      { path, content },
      ["path", "content"],
      (input) => writeFile(root, input, "write"),
    ),
    tool(
      "append_file",
      "Adds text to the end of a file, which is made if it is missing.",
      { path, content },
      ["path", "content"],
      (input) => writeFile(root, input, "append"),
    ),
    tool("make_folder", "Makes a folder and those above it.", { path }, ["path"], (input) => makeFolder(root, input)),
    tool("delete_file", "Deletes a file, a link or an empty folder.", { path }, ["path"], (input) => remove(root, input)),
  ];
}

/** What the system says becomes words for the model. */
function guarded(act: () => ToolOutcome): ToolOutcome {
  try {
    return act();
  } catch (error) {
    if (error instanceof OutsideError)
      return error.madeFolders ? failed(`${error.message}; folders on the way there were made`) : refused(error.message);
    if (isCode(error, "ELOOP")) return refused("the path was replaced by a link meanwhile");
    if (isCode(error, "ENXIO")) return refused("the path is no file (a device, pipe or socket)");
    if (error instanceof Error && "code" in error && typeof error.code === "string")
      return failed(`${error.code}: ${words[error.code] ?? "the system refused it"}`);
    throw error;
  }
}

const words: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of the path is no folder",
  EISDIR: "it is a folder",
  EEXIST: "it is there already",
  ENOTEMPTY: "the folder is not empty",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "nothing can be written there",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EFBIG: "the file would be too large",
  ENAMETOOLONG: "the name is too long",
};

function readFile(root: string, input: Input): ToolOutcome {
  const name = textAt(input, "path");
  const offset = wholeAt(input, "offset", { least: 1, most: 1e9, otherwise: 1 });
  const limit = wholeAt(input, "limit", { least: 1, most: 1e6, otherwise: linesRead });
  const { fd, stats } = openFileBelow(root, name, constants.O_RDONLY);
  try {
    if (stats.size > readableBytes) return failed(`${name} has ${stats.size} bytes, and at most ${readableBytes} are read`);
    const bytes = readAll(fd, stats.size);
    if (bytes.includes(0)) return failed(`${name} is no text: it holds NUL bytes (${bytes.length} bytes in all)`);
    const text = bytes.toString("utf8");
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    if (offset === 1 && lines.length <= limit) return succeeded(text, bytes.length);
    const chosen = lines.slice(offset - 1, offset - 1 + limit);
    const note = `[lines ${offset} to ${offset - 1 + chosen.length} of ${lines.length}]`;
    return succeeded(`${chosen.join("\n")}\n${note}`, bytes.length);
  } finally {
    closeSync(fd);
  }
}

/** A file may grow while it is read: what it had at first is what is read, and no more than is allowed. */
function readAll(fd: number, size: number): Buffer {
  const buffer = Buffer.alloc(Math.min(size, readableBytes));
  let at = 0;
  while (at < buffer.length) {
    const read = readSync(fd, buffer, at, buffer.length - at, at);
    if (read === 0) break;
    at += read;
  }
  return buffer.subarray(0, at);
}

function listFolder(root: string, input: Input): ToolOutcome {
  const name = optionalText(input, "path") ?? ".";
  const place = placeBelow(root, `${name}/.`, { followLast: true });
  try {
    const folder = place.name === undefined ? place.folder : `${place.folder}/${place.name}`;
    if (place.name !== undefined && !lstatSync(folder).isDirectory()) return failed(`${name} is no folder`);
    const entries = readdirSync(`${folder}/.`, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const lines = entries.slice(0, listedEntries).map((entry) => {
      const mark = entry.isDirectory() ? "/" : entry.isSymbolicLink() ? " (link)" : entry.isFile() ? "" : " (no file)";
      return `${entry.name}${mark}`;
    });
    const more = entries.length > listedEntries ? [`[${entries.length - listedEntries} more entries are not listed]`] : [];
    return succeeded(entries.length === 0 ? "(the folder is empty)" : [...lines, ...more].join("\n"));
  } finally {
    place.close();
  }
}

function writeFile(root: string, input: Input, how: "write" | "append"): ToolOutcome {
  const name = textAt(input, "path");
  const bytes = Buffer.from(textAt(input, "content"));
  if (bytes.length > writableBytes)
    return refused(`${bytes.length} bytes are too many: one call writes ${writableBytes} at most`);
  const flags = constants.O_WRONLY | constants.O_CREAT | (how === "append" ? constants.O_APPEND : 0);
  const { fd } = openFileBelow(root, name, flags, true);
  try {
    // Emptied only now that it is known to be a regular file.
    if (how === "write") ftruncateSync(fd);
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
    return succeeded(`${bytes.length} bytes ${how === "write" ? "written to" : "added to"} ${name}`, 0);
  } finally {
    closeSync(fd);
  }
}

function makeFolder(root: string, input: Input): ToolOutcome {
  const name = textAt(input, "path");
  const place = placeBelow(root, name, { followLast: false, makeFolders: true });
  try {
    if (place.name === undefined) return succeeded(`${name} is there already`);
    const folder = `${place.folder}/${place.name}`;
    try {
      mkdirSync(folder);
    } catch (error) {
      if (!isCode(error, "EEXIST") || !lstatSync(folder).isDirectory()) throw error;
    }
    return succeeded(`the folder ${name} is there`);
  } finally {
    place.close();
  }
}

function remove(root: string, input: Input): ToolOutcome {
  const name = textAt(input, "path");
  const place = placeBelow(root, name, { followLast: false });
  try {
    if (place.name === undefined) return refused("the work folder itself is not deleted");
    const target = `${place.folder}/${place.name}`;
    if (lstatSync(target).isDirectory()) rmdirSync(target);
    else unlinkSync(target);
    return succeeded(`${name} is deleted`);
  } finally {
    place.close();
  }
}
