/**
 * Carries one process out: starts it detached in a session of its own, gives it its input, and returns only after it and
 * everything it started is dead. The first cause of its end wins and is never overwritten by a later one.
 */
import type { ChildProcess } from "node:child_process";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { openCgroup } from "./attempt-cgroup.ts";
import type { Cgroup } from "./cgroup.ts";
import { gatewayDescriptor } from "./inherited-connection.ts";
import { endTree, killOnExit } from "./kill.ts";
import { Pipes, type PipeLimits } from "./pipes.ts";
import type { Marker } from "./process-table.ts";
import { processTable } from "./processes.ts";
import { resultDescriptor } from "./result.ts";
import { Tree } from "./tree.ts";
import type { Cleanup } from "./turn.ts";

export interface ProcessPlan {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Asked once the process has been started, and written to its stdin, which is then closed. With `connected`, our end of the connection. */
  readonly input: (connection: Duplex | undefined) => Promise<string>;
  readonly marker: Marker;
  /** It is born with a connection to us, beside its result. Default false. */
  readonly connected?: boolean;
  /** False: it has no descriptor for a result, and its output is all there is. Default true. */
  readonly givesResult?: boolean;
  readonly limits: PipeLimits & {
    readonly attemptMs: number;
    readonly killGraceMs: number;
    /** Ends it when it has written nothing for so long. Default no such limit. */
    readonly noOutputMs?: number;
  };
  readonly signal: AbortSignal;
}

/** Why it ended. `silent`: it wrote nothing for too long. `result`: its result was whole. `no_input`: what to write to its stdin could not be had. `overflow`: its result was too long. `not_started`: the system could not start it. */
type EndCause = "exit" | "result" | "timeout" | "silent" | "abort" | "overflow" | "no_input" | "not_started";

export interface ProcessEnd {
  readonly cause: EndCause;
  /** How it exited by itself; undefined if it was ended by us, or could not be. */
  readonly exit: { readonly code: number | undefined; readonly signal: string | undefined } | undefined;
  readonly resultLine: string | undefined;
  readonly stdout: string;
  /** All bytes that came on stdout, kept or not. */
  readonly stdoutBytes: number;
  readonly stderr: string;
  /** Why it could not be started or told what to do. */
  readonly startError: string | undefined;
  readonly cleanup: Cleanup;
}

/** The longest delay of a timer; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** How long a pipe may stay open after the tree is dead before its holder is looked for, and before it is given up, in ms. */
const drainMs = { beforeSearch: 100, atMost: 1_000 };

/** Never throws for what the process does. */
export async function carryOut(plan: ProcessPlan): Promise<ProcessEnd> {
  if (plan.signal.aborted) return unstarted("abort", undefined);
  // Loaded here: it costs more than everything else of a command's start.
  const [{ execa }, table, cgroup] = await Promise.all([
    import("execa"),
    processTable(),
    openCgroup(plan.marker, plan, plan.cwd, plan.env, process.env),
  ]);
  const { file, args } = cgroup?.entering(plan, plan.env) ?? plan;
  const child = execa(file, [...args], {
    cwd: plan.cwd,
    env: plan.env,
    extendEnv: false,
    stdio: ["pipe", "pipe", "pipe", ...moreThanStandard(plan)],
    detached: true,
    cleanup: false,
    buffer: false,
    encoding: "buffer",
    reject: false,
    // Killing is the tree's matter; execa's own would reach the first process only.
    forceKillAfterDelay: false,
  });
  const pid = child.pid;
  if (pid === undefined) {
    cgroup?.remove();
    return unstarted("not_started", (await child).originalMessage ?? "unknown reason");
  }
  const root = table.entry(pid);
  if (root === undefined) return unseen(child.nodeChildProcess, pid);
  const tree = new Tree(table, plan.marker, root, cgroup === undefined ? [] : [cgroup]);
  // Its ends of our pipes: whoever still holds one afterwards belongs to the turn, whatever else it has shaken off. Only these three:
  // a descriptor that it inherited from us is open in every process around, and would make each of them a part of the turn.
  const pipeNames = new Set(table.openFiles(pid, [1, 2, resultDescriptor]));
  const end = await follow(plan, child.nodeChildProcess, tree, pipeNames);
  await letGo(cgroup);
  return end;
}

/** The result's descriptor, and after it the connection's. */
function moreThanStandard({ givesResult = true, connected = false }: ProcessPlan): "pipe"[] {
  if (!givesResult) return [];
  return connected ? ["pipe", "pipe"] : ["pipe"];
}

/** The kernel needs a moment to let go of a group whose last process has just ended. */
async function letGo(cgroup: Cgroup | undefined): Promise<void> {
  if (cgroup === undefined) return;
  for (let waitMs = 1; !cgroup.remove() && waitMs <= 64; waitMs *= 2) await sleep(waitMs);
}

/** The system does not show its processes (no /proc, no `ps`): then nothing could ever be confirmed dead, so the turn is not begun. */
async function unseen(running: ChildProcess, pid: number): Promise<ProcessEnd> {
  const exited = new Promise((resolve) => running.once("exit", resolve));
  // It has been given no input yet, and leads its own group.
  process.kill(-pid, "SIGKILL");
  await exited;
  return unstarted(
    "not_started",
    "this system does not show its processes (/proc or ps), so what a turn starts could not be ended",
  );
}

function unstarted(cause: EndCause, startError: string | undefined): ProcessEnd {
  const cleanup = { killed: 0, confirmed: true };
  return { cause, exit: undefined, resultLine: undefined, stdout: "", stdoutBytes: 0, stderr: "", startError, cleanup };
}

