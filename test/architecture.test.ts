/**
 * Who may import whom (docs/architecture.md). Anything that is not listed is forbidden; `type` imports count as well,
 * because a contract that leaks a neighbour's types ties the rooms together just the same.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const src = fileURLToPath(new URL("../src/", import.meta.url));

/** Room → what it may import: rooms, single files (`room/file`), packages, and `node:` for built-in modules. */
const rules: Record<string, readonly string[]> = {
  errors: [],
  job: ["errors", "valibot", "fastest-levenshtein"],
  stream: ["errors"],
  schedule: ["job", "errors", "croner"],
  run: ["job/job", "errors"],
  ledger: ["run", "errors", "node:"],
  provider: ["stream", "errors", "eventsource-parser", "node:"],
  gateway: ["provider/provider", "provider/translate", "job/job", "run", "errors", "p-retry", "node:"],
  turn: ["job", "errors", "execa", "@modelcontextprotocol/sdk", "eventsource-parser", "ajv", "ajv-formats", "node:"],
  engine: ["job", "schedule", "run", "errors", "ledger/ledger", "turn/turn", "gateway/gateway", "node:"],
  load: ["job", "errors", "cosmiconfig", "json5", "yaml", "valibot", "node:"],
  compose: [
    "errors",
    "job",
    "schedule",
    "run",
    "ledger/ledger",
    "ledger/index",
    "provider",
    "gateway",
    "turn/index",
    "engine",
    "load",
    "node:",
  ],
  cli: [
    "compose",
    "load",
    "engine",
    "ledger/ledger",
    "job",
    "schedule",
    "run",
    "errors",
    "commander",
    "diff",
    "@clack/prompts",
    "../package.json",
    "node:",
  ],
  index: [
    "errors",
    "job/job",
    "job/define",
    "stream/event",
    "stream/normalizer",
    "load/define",
    "provider/repairing-fetch",
    "engine/events",
    "engine/outcome",
    "compose/library",
  ],
};

/** Rooms whose meaning must not depend on the machine: no built-in module, no clock, no randomness. */
const pureRooms = new Set(["job", "schedule", "run", "stream"]);

interface Import {
  readonly from: string;
  readonly target: string;
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const text = new Map(files.map((file) => [file, readFileSync(path.join(src, file), "utf8")]));

function importsOf(file: string): Import[] {
  const found = (text.get(file) ?? "").matchAll(
    /(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+|getBuiltinModule\(\s*)["']([^"']+)["']/gm,
  );
  return [...found].map(([, specifier = ""]) => {
    if (!specifier.startsWith(".")) return { from: file, target: specifier.startsWith("node:") ? "node:" : specifier };
    return { from: file, target: path.relative(src, path.resolve(src, path.dirname(file), specifier)).replace(/\.ts$/, "") };
  });
}

const roomOf = (file: string): string => file.replace(/\.ts$/, "").split(path.sep)[0] ?? "";

function allowed({ from, target }: Import): boolean {
  const room = roomOf(from);
  if (roomOf(target) === room) return true;
  return (rules[room] ?? []).some((rule) => follows(target, rule));
}

function follows(target: string, rule: string): boolean {
  return target === rule || target.startsWith(`${rule}/`);
}

describe("architecture", () => {
  it("knows every room", () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !(room in rules))).toEqual([]);
  });

  it("lets nobody import what is not listed", () => {
    const broken = files.flatMap(importsOf).filter((one) => !allowed(one));
    expect(broken.map(({ from, target }) => `${from} imports ${target}`)).toEqual([]);
  });

  it("lists nothing that nobody imports, so that the table says what is so", () => {
    const imports = files.flatMap(importsOf);
    const unused = Object.entries(rules).flatMap(([room, list]) => {
      const targets = imports.filter(({ from }) => roomOf(from) === room).map(({ target }) => target);
      return list.filter((rule) => !targets.some((target) => follows(target, rule))).map((rule) => `${room}: ${rule}`);
    });
    expect(unused).toEqual([]);
  });

  it("keeps the pure rooms free of clocks, randomness and built-in modules", () => {
    const impure = /\b(?:Date\.now\(|new Date\(\)|performance\.|Math\.random\(|process\.|setTimeout\(|setInterval\(|crypto\.)/;
    const broken = files
      .filter((file) => pureRooms.has(roomOf(file)))
      .filter((file) => impure.test(stripComments(text.get(file) ?? "")));
    expect(broken).toEqual([]);
  });

  it("has no circle of files", () => {
    const graph = new Map(files.map((file) => [file.replace(/\.ts$/, ""), importsOf(file).map(({ target }) => target)]));
    const circles: string[] = [];
    const walk = (file: string, trail: readonly string[], done: Set<string>): void => {
      if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file].join(" → "));
      if (done.has(file) || trail.includes(file)) return;
      for (const next of graph.get(file) ?? []) if (graph.has(next)) walk(next, [...trail, file], done);
      done.add(file);
    };
    const done = new Set<string>();
    for (const file of graph.keys()) walk(file, [], done);
    expect(circles).toEqual([]);
  });

  it("has no drawer for leftovers", () => {
    expect(files.filter((file) => /(^|\/)(utils?|common|helpers?|types|misc|shared)(\/|\.ts$)/.test(file))).toEqual([]);
  });

  it("starts no program with an environment that nobody chose", () => {
    const starts = files
      .filter((file) => !passesItsOwnOn.has(file))
      .flatMap((file) => callsOf(stripComments(text.get(file) ?? "")).map((call) => ({ file, call })));
    expect(starts.length).toBeGreaterThan(10);
    const careless = starts.filter(
      ({ call }) => !/\benv: /.test(call) || /\.\.\.(?:process\.)?env\b(?!\[)|\benv: (?:process\.)?env\b(?!\[)/.test(call),
    );
    expect(careless.map(({ file, call }) => `${file}: ${call}`)).toEqual([]);
    // execa adds what it was given to what this process has, unless it is told not to.
    expect(starts.filter(({ call }) => call.startsWith("execa") && !/\bextendEnv: false\b/.test(call))).toEqual([]);
  });

  it("has every error class of its own in one module, because the bundled programs share that one and no other", () => {
    const classes = files.filter(
      (file) => file.startsWith(`errors${path.sep}`) && /\bclass\b/.test(stripComments(text.get(file) ?? "")),
    );
    expect(classes).toEqual([]);
  });

  it("sets the exit code in one place", () => {
    const setters = files.filter((file) => /process\.exit(?:Code\b|\()/.test(stripComments(text.get(file) ?? "")));
    expect(setters.filter((file) => !["cli/main.ts", "turn/agent-child.ts"].includes(file))).toEqual([]);
  });
});

/** It runs within a turn's process, whose environment was chosen when that was started. */
const passesItsOwnOn = new Set(["turn/tools/run-program.ts"]);

/** Each call that starts a program, with its arguments. */
function callsOf(source: string): string[] {
  return [...source.matchAll(/\b(?:execa|spawn|execFile|exec|fork)(?:Sync)?\((?!\s*["']node:)/g)]
    .filter(({ index }) => !/[.\w]$|function $/.test(source.slice(0, index)))
    .map(({ index }) => {
      let [at, depth] = [source.indexOf("(", index) + 1, 1];
      for (; depth > 0 && at < source.length; at += 1) depth += { "(": 1, ")": -1 }[source.charAt(at)] ?? 0;
      return source.slice(index, at);
    });
}

function stripComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}
