import type { ExportFormat } from "./format.ts";

/** Every format, in the order of the help; each loaded only when it is named. */
export const formats: Readonly<Record<string, () => Promise<ExportFormat>>> = {
  json: async () => (await import("./json.ts")).json,
  crontab: async () => (await import("./crontab.ts")).crontab,
  systemd: async () => (await import("./systemd.ts")).systemd,
  k8s: async () => (await import("./k8s.ts")).k8s,
};
