/**
 * docs/healed.svg: what a terminal shows of a healed failure, from a real run of the built command line. `node scripts/terminal-picture.ts`.
 * The provider is simulated and seeded, so the same faults are drawn each time; ids and times are those of the run.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const commands = [
  "runner run fpl-daily-check --simulate stream_order:0.8 --seed 9 | head -n 1",
  "runner verify fpl-daily-check --runs 20 --strict --simulate stream_order:0.8 --seed 9 --concurrency 4 2>/dev/null",
];

const columns = 112;
const [cellWidth, lineHeight, margin] = [8.02, 19, 18];
const colours: Readonly<Record<string, string>> = { "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff" };

interface Span {
  readonly text: string;
  readonly style: string;
}

/** One line of a terminal, its escape sequences turned into styles. */
function spansOf(line: string): Span[] {
  const spans: Span[] = [];
  const on = new Map<string, string>();
  const escape = String.fromCodePoint(27);
  for (const part of line.split(new RegExp(`(${escape}\\[[0-9;]*m)`))) {
    const code = new RegExp(`^${escape}\\[([0-9;]*)m$`).exec(part)?.[1];
    if (code === undefined) {
      if (part !== "") spans.push({ text: part, style: [...on.values()].join("") });
      continue;
    }
    if (colours[code] !== undefined) on.set("colour", `fill:${colours[code]};`);
    else if (code === "1") on.set("bold", "font-weight:bold;");
    else if (code === "2") on.set("dim", "opacity:.6;");
    else if (code === "39") on.delete("colour");
    else if (code === "22") ["bold", "dim"].forEach((name) => on.delete(name));
    else on.clear();
  }
  return spans;
}

/** Lines that are longer than the picture go on below, further in, as a terminal shows them. */
function wrapped(spans: readonly Span[]): Span[][] {
  const lines: Span[][] = [[]];
  let column = 0;
  for (const { text, style } of spans) {
    for (const word of text.split(/(?<= )/)) {
      if (column + word.trimEnd().length > columns && column > 12) {
        lines.push([{ text: " ".repeat(10), style: "" }]);
        column = 10;
      }
      lines.at(-1)?.push({ text: word, style });
      column += word.length;
    }
  }
  return lines;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function picture(lines: readonly (readonly Span[])[]): string {
  const width = Math.ceil(columns * cellWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin + 16;
  const text = lines.map((line, at) => {
    const spans = line.map(({ text: words, style }) =>
      style === "" ? escaped(words) : `<tspan style="${style}">${escaped(words)}</tspan>`,
    );
    return `<text x="${margin}" y="${margin + 28 + at * lineHeight}" xml:space="preserve">${spans.join("")}</text>`;
  });
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (colour, at) => `<circle cx="${margin + 4 + at * 18}" cy="16" r="5.5" fill="${colour}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A terminal: runner heals a broken stream, and verify shows twenty runs with none failed beside the provider alone">`,
    `<rect width="${width}" height="${height}" rx="9" fill="#0d1117"/>`,
    ...dots,
    `<g fill="#e6edf3" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="13.3">`,
    ...text,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

const home = mkdtempSync(path.join(os.tmpdir(), "runner-picture-"));
try {
  const bin = path.join(home, "bin");
  mkdirSync(bin);
  writeFileSync(path.join(bin, "runner"), `#!/bin/sh\nexec '${process.execPath}' '${root}bin/runner.js' "$@"\n`, { mode: 0o755 });
  symlinkSync(path.join(root, "jobs"), path.join(home, "jobs"));
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: home, FORCE_COLOR: "1", TERM: "xterm-256color" };
  const lines: Span[][] = [];
  for (const command of commands) {
    const shown = command.replace(" 2>/dev/null", "");
    lines.push([
      { text: "$ ", style: "opacity:.6;" },
      { text: shown, style: "font-weight:bold;" },
    ]);
    const text = execFileSync("bash", ["-c", `{ ${command}; } 2>&1`], { cwd: home, env, encoding: "utf8" });
    for (const line of text.trimEnd().split("\n")) lines.push(...wrapped(spansOf(line)));
    lines.push([]);
  }
  writeFileSync(path.join(root, "docs/healed.svg"), picture(lines.slice(0, -1)));
} finally {
  rmSync(home, { recursive: true, force: true });
}
