/** What a line means to cron and hardly to whoever wrote it. Pure. */
import type { ReadEntry } from "./entry.ts";

export interface Doubt {
  /** Offset in the line. */
  readonly at: number;
  readonly message: string;
  readonly suggestion: string;
}

/** Debian's cron cuts a command here; cronie takes 131,072 characters. */
const debianCommand = 998;

/** What cron takes and people trip over. */
export function doubtsOf(line: string, { command, user }: ReadEntry, { system }: { readonly system: boolean }): Doubt[] {
  const offset = line.length - command.length;
  const doubts: Doubt[] = [];
  const warn = (more: number, message: string, suggestion: string): void => {
    doubts.push({ at: offset + more, message, suggestion });
  };
  if (/(?:^|[^\\])(?:\\\\)*\\$/.test(command))
    warn(
      command.length - 1,
      "ends in a backslash, and cron knows no continuation: the next line is a line of its own",
      "write it as one line",
    );
  if (command.length > debianCommand)
    warn(
      debianCommand,
      `the command has ${command.length} characters, and Debian's cron cuts it here`,
      "is the whole of it meant? The job has it whole",
    );
  const [, first = ""] = /^([a-z_][\w-]*)\s+\S/.exec(command) ?? [];
  if (user === undefined && !system && ["root", "www-data", "nobody", "postgres", "daemon"].includes(first))
    warn(
      0,
      `the command begins with ${JSON.stringify(first)}, as a user's name does in /etc/crontab`,
      "if it is that format, add --system",
    );
  return doubts;
}
