/** Runs one program for a tool: bounded output, a time limit, and at that limit the end of all that it has started. */
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { endTree } from "../kill.ts";
import { processTable } from "../processes.ts";
import { Tree } from "../tree.ts";
import { HeadAndTail } from "./head-and-tail.ts";

export interface ProgramPlan {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly input: string;
  readonly timeoutMs: number;
  /** Put before the command: see `OpenSpec`. */
  readonly apart: readonly string[];
  /** Its `PATH`. Default the turn's. */
  readonly path?: string;
}

export type ProgramEnd =
  | { readonly startError: string }
  | {
      readonly code: number | undefined;
      readonly signal: string | undefined;
      readonly timedOut: boolean;
      readonly stdout: string;
      readonly stderr: string;
      /** Of all its output, kept or not. */
      readonly bytes: number;
    };

/** Bytes of each stream that are kept: as many of its beginning as of its end. */
const keptBytes = 24 * 1024;

/** From TERM to KILL at its time limit. */
const graceMs = 2_000;

/** How long its output is read after its exit; longer than that, something in the background holds the pipe, which may go on. */
const drainMs = 200;

let runs = 0;

/** It gets the turn's own environment, which holds no key, and its number, by which all that it starts is found again. */
export async function runProgram(plan: ProgramPlan): Promise<ProgramEnd> {
  runs += 1;
  const tool = `${process.pid}-${runs}`;
  // Loaded by whoever uses it: every turn's process loads this file.
  const { spawn } = process.getBuiltinModule("node:child_process");
  const [file = "", ...args] = [...plan.apart, plan.file, ...plan.args];
  const child = spawn(file, args, {
    cwd: plan.cwd,
    env: { ...process.env, ...(plan.path === undefined ? {} : { PATH: plan.path }), RUNNER_TOOL: tool },
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own, so that the time limit reaches what it starts.
    detached: true,
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const started = await once(child, "spawn").then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (started !== undefined) return { startError: started };
  const stdout = new HeadAndTail(keptBytes);
  const stderr = new HeadAndTail(keptBytes);
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // It may end without reading what it was given.
  child.stdin.on("error", () => {});
  child.stdin.end(plan.input);
  const timedOut = await withinTime(exited, plan.timeoutMs);
  if (timedOut) await endAll(child.pid, tool);
  await Promise.race([closed, wait(drainMs)]);
  // What still runs in the background keeps its pipe and may write to it; it is read and forgotten, and ends with the attempt.
  for (const stream of [child.stdout, child.stderr]) stream.removeAllListeners("data").resume();
  child.unref();
  return {
    code: child.exitCode ?? undefined,
    signal: child.signalCode ?? undefined,
    timedOut,
    stdout: stdout.text(),
    stderr: stderr.text(),
    bytes: stdout.total + stderr.total,
  };
}

async function withinTime(exited: Promise<void>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const limit = wait(timeoutMs, true, { signal: timer.signal }).catch(() => false);
  const timedOut = await Promise.race([exited.then(() => false), limit]);
  timer.abort();
  return timedOut;
}

async function endAll(pid: number | undefined, tool: string): Promise<void> {
  const table = await processTable();
  const root = pid === undefined ? undefined : table.entry(pid);
  await endTree(new Tree(table, { runId: process.env["RUNNER_RUN_ID"] ?? "", tool }, root), { graceMs });
}