async function follow(plan: ProcessPlan, running: ChildProcess, tree: Tree, pipeNames: ReadonlySet<string>): Promise<ProcessEnd> {
  const { stdin, stdout, stderr } = running;
  const descriptor = plan.givesResult === false ? undefined : running.stdio[resultDescriptor];
  const result = isReadable(descriptor) ? descriptor : undefined;
  if (stdin === null || stdout === null || stderr === null || (result === undefined && plan.givesResult !== false))
    throw new Error("a pipe of the turn's process is missing");
  const isAlive = (): boolean => running.exitCode === null && running.signalCode === null;
  const exited = new Promise<void>((resolve) => running.once("exit", () => resolve()));
  const pipes = new Pipes({ stdout, stderr, result }, plan.limits);
  // A process may end without reading its input; that is its own matter.
  stdin.on("error", () => {});
  const connection = plan.connected === true ? connectionOf(running) : undefined;
  const told = plan.input(connection).then((text) => void stdin.end(text));
  tree.watch();
  const forget = killOnExit(tree);

  let inputError: string | undefined;
  const untold = new Promise<void>((resolve) => {
    told.catch((error: unknown) => {
      inputError = error instanceof Error ? error.message : String(error);
      resolve();
    });
  });
  const cause = await firstCause(plan, exited, untold, pipes);
  // Its children still bear its name as their parent now, even those that will shake off everything else.
  if (cause === "result") tree.sample();
  if (cause === "result") await Promise.race([exited, lingering(plan)]);
  const exit = isAlive() ? undefined : { code: running.exitCode ?? undefined, signal: running.signalCode ?? undefined };
  const cleanup = await clearUp(plan, tree, pipes, pipeNames, exited, isAlive);
  forget();
  connection?.destroy();
  // Only something that cannot be killed is still there; our own process does not wait for it.
  if (isAlive()) running.unref();
  return {
    cause,
    exit: cause === "exit" || cause === "result" ? exit : undefined,
    resultLine: pipes.result.line,
    stdout: pipes.stdout.text(),
    stdoutBytes: pipes.stdout.total,
    stderr: pipes.stderr.text(),
    startError: inputError,
    cleanup,
  };
}

function connectionOf({ stdio }: ChildProcess): Duplex {
  const connection = stdio[gatewayDescriptor];
  if (!(connection instanceof Duplex)) throw new Error("the connection of the turn's process is missing");
  // Whoever hangs up in the middle of it is seen by its end.
  connection.on("error", () => {});
  return connection;
}

function isReadable(stream: unknown): stream is NodeJS.ReadableStream {
  return typeof stream === "object" && stream !== null && "read" in stream;
}

function firstCause(plan: ProcessPlan, exited: Promise<void>, untold: Promise<void>, pipes: Pipes): Promise<EndCause> {
  return new Promise((resolve) => {
    const settle = (cause: EndCause): void => {
      clearTimeout(timer);
      stopWatching();
      plan.signal.removeEventListener("abort", abort);
      resolve(cause);
    };
    const abort = (): void => settle("abort");
    const timer = setTimeout(() => settle("timeout"), Math.min(plan.limits.attemptMs, longestTimerMs));
    const stopWatching = watchSilence(plan.limits.noOutputMs, pipes, () => settle("silent"));
    plan.signal.addEventListener("abort", abort, { once: true });
    void exited.then(() => settle("exit"));
    void untold.then(() => settle("no_input"));
    void pipes.said.then(settle);
    if (plan.signal.aborted) abort();
  });
}

/** Acts once the process has written nothing for so long; returns how to stop watching. */
function watchSilence(limitMs: number | undefined, pipes: Pipes, act: () => void): () => void {
  if (limitMs === undefined) return () => {};
  const look = (): void => {
    const leftMs = pipes.lastOutputAt + limitMs - performance.now();
    if (leftMs <= 0) act();
    else timer = setTimeout(look, Math.min(leftMs, longestTimerMs));
  };
  let timer = setTimeout(look, Math.min(limitMs, longestTimerMs));
  return () => clearTimeout(timer);
}

/** How long a process may take to exit after its result: the grace, or until nobody wants it any more. */
async function lingering(plan: ProcessPlan): Promise<void> {
  await sleep(plan.limits.killGraceMs, undefined, { signal: plan.signal, ref: false }).catch(() => {});
}

async function clearUp(
  plan: ProcessPlan,
  tree: Tree,
  pipes: Pipes,
  pipeNames: ReadonlySet<string>,
  exited: Promise<void>,
  isAlive: () => boolean,
): Promise<Cleanup> {
  const counts = (): boolean => !isAlive();
  const until = performance.now() + plan.limits.killGraceMs;
  // Whoever is ended in the middle may have left behind what only its pipes show; the grace is for all of it together.
  if (isAlive()) tree.adoptHolders(pipeNames);
  const ended = await endTree(tree, { graceMs: plan.limits.killGraceMs, counts });
  tree.unwatch();
  let { killed } = ended;
  let closed = await pipes.endWithin(drainMs.beforeSearch);
  if (!closed) {
    tree.adoptHolders(pipeNames);
    killed += (await endTree(tree, { graceMs: Math.max(0, until - performance.now()), counts })).killed;
    closed = await pipes.endWithin(drainMs.atMost);
  }
  pipes.destroy();
  // The system knows of its end a moment before we are told.
  if (isAlive()) await Promise.race([exited, sleep(drainMs.atMost, undefined, { ref: false })]);
  return { killed, confirmed: ended.confirmed && closed && !isAlive() };
}
