/** What stands in the way of a run, found out without a token: see engine/preflight.ts. Every check is bounded; none throws. */
import { statSync } from "node:fs";
import type { Finding, Inspection } from "../engine/finding.ts";
import { referencesOf } from "../engine/references.ts";
import type { Job } from "../job/job.ts";
import { howToSet, resolveHeader, resolveKey } from "../provider/keys.ts";
import type { ProviderConfig } from "../provider/provider.ts";
import { createJudge } from "../turn/index.ts";
import { findProgram, programsOf } from "./programs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface PreflightOptions {
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly env: Environment;
  /** No key is read and no address asked. */
  readonly simulated: boolean;
}

/** The cheap checks first; what has to be opened or asked only if nothing else stands in the way. */
export async function inspect({ job, ladder, signal }: Inspection, options: PreflightOptions): Promise<readonly Finding[]> {
  const { providers, env, simulated } = options;
  const asked = [...new Set(ladder.map(({ provider }) => provider))].flatMap((id) => providers.get(id) ?? []);
  const found = [...folder(job), ...programs(job, env), ...references(job, env)];
  if (!simulated) found.push(...asked.flatMap((provider) => keyFindings(provider, env)));
  if (found.some(({ provider }) => provider === undefined)) return found;
  found.push(...(await schema(job)), ...(await handlers(job, asked)));
  if (simulated) return found;
  const local = asked.filter(isLocal);
  if (local.length === 0) return found;
  const { unreachable } = await import("./reach.ts");
  const silent = await Promise.all(local.map((provider) => unreachable(provider, signal)));
  return [...found, ...silent.flat()];
}

function folder({ workDir }: Job): Finding[] {
  if (workDir === undefined) return [];
  const about = { remedy: "Make it, or correct workDir in the job.", exitCode: 78, subject: `workDir ${workDir}` } as const;
  try {
    if (statSync(workDir).isDirectory()) return [];
    return [{ what: `the work folder ${workDir} is not a folder`, ...about }];
  } catch (error) {
    const why = error instanceof Error && "code" in error && error.code === "EACCES" ? "cannot be looked into" : "is not there";
    return [{ what: `the work folder ${workDir} ${why}`, ...about }];
  }
}

function programs(job: Job, env: Environment): Finding[] {
  return programsOf(job).flatMap(({ program, part }): Finding[] => {
    if (findProgram(program, env, job.workDir) !== undefined) return [];
    const isPath = program.includes("/");
    const where = isPath ? "is not there or may not be run" : `is not in PATH`;
    const remedy = isPath
      ? "Correct the path in the job; one that is not absolute is looked for in workDir."
      : `Install it, write its whole path in the job, or add its folder to PATH (cron's own PATH is short), which is: ${env["PATH"] ?? "not set"}.`;
    const what = `the program ${JSON.stringify(program)} of ${part} ${where}`;
    return [{ what, remedy, exitCode: 78, subject: `program ${program} of ${part}` }];
  });
}

function references(job: Job, env: Environment): Finding[] {
  return referencesOf(job)
    .filter(({ variable }) => (env[variable] ?? "") === "")
    .map(({ variable, place }) => ({
      what: `the environment variable ${variable}, which ${place} names, ${stateOf(variable, env)}`,
      remedy: howToSet(variable),
      exitCode: 78,
      subject: `variable ${variable}`,
    }));
}

/** Read as the provider reads it, and thrown away. */
export function keyFindings({ id, apiKey, headers }: ProviderConfig, env: Environment): Finding[] {
  try {
    resolveKey(apiKey, env);
    for (const [name, value] of Object.entries(headers)) resolveHeader(name, value, env);
    return [];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, what = message, remedy = ""] = /^([\s\S]*?)\. ([\s\S]*)$/.exec(message) ?? [];
    const words = `${id}: ${what.replace(/^The /, "the ")}`;
    return [{ what: words, remedy, exitCode: 77, subject: `key of ${id}`, provider: id }];
  }
}

async function schema({ expect }: Job): Promise<Finding[]> {
  if (expect?.jsonSchema === undefined) return [];
  const problem = await createJudge().schemaProblem(expect.jsonSchema);
  if (problem === undefined) return [];
  const what = `the schema of expect.jsonSchema cannot be used: ${problem}`;
  return [{ what, remedy: "Correct expect.jsonSchema in the job.", exitCode: 78, subject: "expect.jsonSchema" }];
}

/** Loaded once, in a worker that is sent nothing. A job's own handler stands over those of the providers. */
async function handlers(job: Job, asked: readonly ProviderConfig[]): Promise<Finding[]> {
  const named =
    job.eventHandler === undefined
      ? asked.flatMap(({ id, eventHandler }) => (eventHandler === undefined ? [] : [{ module: eventHandler, provider: id }]))
      : [{ module: job.eventHandler }];
  if (named.length === 0) return [];
  const { handlerProblem } = await import("./event-handlers.ts");
  const found: Finding[] = [];
  for (const { module, ...where } of named) {
    const problem = await handlerProblem(module);
    const remedy = "Correct the module (docs/streams.md).";
    if (problem !== undefined) found.push({ what: problem, remedy, exitCode: 78, subject: `eventHandler ${module}`, ...where });
  }
  return found;
}

function stateOf(variable: string, env: Environment): string {
  return env[variable] === undefined ? "is not set" : "is empty";
}

/** A server of this machine's own, such as ollama or LM Studio: it costs nothing to look whether it runs. */
function isLocal({ apiKey, baseUrl }: ProviderConfig): boolean {
  if (apiKey !== undefined) return false;
  const { hostname } = new URL(baseUrl);
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}
