import { nearest } from "./words.ts";
import { commonZones, isCommonZone } from "./zones.ts";

/**
 * Whether this is an IANA time zone that Node's own data knows. The common names are answered from a list, because the first
 * use of zoned dates in a process costs as much as half of Node's start.
 */
export function zoneExists(name: string): boolean {
  if (isCommonZone(name)) return true;
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** The zone that may have been meant: by spelling, or by its city alone. */
export function nearestZone(name: string): string | undefined {
  const zones = commonZones();
  const city = name
    .slice(name.lastIndexOf("/") + 1)
    .replaceAll(" ", "_")
    .toLowerCase();
  return (
    zones.find((zone) => zone.slice(zone.lastIndexOf("/") + 1).toLowerCase() === city) ??
    nearest(name.replaceAll(" ", "_"), zones)
  );
}

/** Whether both names are of one zone: UTC, Etc/UTC and Zulu are one. Both exist. */
export function isSameZone(one: string, other: string): boolean {
  return one === other || ownNameOf(one) === ownNameOf(other);
}

function ownNameOf(zone: string): string {
  return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
}
