/** By what a turn's processes are found again when they are ended. */
import { cgroupFor, cgroupWords } from "../../turn/index.ts";
import type { Check } from "./check.ts";

/** No warning without a group: the other signs of a tree are there on every machine. */
export async function checkKilling(env: Readonly<Record<string, string | undefined>>): Promise<Check> {
  const place = await cgroupFor(env);
  const message = cgroupWords(place);
  const others = "processes are ended by descent, group, marker and open pipes";
  return { area: "machine", name: "cgroup", status: "ok", message: place.kind === "cgroup" ? message : `${message}; ${others}` };
}
