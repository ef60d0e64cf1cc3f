/**
 * Programs that are written as relative paths. With a `workDir` they lie below it, and whoever starts them finds them there. Without one
 * the job works in a fresh folder with nothing in it, so they lie beside the file that names them, and become absolute here.
 */
import type { McpGrant } from "./job.ts";
import type { JobInput } from "./job-shape.ts";
import type { Path } from "./words.ts";

/** The program to start in place of a relative one that stands at a path of the job. */
type FindProgram = (written: string, path: Path) => string;

/** The job with every program where it is. */
export function withPrograms(input: JobInput, find: FindProgram): JobInput {
  const located = (argv: readonly string[], path: Path): readonly string[] => {
    const [program = "", ...args] = argv;
    return program.includes("/") && !program.startsWith("/") ? [find(program, path), ...args] : argv;
  };
  const { gate, expect, payload } = input;
  const command = expect?.command;
  return {
    ...input,
    payload: payload.kind === "command" ? withCommand(payload, located) : withServers(payload, located),
    ...(gate === undefined ? {} : { gate: { ...gate, argv: located(gate.argv, ["gate"]) } }),
    ...(command === undefined
      ? {}
      : { expect: { ...expect, command: { ...command, argv: located(command.argv, ["expect", "command"]) } } }),
  };
}

type Located = (argv: readonly string[], path: Path) => readonly string[];
type Command = Extract<JobInput["payload"], { kind: "command" }>;
type Turn = Extract<JobInput["payload"], { kind: "agentTurn" }>;

function withCommand(payload: Command, located: Located): Command {
  const { argv, command } = payload;
  return {
    ...payload,
    ...(argv === undefined ? {} : { argv: located(argv, ["payload", "argv"]) }),
    ...(command === undefined ? {} : { command: located(command, ["payload", "command"]) }),
  };
}

function withServers(payload: Turn, located: Located): Turn {
  const { tools } = payload;
  if (tools?.mcp === undefined) return payload;
  const mcp = Object.entries(tools.mcp).map(([name, grant]): [string, McpGrant] => [
    name,
    grant.transport === "http" ? grant : { ...grant, argv: located(grant.argv, ["payload", "tools", "mcp", name, "command"]) },
  ]);
  return { ...payload, tools: { ...tools, mcp: Object.fromEntries(mcp) } };
}
