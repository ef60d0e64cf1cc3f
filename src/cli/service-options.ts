/** CommandOptions that `install` and `uninstall` share. */
import { managers, type Manager, type Scope } from "../compose/service/service.ts";
import { UsageError } from "../errors.ts";
import type { CommandOptions } from "./command.ts";

/** @throws UsageError for more than one. */
export function managerOf(options: CommandOptions): Manager | undefined {
  const named = managers.filter((manager) => options[manager] === true);
  if (named.length > 1)
    throw new UsageError(`${named.map((name) => `--${name}`).join(" and ")}: one of them is enough`, {
      suggestion: "Two would each fire the jobs; claims would keep that from doubling anything.",
    });
  const [manager] = named;
  if (manager === "crontab" && options["system"] === true)
    throw new UsageError("a crontab is a user's own, so --crontab does not go with --system", {
      suggestion: "Run it as the user who is to have it, or use --systemd --system.",
    });
  return manager;
}

/** @throws UsageError for both. */
export function scopeOf(options: CommandOptions): Scope | undefined {
  if (options["user"] === true && options["system"] === true)
    throw new UsageError("--user and --system: it is one or the other", {
      suggestion: "--user is for you alone, --system for the machine.",
    });
  return options["system"] === true ? "system" : options["user"] === true ? "user" : undefined;
}

export function nameOf(options: CommandOptions): string | undefined {
  return typeof options["name"] === "string" ? options["name"] : undefined;
}
