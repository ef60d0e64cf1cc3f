/** A zone by the name that its file has. Node knows zones by any spelling, and cronie, systemd and Kubernetes by that of the file alone. Pure. */
import { commonZones, isCommonZone } from "../../job/zones.ts";

export function zoneName(zone: string): string {
  if (isCommonZone(zone)) return zone;
  const lower = zone.toLowerCase();
  return (
    commonZones().find((name) => name.toLowerCase() === lower) ??
    new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone
  );
}
