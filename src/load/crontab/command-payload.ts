/** A line's command as a job's, in the environment that cron would have given it. Pure. */
import { namesKey } from "../../job/command-leaves.ts";
import { looksSecret } from "../../job/secret.ts";
import type { Draft } from "./draft.ts";
import { holdsSecret, withoutSecrets } from "./secrets.ts";
import { plainWords } from "./shell.ts";

export function commandPayload(draft: Draft, name: string, command: string, input: string | undefined): Record<string, unknown> {
  const { entry, user, around, notes } = draft;
  const prefix = name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replace(/^(?=\d)/, "_");
  const safe = withoutSecrets(command.trim(), input, prefix);
  draft.hidden.push(...safe.hidden);
  for (const variable of safe.names) draft.variables.add(variable);
  const { env, literal } = environmentOf(draft);
  for (const variable of safe.names) env[variable] = `\${${variable}}`;
  const shell = entry.settings.get("SHELL")?.value ?? "/bin/sh";
  const argv = plainWords(safe.command) ?? [shell, "-c", safe.command];
  const withLiteral = literal.length === 0 ? argv : ["/usr/bin/env", ...literal, ...argv];
  const other = user.name !== around.me.name;
  if (other)
    notes.push(`runs as ${user.name}, by runuser, which only root may use; or give it to a runner of ${user.name}'s own`);
  return {
    kind: "command",
    argv: other ? ["runuser", "-u", user.name, "--", ...withLiteral] : withLiteral,
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(safe.input === undefined || safe.input.trim() === "" ? {} : { input: safe.input }),
    timeoutSeconds: 86_400,
  };
}

/** Settings that speak to cron, and not to the command. */
const toCron = new Set([
  "MAILTO",
  "MAILFROM",
  "CRON_TZ",
  "RANDOM_DELAY",
  "CONTENT_TYPE",
  "CONTENT_TRANSFER_ENCODING",
  "MLS_LEVEL",
]);

/** What cron would give the command: its own defaults, and the settings above. `literal` are those that a job would take for references. */
function environmentOf(draft: Draft): { env: Record<string, string>; literal: string[] } {
  const { entry, user, home, notes, variables, hidden } = draft;
  for (const [name, line] of entry.unread)
    if (!toCron.has(name)) notes.push(`${name}, set on line ${line}, cannot be read, so the job is without it`);
  const env: Record<string, string> = {
    PATH: "/usr/bin:/bin",
    ...(home === undefined ? {} : { HOME: home }),
    LOGNAME: user.name,
    USER: user.name,
  };
  const literal: string[] = [];
  for (const { name, value } of entry.settings.values()) {
    if (toCron.has(name)) continue;
    if (!/^[A-Za-z_]\w{0,127}$/.test(name)) notes.push(`left out: ${JSON.stringify(name.slice(0, 40))} is no name of a variable`);
    else if (value !== "" && (namesKey(name) || looksSecret(value) || holdsSecret(value) || holdsSecret(`${name}=${value}`))) {
      env[name] = `\${${name}}`;
      variables.add(name);
      hidden.push(value);
    } else if (value.includes("${")) {
      delete env[name];
      literal.push(`${name}=${value}`);
    } else if (name !== "LOGNAME" && name !== "USER") env[name] = value;
  }
  return { env, literal };
}
