/** The `shell` grant: programs of an allow-list, run in the work folder, each with a time limit. */
import type { ShellGrant } from "../../job/job.ts";
import { allowedProgram, foldersOutside } from "./programs.ts";
import { runProgram, type ProgramEnd } from "./run-program.ts";
import {
  failed,
  InputError,
  objectSchema,
  optionalText,
  refused,
  succeeded,
  textAt,
  type Tool,
  type ToolOutcome,
} from "./tool.ts";

/** Most arguments of one command, and most bytes of its standard input. */
const mostArguments = 1_000;

/** What of the attempt a tool that starts programs has to know. */
export interface ProgramRoom {
  /** Folder they run in. */
  readonly work: string;
  /** Put before each command: see `OpenSpec`. */
  readonly apart: readonly string[];
}

export function shellTool(grant: ShellGrant, room: ProgramRoom): Tool {
  return grant.shellStrings ? shellStrings(grant, room) : shellProgram(grant, room);
}

const stdin = { type: "string", description: "Standard input. Default none." };

function shellProgram(grant: ShellGrant, { work, apart }: ProgramRoom): Tool {
  return {
    name: "shell",
    grant: "shell",
    description:
      `Runs one program with arguments in the work folder and gives its exit code and output. Allowed: ${grant.allow.join(", ")}. ` +
      `There is no shell: no pipes, no redirections, no wildcards, no variables. Limit: ${grant.timeoutMs / 1000} s.`,
    inputSchema: objectSchema(
      {
        argv: { type: "array", items: { type: "string" }, minItems: 1, description: "The program and its arguments." },
        stdin,
      },
      ["argv"],
    ),
    async run(input) {
      const argv = argvIn(input);
      const [name = "", ...args] = argv;
      const search = { path: process.env["PATH"], work };
      const program = allowedProgram(name, grant.allow, search);
      if ("refusal" in program) return refused(program.refusal);
      const end = await runProgram({
        file: program.file,
        args,
        cwd: work,
        input: optionalText(input, "stdin") ?? "",
        timeoutMs: grant.timeoutMs,
        apart,
        // What it starts by name (`#!/usr/bin/env node`) is no more in the work folder than it is itself.
        path: foldersOutside(search).join(":"),
      });
      return told(end, grant);
    },
  };
}

function shellStrings(grant: ShellGrant, { work, apart }: ProgramRoom): Tool {
  return {
    name: "shell",
    grant: "shell",
    description: `Runs a command line with sh in the work folder and gives its exit code and output. Limit: ${grant.timeoutMs / 1000} s.`,
    inputSchema: objectSchema({ command: { type: "string" }, stdin }, ["command"]),
    async run(input) {
      const command = textAt(input, "command");
      if (command.includes("\0")) throw new InputError("command cannot hold a NUL");
      const text = optionalText(input, "stdin") ?? "";
      const end = await runProgram({
        file: "/bin/sh",
        args: ["-c", command],
        cwd: work,
        input: text,
        timeoutMs: grant.timeoutMs,
        apart,
      });
      return told(end, grant);
    },
  };
}

function argvIn(input: Readonly<Record<string, unknown>>): string[] {
  const { argv } = input;
  if (!Array.isArray(argv) || argv.length === 0) throw new InputError("argv must be a list of texts, the program first");
  const words = argv.filter((word): word is string => typeof word === "string" && !word.includes("\0"));
  if (words.length !== argv.length) throw new InputError("argv must hold texts without NUL only");
  if (words.length > mostArguments) throw new InputError(`argv may hold ${mostArguments} texts at most`);
  return words;
}

function told(end: ProgramEnd, grant: ShellGrant): ToolOutcome {
  if ("startError" in end) return failed(`it could not be started: ${end.startError}`);
  const parts = [
    ...(end.stdout === "" ? [] : [`stdout:\n${end.stdout}`]),
    ...(end.stderr === "" ? [] : [`stderr:\n${end.stderr}`]),
  ];
  const text = parts.join("\n");
  if (end.timedOut) return failed(`it took longer than ${grant.timeoutMs / 1000} s and was ended`, text);
  if (end.signal !== undefined) return failed(`it was killed by ${end.signal}`, text);
  if (end.code !== 0) return failed(`exit code ${end.code}`, text);
  return succeeded(text === "" ? "exit code 0, no output" : `exit code 0\n${text}`, end.bytes);
}
