import os from "node:os";

/** The user's name, as the system tells it; of one that it has no name for, the number. */
export function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
