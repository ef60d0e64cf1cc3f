import type { ExportFormat } from "./format.ts";

/** Every format, in the order of the help; each loaded only when it is named. */
export const formats: Readonly<Record<string, () => Promise<ExportFormat>>> = {
  json: async () => (await import("./json.ts")).json,
  systemd: async () => (await import("./systemd.ts")).systemd,
};
