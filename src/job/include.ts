/** Puts the files that a prompt includes in their places and checks every name in it. Reading the files is somebody else's. */
import { looksSecret } from "./secret.ts";
import { escapeTemplate, nameProblem, parseTemplate, type Declared, type TemplateProblem } from "./template.ts";

/** An included file's text, and what tells it from every other file. */
export interface IncludedFile {
  readonly text: string;
  /** Absolute path, links resolved. */
  readonly path: string;
  /** Folder that its own includes are relative to. */
  readonly folder: string;
}

type ReadInclude = (written: string, folder: string) => IncludedFile | { readonly problem: string; readonly suggestion?: string };

/** Most files within files, most files of one prompt, and most characters of the whole. */
const maxDepth = 8;
const maxFiles = 100;

interface Expansion {
  readonly read: ReadInclude;
  readonly declared: Declared;
  readonly maxLength: number;
  files: number;
  length: number;
  readonly problems: TemplateProblem[];
}

/**
 * The prompt with its includes put in, still a template; or what is wrong with it. What is wrong within an included file is told at the
 * place of the outermost `{{include}}`, with the file's name and line.
 */
export function expandIncludes(
  text: string,
  folder: string,
  { read, declared, maxLength }: Pick<Expansion, "read" | "declared" | "maxLength">,
): { readonly text: string } | { readonly problems: readonly TemplateProblem[] } {
  if (!text.includes("{{")) return { text };
  const expansion: Expansion = { read, declared, maxLength, files: 0, length: 0, problems: [] };
  const expanded = expand(text, folder, [], expansion);
  return expansion.problems.length > 0 ? { problems: expansion.problems.slice(0, 20) } : { text: expanded };
}

function expand(text: string, folder: string, trail: readonly string[], expansion: Expansion): string {
  const { parts, problems } = parseTemplate(text);
  expansion.problems.push(...problems);
  let made = "";
  for (const part of parts) {
    const before = made.length;
    if (part.kind === "text") made += escapeTemplate(part.text);
    else if (part.kind === "include") made += include(part.file, part.at, folder, trail, expansion);
    else {
      const wrong = nameProblem(part.name, expansion.declared);
      if (wrong !== undefined) expansion.problems.push({ at: part.at, ...wrong });
      made += `{{${part.name}}}`;
    }
    if (part.kind !== "include") expansion.length += made.length - before;
  }
  return made;
}

function include(file: string, at: number, folder: string, trail: readonly string[], expansion: Expansion): string {
  const refuse = (message: string, suggestion?: string): string => {
    expansion.problems.push({ at, message, ...(suggestion === undefined ? {} : { suggestion }) });
    return "";
  };
  const named = `{{include ${JSON.stringify(file.slice(0, 200))}}}`;
  expansion.files += 1;
  if (expansion.files > maxFiles)
    return expansion.files === maxFiles + 1 ? refuse(`more than ${maxFiles} files are included`) : "";
  const found = expansion.read(file, folder);
  if ("problem" in found) return refuse(`${named}: ${found.problem}`, found.suggestion);
  if (trail.includes(found.path)) return refuse(`${named}: includes itself, round in a circle`);
  if (trail.length >= maxDepth) return refuse(`${named}: files are included more than ${maxDepth} deep`);
  if (looksSecret(found.text))
    return refuse(`${named}: holds a text that looks like a key (not shown)`, "take it out and revoke it");
  if (expansion.length + found.text.length > expansion.maxLength)
    return refuse(`${named}: makes the whole longer than ${expansion.maxLength} characters`);
  const known = expansion.problems.length;
  const text = found.text.replace(/\r?\n$/, "");
  const made = expand(text, found.folder, [...trail, found.path], expansion);
  // Offsets of the inner file mean nothing outside it: its problems are told where it is included, with its own line.
  const inner = expansion.problems.splice(known);
  expansion.problems.push(
    ...inner.map((problem) => ({
      ...problem,
      at,
      message: `${named}, line ${lineAt(text, problem.at) + 1}: ${problem.message}`,
    })),
  );
  return made;
}

/** The line of an offset, from 0. */
export function lineAt(text: string, offset: number): number {
  let line = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}
