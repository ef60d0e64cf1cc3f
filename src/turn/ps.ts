/**
 * Processes as `ps` tells them, for macOS and other systems without Linux's /proc. Coarser: start times are whole seconds,
 * sessions and environments are not seen, so a process that left its group and lost its parent between two samples is missed.
 */
import { execFileSync } from "node:child_process";
import { chosen } from "../job/chosen-environment.ts";
import type { ProcessEntry, ProcessTable } from "./process-table.ts";

const columns = "pid=,ppid=,pgid=,stat=,lstart=";

export const psTable: ProcessTable = {
  list: (notBefore = 0) => parsePs(ps(["-axo", columns])).filter(({ start }) => start >= notBefore),
  entry: (pid) => parsePs(ps(["-o", columns, "-p", String(pid)]))[0],
  seesEnvironments: false,
  carries: () => false,
  openFiles: () => [],
};

/** Lines such as `  501     1   501 Ss   Sun Nov 22 18:03:04 2026`, in the C locale. A line of another form is left out. */
export function parsePs(text: string): ProcessEntry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    if (match === null) return [];
    const [, pid, ppid, pgid, state, started] = match;
    const start = Date.parse(started ?? "");
    if (Number.isNaN(start)) return [];
    return [{ pid: Number(pid), ppid: Number(ppid), pgid: Number(pgid), sid: 0, start, zombie: state?.startsWith("Z") ?? false }];
  });
}

function ps(args: readonly string[]): string {
  try {
    // The C locale fixes the form of the start time; its zone is the one that it is parsed in.
    return execFileSync("ps", args, {
      encoding: "utf8",
      env: { PATH: "/bin:/usr/bin", ...chosen(process.env, ["PATH", "TZ"]), LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 5000,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    // `ps -p` exits 1 when there is no such process, and prints nothing.
    const stdout = error instanceof Error && "stdout" in error ? error.stdout : undefined;
    return typeof stdout === "string" ? stdout : "";
  }
}
