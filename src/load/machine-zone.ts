import { realpathSync } from "node:fs";
import { isCommonZone } from "../job/zones.ts";
import type { Environment } from "./folders.ts";

/**
 * The machine's time zone, an IANA name: `TZ`, else the link at /etc/localtime, else what Node finds. The first two are tried
 * because the last wakes ICU, which costs as much as half of Node's start; names they give that are not plain are left to it.
 */
export function machineZone(env: Environment, localtime = "/etc/localtime"): string {
  const set = env["TZ"];
  if (set !== undefined && isCommonZone(set)) return set;
  if (set === undefined || set === "") {
    const linked = linkedZone(localtime);
    if (linked !== undefined) return linked;
  }
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function linkedZone(localtime: string): string | undefined {
  try {
    const [, name] = realpathSync(localtime).split("/zoneinfo/");
    return name !== undefined && isCommonZone(name) ? name : undefined;
  } catch {
    return undefined;
  }
}
