/** The samples of the documentation: fenced blocks with the words behind their language, and commands in running text. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { root } from "../cli/stage.ts";

export interface Sample {
  /** `docs/jobs.md:12`, where it begins. */
  readonly place: string;
  /** First word of the fence; "" for none, which is output or a drawing. */
  readonly language: string;
  /** Words behind it, such as `run` in "```sh run". */
  readonly marks: readonly string[];
  readonly text: string;
}

export const pages: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(path.join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export function samplesOf(page: string): Sample[] {
  const samples: Sample[] = [];
  let open: { from: number; language: string; marks: readonly string[]; fence: string; lines: string[] } | undefined;
  for (const [at, line] of readFileSync(path.join(root, page), "utf8").split("\n").entries()) {
    const [, fence, info = ""] = /^ *(`{3,})(.*)$/.exec(line) ?? [];
    if (open === undefined) {
      if (fence === undefined) continue;
      const [language = "", ...marks] = info.trim().split(/\s+/);
      open = { from: at + 1, language, marks, fence, lines: [] };
    } else if (fence === open.fence && info.trim() === "") {
      const { from, language, marks, lines } = open;
      samples.push({ place: `${page}:${from}`, language, marks, text: lines.join("\n") });
      open = undefined;
    } else open.lines.push(line);
  }
  if (open !== undefined) throw new Error(`${page}:${open.from}: a fence that is not closed`);
  return samples;
}

/** `runner …` in running text, between single backticks. */
export function inlineCommands(page: string): { readonly place: string; readonly line: string }[] {
  const text = readFileSync(path.join(root, page), "utf8").replaceAll(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1 *$/gm, (block) =>
    block.replaceAll(/[^\n]/g, ""),
  );
  return [...text.matchAll(/`(runner [a-z][^`]*)`/g)].map((match) => ({
    place: `${page}:${text.slice(0, match.index).split("\n").length}`,
    line: (match[1] ?? "").replaceAll(/\s+/g, " "),
  }));
}

/** The words behind every `runner` of a shell text, as the shell would split them; comments, pipes and redirections end a command. */
export function commandsOf(shell: string): string[][] {
  const joined = shell.replaceAll(/\\\n\s*/g, " ");
  return joined.split("\n").flatMap((line) => {
    const words = line.match(/"(?:[^"\\]|\\.)*"|'[^']*'|#.*$|&&|\|\|?|;|2?>>?|<|[^\s;|<>&]+/g) ?? [];
    const found: string[][] = [];
    let current: string[] | undefined;
    for (const word of words) {
      if (word.startsWith("#") || /^(?:&&|\|\|?|;|2?>>?|<)$/.test(word)) current = undefined;
      else if (word === "runner" && current === undefined) found.push((current = []));
      else current?.push(word.replace(/^(["'])(.*)\1$/s, "$2"));
    }
    return found;
  });
}
