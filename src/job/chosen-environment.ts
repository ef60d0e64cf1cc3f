/**
 * What of its environment runner passes on to programs that it starts: an allow-list, so that a key in it has no way into a child, whatever
 * it is called. Nothing is passed on because it looks harmless; a name is on a list or it is not there. Pure.
 */

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * To every program, a turn's too. The locale categories are named one by one because `LC_*` as a pattern is a known smuggling route: ssh
 * servers accept any `LC_…` name, so people send keys as `LC_API_KEY`.
 */
export const passedOn = [
  "PATH",
  "LANG",
  "LANGUAGE",
  "LC_ALL",
  "LC_ADDRESS",
  "LC_COLLATE",
  "LC_CTYPE",
  "LC_IDENTIFICATION",
  "LC_MEASUREMENT",
  "LC_MESSAGES",
  "LC_MONETARY",
  "LC_NAME",
  "LC_NUMERIC",
  "LC_PAPER",
  "LC_TELEPHONE",
  "LC_TIME",
  "TZ",
  "TERM",
] as const;

/** Beside those: whose the call is, and the way to the user's own systemd (sd-bus: `$DBUS_SESSION_BUS_ADDRESS`, else below `$XDG_RUNTIME_DIR`). */
const ofThePerson = ["HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] as const;

/** The variables of these names that are set. */
export function chosen(env: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** For the machine's own programs, which runner asks and tells things: `crontab`, `systemctl`, `launchctl`, `getent`, `node --version`. */
export function systemEnvironment(env: Environment): Record<string, string> {
  return chosen(env, [...passedOn, ...ofThePerson]);
}

/** The same for those whose words are read: in the language and the zone that they are read in, whatever the caller's are. */
export function readableEnvironment(env: Environment): Record<string, string> {
  return { ...systemEnvironment(env), LC_ALL: "C", TZ: "UTC" };
}
