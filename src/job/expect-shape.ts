/** What must hold before a turn and of its answer: the shapes of `gate` and `expect`. */
import { argv } from "./command-leaves.ts";
import type { Expectations, Gate } from "./job.ts";
import { duration, flag, line, oneOrMore, text, whole } from "./leaves.ts";
import { either, isRecord, leaf, mapped, optional, required, shape, type Hint } from "./shape.ts";
import { describe } from "./words.ts";

const dayMs = 86_400_000;
const maxText = 10_000;

const commandHint: Hint = { expects: "a program and its arguments", example: `["./check.sh", "--all"]` };
const homes = { argv: `write it as "command"`, timeoutMs: `write "timeout" with a unit: "30s"` };

function commandWithTime(words: string) {
  return either(
    commandHint,
    isRecord,
    mapped(
      shape(
        commandHint,
        {
          command: required(words, argv),
          timeout: optional("Most time it may take. Default 30s.", duration("30s", 1, dayMs)),
        },
        homes,
      ),
      ({ command, timeout = 30_000 }): Gate => ({ argv: command, timeoutMs: timeout }),
    ),
    mapped(argv, (words_): Gate => ({ argv: words_, timeoutMs: 30_000 })),
  );
}

/** The cheap command before the turn. */
export const gate = commandWithTime("The program: exit 0 goes on, 1 with nothing on stderr means nothing to do.");

const pattern = leaf(
  { expects: "a regular expression", example: `"^Done: \\\\d+"`, json: { type: "string", minLength: 1 } },
  (found) => {
    if (typeof found !== "string") return {};
    if (found === "") return { problem: "is blank, and would match everything" };
    if (found.length > maxText) return { problem: `has ${found.length} characters, at most ${maxText} are allowed` };
    try {
      void new RegExp(found, "u");
      return { value: found };
    } catch (error) {
      const [, reason = "it cannot be read"] = error instanceof Error ? (/: ([^:]+)$/.exec(error.message) ?? []) : [];
      const bare = /^\(\?[a-z]+\)/.test(found) ? { suggestion: "flags such as (?i) go round a group: (?i:…)" } : {};
      return { problem: `${describe(found)} is not a regular expression: ${reason.toLowerCase()}`, ...bare };
    }
  },
);

const snippets = oneOrMore({ expects: "a text or a list of texts", example: `["Total"]` }, text("Total", maxText), 100);

interface ExpectedFile {
  readonly path: string;
  readonly fresh: boolean;
}

const filePath = line("report.md", 4_096);
const fileHint: Hint = { expects: "a file's path, or an object", example: `{ "path": "report.md", "fresh": true }` };
const file = either(
  fileHint,
  isRecord,
  mapped(
    shape(
      fileHint,
      {
        path: required("The file, relative to the work folder.", filePath),
        fresh: optional("It must have been changed since the run began. Default true.", flag(true)),
      },
      { file: `did you mean "path"?`, name: `did you mean "path"?` },
    ),
    ({ path, fresh = true }): ExpectedFile => ({ path, fresh }),
  ),
  mapped(filePath, (path): ExpectedFile => ({ path, fresh: true })),
);
const filesOf = oneOrMore({ expects: "a file or a list of files", example: `[{ "path": "report.md" }]` }, file, 100);

/** A schema as it stands, or the path of the file it stands in. */
const jsonSchema = leaf<Readonly<Record<string, unknown>> | boolean | string>(
  {
    expects: "a JSON Schema, or the path of a file with one",
    example: `{ "type": "object", "required": ["total"] }`,
    json: { type: ["object", "boolean", "string"] },
  },
  (found) => {
    if (isRecord(found) || typeof found === "boolean") return { value: found };
    return typeof found === "string" && found.trim() !== "" ? { value: found.trim() } : {};
  },
);

const written = shape(
  { expects: "an object", example: `{ "contains": ["Total"], "minLength": 40 }` },
  {
    notEmpty: optional("The answer may not be empty. Default true.", flag(true)),
    contains: optional("Texts that must be in the answer.", snippets),
    notContains: optional("Texts that may not be in the answer.", snippets),
    matches: optional(
      "Regular expressions (ECMAScript, u flag), each of which must match somewhere.",
      oneOrMore({ expects: "a regular expression or a list of them", example: `["^Done"]` }, pattern, 100),
    ),
    minLength: optional("Least characters of the answer without outer blanks.", whole(40, 1, 1_000_000)),
    jsonSchema: optional("The answer must be JSON that satisfies this schema; a path is relative to the job file.", jsonSchema),
    file: optional("A file, or several, that must be there afterwards.", filesOf),
    files: optional("As `file`.", filesOf),
    command: optional(
      "A program that must exit 0; it gets the answer on stdin.",
      commandWithTime("The program; it gets the answer on stdin and must exit 0."),
    ),
  },
  {
    regex: `did you mean "matches"?`,
    pattern: `did you mean "matches"?`,
    match: `did you mean "matches"?`,
    schema: `did you mean "jsonSchema"?`,
    json: `did you mean "jsonSchema"?`,
    includes: `did you mean "contains"?`,
    excludes: `did you mean "notContains"?`,
    maxLength: `"payload.maxTokens" bounds an answer`,
    exitCode: `a command is a success when it exits 0`,
    quiet: `belongs beside expect, not in it`,
  },
);

/** Expectations as a file has them: a schema may still be the path of one. */
export type ExpectInput = Omit<Expectations, "jsonSchema"> & {
  readonly jsonSchema?: Readonly<Record<string, unknown>> | boolean | string;
};

/** What must hold of the answer. */
export const expectations = mapped(written, ({ file: one = [], files = [], ...rest }): ExpectInput => {
  const all = [...one, ...files];
  return { ...rest, ...(all.length === 0 ? {} : { files: all }) };
});
