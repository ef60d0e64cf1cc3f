/** A service to make texts of. */
import type { Service } from "../../../src/compose/service/service.ts";

export function serviceOf(over: Partial<Service> = {}): Service {
  return {
    name: "fpl",
    scope: "user",
    user: { name: "fpl", uid: 1000, gid: 1000, home: "/home/fpl" },
    projectDir: "/srv/fpl",
    node: process.execPath,
    entry: "/srv/runner/bin/runner.js",
    options: [],
    tick: false,
    environment: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    keyFile: "/home/fpl/.config/runner/fpl.env",
    stopMs: 25_000,
    notifies: true,
    ...over,
  };
}

/** Paths as people and attackers make them: each has to reach the program as it is. */
export const oddFolders = [
  "/srv/plain",
  "/srv/my project",
  "/srv/100%/%n %%",
  "/srv/$HOME/${USER}/$$",
  `/srv/"quoted"/it's`,
  "/srv/back\\slash/\\x41",
  "/srv/é/日本/🏃",
  "/srv/[a-z]*?",
  "/srv/<a>&amp;/--",
  "/srv/a;b|c&d`e`(f)!g~h#i",
  "/srv/@at/-dash/+plus/:colon",
];
