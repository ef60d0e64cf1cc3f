/** Programs that a job starts, and whether each can be found. Nothing is started. */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import type { Job } from "../job/job.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface NeededProgram {
  readonly program: string;
  /** What for, as the job's key says, such as `gate`. */
  readonly part: string;
}

/** Every program a job names. What a model may type into a shell is not known before it does. */
export function programsOf({ gate, expect, payload }: Pick<Job, "gate" | "expect" | "payload">): NeededProgram[] {
  const beside = [...first(gate?.argv, "gate"), ...first(expect?.command?.argv, "expect.command")];
  if (payload.kind === "command") return [...beside, ...first(payload.argv, "payload.argv")];
  const { shell, mcp = {} } = payload.tools ?? {};
  return [
    ...beside,
    ...(shell?.allow ?? []).map((program) => ({ program, part: "payload.tools.shell" })),
    ...Object.entries(mcp).flatMap(([name, grant]) =>
      grant.transport === "stdio" ? first(grant.argv, `payload.tools.mcp.${name}`) : [],
    ),
  ];
}

function first(argv: readonly string[] | undefined, part: string): NeededProgram[] {
  const [program] = argv ?? [];
  return program === undefined ? [] : [{ program, part }];
}

/** The file that would be started, as execvp(3) finds it; undefined if there is none that may be run. */
export function findProgram(program: string, env: Environment, workDir?: string): string | undefined {
  const ownFolder = workDir === undefined ? [] : [workDir];
  const folders = program.includes("/") ? ownFolder : (env["PATH"] ?? "").split(path.delimiter).map((folder) => folder || ".");
  const files = path.isAbsolute(program) ? [program] : folders.map((folder) => path.resolve(workDir ?? "/", folder, program));
  return files.find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
