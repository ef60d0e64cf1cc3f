/**
 * Prompt templates. `{{name}}` stands for a value of the run, `{{include "file.md"}}` for a file, `{{{{` for `{{` itself. There is
 * nothing else: no conditions, no loops, no code. Values are put in as they are and never read as templates again, so what
 * an earlier answer or a gate printed cannot ask for more.
 */
import { nearest } from "./words.ts";

/** Values by name: `now`, `gate`, `previous.output`, `env.REGION`, `vars.team`, … A name without a value renders as nothing. */
export type TemplateValues = Readonly<Record<string, string>>;

/** Names that need no declaration in the job, with what they stand for. */
const templateNames = {
  now: "the time the attempt starts, in the job's zone",
  scheduledFor: "the due instant, in the job's zone; of a run by hand, the time it was started",
  lateness: "how long after the due instant the attempt starts",
  missedSlots: "how many slots before this one nobody answered, since the last that has a run",
  lastSuccess: "when the job last succeeded, or `never`",
  "previous.output": "the answer of the last run that succeeded, bounded",
  gate: "what the gate printed",
} as const satisfies Readonly<Record<string, string>>;

/** A piece of a template, in order. `at` is the offset of its first character. */
type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly name: string; readonly at: number }
  | { readonly kind: "include"; readonly file: string; readonly at: number };

/** What is wrong with a template, at an offset of its text. */
export interface TemplateProblem {
  readonly at: number;
  readonly message: string;
  readonly suggestion?: string;
}

export interface Template {
  readonly parts: readonly TemplatePart[];
  readonly problems: readonly TemplateProblem[];
}

const literal = `for "{{" itself, write "{{{{"`;
const includeForm = /^include\s+(?:"([^"\n]+)"|'([^'\n]+)')$/;

/** `{{{{`, a value, a brace that only stands before a value, and what is none of these. */
const pieces = /\{\{\{\{|\{\{([^{}\n]{0,500})\}\}|\{(?=\{\{[^{}\n]{0,500}\}\})|\{\{/g;

/** Takes a text apart. Never throws; linear in the length of the text. */
export function parseTemplate(text: string): Template {
  const parts: TemplatePart[] = [];
  const problems: TemplateProblem[] = [];
  let plain = "";
  let done = 0;
  for (const found of text.matchAll(pieces)) {
    const { index: at } = found;
    plain += text.slice(done, at);
    done = at + found[0].length;
    const inner = found[1]?.trim();
    if (found[0] === "{{{{") plain += "{{";
    else if (found[0] === "{") plain += "{";
    else if (inner === undefined || inner === "") problems.push({ at, message: unclosed(inner), suggestion: literal });
    else {
      if (plain !== "") parts.push({ kind: "text", text: plain });
      plain = "";
      parts.push(partOf(inner, at));
    }
  }
  plain += text.slice(done);
  if (plain !== "") parts.push({ kind: "text", text: plain });
  return { parts, problems };
}

function unclosed(inner: string | undefined): string {
  return inner === undefined ? `"{{" begins a value that does not end in "}}" on its line` : `"{{}}" names nothing`;
}

function partOf(inner: string, at: number): TemplatePart {
  const [, double, single] = includeForm.exec(inner) ?? [];
  const file = double ?? single;
  return file === undefined ? { kind: "value", name: inner, at } : { kind: "include", file, at };
}

/** What a job declares for its templates. */
export interface Declared {
  readonly vars: readonly string[];
  readonly env: readonly string[];
  readonly gate: boolean;
}

/** What is wrong with a name, for a job that declares this; nothing if it may be used. */
export function nameProblem(name: string, declared: Declared): Omit<TemplateProblem, "at"> | undefined {
  const [, table, key] = /^(env|vars)\.(.+)$/s.exec(name) ?? [];
  if (table === "vars" && key !== undefined)
    return declared.vars.includes(key) ? undefined : undeclared("vars", key, declared.vars);
  if (table === "env" && key !== undefined) return declared.env.includes(key) ? undefined : undeclared("env", key, declared.env);
  if (name === "gate" && !declared.gate)
    return { message: `{{gate}}: this job has no gate`, suggestion: `add "gate": ["./check.sh"]` };
  if (Object.hasOwn(templateNames, name)) return undefined;
  if (/^include\b/.test(name))
    return {
      message: `{{${name.slice(0, 60)}}}: an include names its file in quotes`,
      suggestion: `write {{include "file.md"}}`,
    };
  const all = [
    ...Object.keys(templateNames),
    ...declared.vars.map((one) => `vars.${one}`),
    ...declared.env.map((one) => `env.${one}`),
  ];
  const bare = all.find((one) => one.endsWith(`.${name}`)) ?? nearest(name, all);
  const shown = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  const suggestion = bare === undefined ? `known: ${all.join(", ")}; ${literal}` : `did you mean {{${bare}}}?`;
  return { message: `{{${shown}}} is nothing that is known`, suggestion };
}

function undeclared(table: "vars" | "env", key: string, known: readonly string[]): Omit<TemplateProblem, "at"> {
  const near = nearest(key, known);
  const message = `{{${table}.${key.slice(0, 60)}}}: ${JSON.stringify(key.slice(0, 60))} is not in "${table}"`;
  const add = table === "vars" ? `add it: "vars": { "${key.slice(0, 60)}": "…" }` : `allow it: "env": ["${key.slice(0, 60)}"]`;
  return { message, suggestion: near === undefined ? add : `did you mean {{${table}.${near}}}?` };
}

/**
 * The text with every value in its place. A job's `message` and `system` hold no include any more: those were put in when it was loaded.
 * `renderTemplate("Due {{scheduledFor}}", { scheduledFor: "12:00" })` is `Due 12:00`.
 */
export function renderTemplate(text: string, values: TemplateValues): string {
  if (!text.includes("{{")) return text;
  return parseTemplate(text)
    .parts.map((part) => {
      if (part.kind === "text") return part.text;
      return part.kind === "value" && Object.hasOwn(values, part.name) ? values[part.name] : "";
    })
    .join("");
}

/** The names whose values a text asks for, so that only those need be found out. */
export function namesIn(text: string): ReadonlySet<string> {
  return new Set(parseTemplate(text).parts.flatMap((part) => (part.kind === "value" ? [part.name] : [])));
}

/** The template whose rendering is this very text: for messages that were never meant as templates, such as OpenClaw's. */
export function escapeTemplate(text: string): string {
  return text.replaceAll("{{", "{{{{");
}
