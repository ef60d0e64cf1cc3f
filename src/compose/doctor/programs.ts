/** Programs that jobs start: whether each can be found and run. Nothing is started. */
import type { Job } from "../../job/job.ts";
import { findProgram, programsOf, type NeededProgram } from "../programs.ts";
import type { Project } from "../project.ts";
import type { Check } from "./check.ts";
import { some } from "./providers.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface Needed extends NeededProgram {
  readonly job: Job;
}

export function checkPrograms({ jobs }: Pick<Project, "jobs">, env: Environment): Check[] {
  const needed = jobs.filter(({ enabled }) => enabled).flatMap((job) => programsOf(job).map((one) => ({ ...one, job })));
  const groups = Map.groupBy(needed, ({ program, job }) =>
    program.includes("/") ? `${job.workDir ?? ""}\n${program}` : program,
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [checkProgram(first, group, env)];
  });
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
