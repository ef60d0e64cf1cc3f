/** What no single value can say: values that cannot all be meant, models nobody knows, keys in plain sight. */
import { namesKey } from "./command-leaves.ts";
import { maxProblems, type Problem } from "./check.ts";
import { carriesKey } from "./http-leaves.ts";
import { unknownProvider } from "./leaves.ts";
import type { JobInput } from "./job-shape.ts";
import { findSecrets, looksSecret } from "./secret.ts";
import { isRecord } from "./shape.ts";
import type { Path } from "./words.ts";

/** What is known of the project beside the job. */
export interface KnownOutside {
  /** Ids of the known providers; given, a model of any other is a problem. */
  readonly providers?: readonly string[];
  /** Model of jobs that name none; `null` if there is none, and then to name none is a problem. Absent: not known. */
  readonly defaultModel?: string | null;
  /** Zone of times without an offset in schedules that name no zone; asked only for such. Absent: UTC. */
  readonly zone?: () => string;
}

const problemAt = (path: Path, message: string, suggestion: string): Problem => ({ path, of: "value", message, suggestion });

/** Limits of which one holds the other. */
const withinOneAnother = [
  { inner: "firstByte", outer: "try" },
  { inner: "idle", outer: "try" },
  { inner: "try", outer: "call" },
  { inner: "call", outer: "run" },
  { inner: "try", outer: "run" },
] as const;

/** Values that are each good and cannot all be meant. */
export function contradictions(input: JobInput): Problem[] {
  const problems: Problem[] = [];
  const { delay, maxDelay } = input.retry ?? {};
  if (delay !== undefined && maxDelay !== undefined && maxDelay < delay) {
    const message = `is shorter than "delay", the first wait`;
    problems.push(problemAt(["retry", "maxDelay"], message, `make it at least as long as "delay"`));
  }
  const set = input.limits ?? {};
  for (const { inner, outer } of withinOneAnother) {
    const [small, large] = [set[inner], set[outer]];
    if (small === undefined || large === undefined || small <= large) continue;
    const message = `is longer than "${outer}", which holds it`;
    problems.push(problemAt(["limits", inner], message, `shorten "${inner}" or lengthen "${outer}"`));
  }
  return [...problems, ...catchUpProblems(input), ...commandProblems(input), ...grantProblems(input)];
}

function catchUpProblems({ catchUp }: JobInput): Problem[] {
  if (catchUp === undefined) return [];
  const { policy, max, maxAgeMs } = catchUp;
  const problems: Problem[] = [];
  if (max !== undefined && policy !== "all") {
    const message = `counts for "policy": "all" only, and the policy is "${policy}"`;
    problems.push(problemAt(["catchUp", "max"], message, `write "policy": "all", or take it out`));
  }
  if (maxAgeMs !== undefined && policy === "skip") {
    const message = `means nothing where nothing is made up for ("policy": "skip")`;
    problems.push(problemAt(["catchUp", "maxAge"], message, "take it out, or write another policy"));
  }
  return problems;
}

function commandProblems({ payload, workDir }: JobInput): Problem[] {
  if (payload.kind !== "command") return [];
  const problems: Problem[] = [];
  if (payload.argv === undefined && payload.command === undefined)
    problems.push(problemAt(["payload", "argv"], "is missing", `write "argv": ["./backup.sh", "--all"]`));
  if (payload.argv !== undefined && payload.command !== undefined)
    problems.push(problemAt(["payload", "command"], `says the same as "argv"`, "keep one"));
  if (payload.cwd !== undefined && workDir !== undefined)
    problems.push(problemAt(["payload", "cwd"], `says the same as "workDir"`, "keep one"));
  return problems;
}

function grantProblems({ payload }: JobInput): Problem[] {
  if (payload.kind === "command" || payload.tools?.shell === undefined) return [];
  const { allow, shellStrings } = payload.tools.shell;
  if (allow.length > 0 || shellStrings) return [];
  return [problemAt(["payload", "tools", "shell"], "allows nothing", `write "shell": ["git"], or leave it out`)];
}

/** A job that no model would answer. */
export function modelless({ payload }: JobInput, defaultModel: string | null | undefined): Problem[] {
  if (payload.kind === "command" || payload.model !== undefined || defaultModel !== null) return [];
  const suggestion = `write "model": "provider/model" here, or "model" in the configuration for all jobs`;
  return [problemAt(["payload", "model"], "is missing, and the configuration names no model either", suggestion)];
}

/** Models of providers that nobody knows. */
export function strangers({ payload }: JobInput, known: readonly string[] | undefined): Problem[] {
  if (known === undefined || payload.kind === "command") return [];
  const asked: { path: Path; model: string }[] = (payload.fallbacks ?? []).map((model, at) => ({
    path: ["payload", "fallbacks", at],
    model,
  }));
  if (payload.model !== undefined) asked.unshift({ path: ["payload", "model"], model: payload.model });
  return asked.flatMap(({ path, model }) => {
    const problem = unknownProvider(model, known);
    return problem === undefined ? [] : [{ path, of: "value" as const, ...problem }];
  });
}

/** Texts that look like keys, wherever they stand. */
export function secretProblems(value: unknown): Problem[] {
  const suggestion =
    'take it out and revoke it; keys are named in the configuration, as "${NAME}", and read from the environment';
  const message = "looks like a key, and a job file is no place for one (not shown)";
  const found = findSecrets(value).slice(0, maxProblems);
  return found.map((path) => ({ path, of: looksSecret(String(path.at(-1) ?? "")) ? "key" : "value", message, suggestion }));
}

/** Variables and headers that hold keys by their names, with the key itself as their value. */
export function plainKeys(job: unknown): Problem[] {
  const payload = isRecord(job) && isRecord(job["payload"]) ? job["payload"] : {};
  const tools = isRecord(payload["tools"]) ? payload["tools"] : {};
  const servers = isRecord(tools["mcp"]) ? Object.entries(tools["mcp"]) : [];
  const tables: (readonly [Path, unknown, (name: string) => boolean])[] = [[["payload", "env"], payload["env"], namesKey]];
  for (const [name, server] of servers) {
    if (!isRecord(server)) continue;
    tables.push([["payload", "tools", "mcp", name, "env"], server["env"], namesKey]);
    tables.push([["payload", "tools", "mcp", name, "headers"], server["headers"], carriesKey]);
  }
  return tables.flatMap(([path, table, isKey]) =>
    Object.entries(isRecord(table) ? table : {}).flatMap(([name, text]): Problem[] => {
      if (!isKey(name) || typeof text !== "string" || text === "" || text.includes("${")) return [];
      const message = "holds a key by its name, so its value must be a reference (not shown)";
      return [
        {
          path: [...path, name],
          of: "value",
          message,
          suggestion: `write "\${${isKey === namesKey ? name : "NAME"}}" and put it into the environment`,
        },
      ];
    }),
  );
}
