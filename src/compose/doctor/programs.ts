/** Programs that jobs start: whether each can be found and run. Nothing is started. */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import type { Job } from "../../job/job.ts";
import type { Project } from "../project.ts";
import type { Check } from "./check.ts";
import { some } from "./providers.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface Needed {
  readonly program: string;
  /** What for, such as `gate`. */
  readonly part: string;
  readonly job: Job;
}

export function checkPrograms({ jobs }: Pick<Project, "jobs">, env: Environment): Check[] {
  const needed = jobs.filter(({ enabled }) => enabled).flatMap(programsOf);
  const groups = Map.groupBy(needed, ({ program, job }) =>
    program.includes("/") ? `${job.workDir ?? ""}\n${program}` : program,
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [checkProgram(first, group, env)];
  });
}

/** Every program a job names. What a model may type into a shell is not known before it does. */
function programsOf(job: Job): Needed[] {
  const found: Needed[] = [];
  const note = (argv: readonly string[] | undefined, part: string): void => {
    const [program] = argv ?? [];
    if (program !== undefined) found.push({ program, part, job });
  };
  note(job.gate?.argv, "gate");
  note(job.expect?.command?.argv, "expect.command");
  const { payload } = job;
  if (payload.kind === "command") note(payload.argv, "payload.argv");
  else {
    for (const program of payload.tools?.shell?.allow ?? []) note([program], "tools.shell");
    for (const [name, grant] of Object.entries(payload.tools?.mcp ?? {}))
      if (grant.transport === "stdio") note(grant.argv, `tools.mcp.${name}`);
  }
  return found;
}

function checkProgram({ program, job }: Needed, group: readonly Needed[], env: Environment): Check {
  const by = some([...new Set(group.map((one) => `${one.job.name} (${one.part})`))]);
  const base = { area: "programs", name: program } as const;
  const found = findProgram(program, env, job.workDir);
  if (found !== undefined) return { ...base, status: "ok", message: `${found}, for ${by}` };
  const where = program.includes("/") ? "no such program" : `not in PATH (${env["PATH"] ?? "not set"})`;
  const remedy = program.includes("/")
    ? "Correct the path in the job."
    : "Install it, write its whole path in the job, or add its folder to PATH.";
  return { ...base, status: "fail", message: `${where}, needed by ${by}`, remedy };
}

/** The file that would be started, as execvp(3) finds it; undefined if there is none that may be run. */
export function findProgram(program: string, env: Environment, workDir = process.cwd()): string | undefined {
  const folders = program.includes("/") ? [workDir] : (env["PATH"] ?? "").split(path.delimiter).map((folder) => folder || ".");
  for (const folder of folders) {
    const file = path.resolve(folder, program);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
