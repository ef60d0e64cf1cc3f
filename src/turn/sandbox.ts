/**
 * Where the machine allows it, a turn whose tools are other people's programs runs in a user, PID and mount namespace of its own. It then
 * sees no process but its own, may not look into one that it sees by a detour (the kernel lets nobody trace into another user namespace
 * than his own or one below it), and dies as a whole when its first process does. Why, and what it does not do: docs/isolation.md.
 */
import type { Job, ToolGrants } from "../job/job.ts";
import { findProgram } from "./tools/programs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type Sandbox =
  | {
      readonly kind: "namespaces";
      /** Put before the command of the turn's process. */
      readonly outer: readonly string[];
      /** Put before each program inside, so that the programs of one turn cannot look into each other or into the turn's own process. */
      readonly inner: readonly string[];
      /**
       * The same with processes of its own, for the `shell` of a turn that has MCP servers: whoever sees a Node process may have it open its
       * debugger by SIGUSR1, to anybody on loopback, and through that reads what the server was granted.
       */
      readonly alone: readonly string[];
    }
  | { readonly kind: "none"; readonly why: string };

/** Switches it off, for tools that need what a user namespace takes away (`sudo`, files of several users). */
const offSwitch = "RUNNER_SANDBOX";

/** The probe starts a shell that does nothing; a machine that needs longer cannot be relied on. */
const probeMs = 5_000;

const inUserNamespace = ["--user", "--map-current-user"];
const options = [...inUserNamespace, "--pid", "--mount-proc", "--fork", "--kill-child"];

/** Whether anything granted starts programs that the job's author did not write himself. */
export function needsSandbox(tools: ToolGrants | undefined): boolean {
  return tools?.shell !== undefined || startsServers(tools);
}

/** Whether MCP servers run beside the turn's other tools. */
export function startsServers(tools: ToolGrants | undefined): boolean {
  return Object.values(tools?.mcp ?? {}).some(({ transport }) => transport === "stdio");
}

/**
 * Put before a gate or an expecting program of the job: a user namespace, if its turn may write files. What the turn has written is what such
 * a program runs (`npm test`, `./check.sh`, a hook of git), and would read the keys in runner's environment. It keeps sight of the system's
 * processes, because gates ask for them.
 */
export async function apartFromRunner(payload: Job["payload"], env: Environment): Promise<readonly string[]> {
  if (payload.kind !== "agentTurn") return [];
  const { tools } = payload;
  if (tools?.files?.access !== "rw" && !needsSandbox(tools)) return [];
  const sandbox = await sandboxFor(env);
  return sandbox.kind === "namespaces" ? sandbox.inner : [];
}

let probed: Promise<Sandbox> | undefined;

/** What this machine allows; found out once in a process. Never rejects. */
export function sandboxFor(env: Environment): Promise<Sandbox> {
  if (env[offSwitch] === "off") return Promise.resolve({ kind: "none", why: `it is switched off by ${offSwitch}=off` });
  return (probed ??= probe(env));
}

/** `namespaces`, or `none` with the reason, for people. */
export function sandboxWords(sandbox: Sandbox): string {
  return sandbox.kind === "namespaces" ? "namespaces" : `none: ${sandbox.why}`;
}

async function probe(env: Environment): Promise<Sandbox> {
  if (process.platform !== "linux") return { kind: "none", why: `${process.platform} has no namespaces` };
  // The system's own first: a turn may write in a folder of PATH, such as `node_modules/.bin`, and this is what keeps it in.
  const search = { path: `/usr/bin:/bin:${env["PATH"] ?? ""}`, work: "/nonexistent" };
  const unshare = findProgram("unshare", search);
  if (unshare === undefined) return { kind: "none", why: "there is no unshare (util-linux) on this machine" };
  const setpriv = findProgram("setpriv", search);
  const inner = [unshare, ...inUserNamespace, "--"];
  const plain = [unshare, ...options, "--"];
  const within = { inner, alone: plain };
  // With it the kernel ends the turn at the instant at which runner is killed; without it the turn notices at its next question.
  if (setpriv !== undefined) {
    const outer = [setpriv, "--pdeathsig", "KILL", ...plain];
    if ((await problemWith([...outer, ...plain])) === undefined) return { kind: "namespaces", outer, ...within };
  }
  const problem = await problemWith([...plain, ...plain]);
  if (problem !== undefined) return { kind: "none", why: `this system does not permit it (${problem})` };
  return { kind: "namespaces", outer: plain, ...within };
}

/** Why the prefix does not work; the same options as later, so that whatever forbids one of them (AppArmor, seccomp, a masked /proc) is found. */
function problemWith([file = "", ...prefix]: readonly string[]): Promise<string | undefined> {
  const { execFile } = process.getBuiltinModule("node:child_process");
  const args = [...prefix, "/bin/sh", "-c", "test $$ = 1 && test -r /proc/self/stat"];
  return new Promise((resolve) => {
    execFile(file, args, { timeout: probeMs, env: {} }, (error, _, stderr) => {
      const said = lastLine(stderr);
      resolve(error === null ? undefined : said === "" ? error.message : said);
    });
  });
}

function lastLine(text: string): string {
  return (text.trimEnd().split("\n").at(-1) ?? "").slice(0, 200);
}
