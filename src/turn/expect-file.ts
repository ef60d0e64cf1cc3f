/**
 * Files that a job expects. "Fresh" is judged by comparison with what was there when the run began, not by the clock alone: the clock
 * of a file system is coarse (a tick of the kernel, two seconds on FAT) or another machine's (NFS), and `cp -p` sets an old time.
 */
import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import type { Expectations } from "../job/job.ts";
import type { Unmet } from "./expect-text.ts";
import type { FileMark, FileMarks } from "./turn.ts";

/**
 * To be asked once, when the run begins. Without `workDir` every attempt gets an empty folder, so nothing can be there before.
 * Never throws: what cannot be seen now counts as not there.
 */
export async function markFiles(expect: Expectations | undefined, workDir: string | undefined): Promise<FileMarks> {
  const marks = new Map<string, FileMark | undefined>();
  for (const file of expect?.files ?? []) {
    if (!file.fresh || (workDir === undefined && !path.isAbsolute(file.path))) continue;
    const target = path.resolve(workDir ?? "/", file.path);
    marks.set(target, markOf(await statOf(target)));
  }
  return marks;
}

export interface FileJudgement {
  readonly unmet: readonly Unmet[];
  readonly warnings: readonly string[];
}

export async function judgeFiles(expect: Expectations, workDir: string, before: FileMarks): Promise<FileJudgement> {
  const unmet: Unmet[] = [];
  const warnings: string[] = [];
  for (const file of expect.files ?? []) {
    const problem = await fileProblem(file, workDir, before, warnings);
    if (problem !== undefined) unmet.push({ line: `file ${JSON.stringify(file.path)}: ${problem}`, retryable: true });
  }
  return { unmet, warnings };
}

async function fileProblem(
  file: { readonly path: string; readonly fresh: boolean },
  workDir: string,
  before: FileMarks,
  warnings: string[],
): Promise<string | undefined> {
  const target = path.resolve(workDir, file.path);
  if (!path.isAbsolute(file.path) && !isBelow(target, workDir))
    return "lies outside the work folder; write it as an absolute path";
  const now = await statOf(target);
  if (typeof now === "string") return now;
  if (!now.isFile()) return "is there, and is not a file";
  if (file.fresh) {
    const old = before.get(target);
    if (old !== undefined && old.identity === markOf(now)?.identity)
      return `was not written by this run: it is still as it was at ${new Date(old.changedAt).toISOString()}`;
  }
  if (now.size === 0n) warnings.push(`expect: file ${JSON.stringify(file.path)} is there and is empty`);
  return undefined;
}

function isBelow(target: string, folder: string): boolean {
  const way = path.relative(folder, target);
  return way !== ".." && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way);
}

/** What it is, or why it cannot be seen. Links are followed: what counts is what a reader would get. */
async function statOf(target: string): Promise<BigIntStats | string> {
  try {
    return await stat(target, { bigint: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    return code === "ENOENT" || code === "ENOTDIR" ? "is not there" : `cannot be seen (${code})`;
  }
}

function markOf(stats: BigIntStats | string): FileMark | undefined {
  if (typeof stats === "string") return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs, mtimeMs } = stats;
  return { identity: [dev, ino, size, mtimeNs, ctimeNs].join(":"), changedAt: Number(mtimeMs) };
}
