/** The property list of a service for launchd, see launchd.plist(5). Pure. */
import { commandLine, stopMarginMs, type Scope, type Service, type Step } from "./service.ts";

/** Beginning of every label, by which what `runner install` made is found again. */
const labelPrefix = "turn-runner.";

/** Seconds between two starts, so that a daemon that cannot begin does not spin. */
const throttleSeconds = 30;

type Value = string | number | boolean | readonly string[] | { readonly [key: string]: Value };

export function launchdLabel({ name }: Pick<Service, "name">): string {
  return `${labelPrefix}${name}`;
}

/** launchd knows no file of variables, so Node reads the keys when it starts. */
export function readKeys(keyFile: string): string {
  return `--env-file-if-exists=${keyFile}`;
}

export function launchdPlist(service: Service): string {
  const { scope, user, projectDir, environment, keyFile, tick, stopMs } = service;
  const log = `${logFolder(service)}/${service.name}.log`;
  const when: { readonly [key: string]: Value } = tick
    ? // A dictionary without a key stands for each minute; launchd begins no second one while the first runs.
      { StartCalendarInterval: {} }
    : {
        RunAtLoad: true,
        // Not after an end that was asked for.
        KeepAlive: { SuccessfulExit: false },
        ExitTimeOut: Math.ceil((stopMs + stopMarginMs) / 1_000),
      };
  return plist({
    Label: launchdLabel(service),
    ...(scope === "system" ? { UserName: user.name } : {}),
    ProgramArguments: commandLine(service, [readKeys(keyFile)]),
    WorkingDirectory: projectDir,
    EnvironmentVariables: environment,
    ...when,
    ThrottleInterval: throttleSeconds,
    StandardOutPath: log,
    StandardErrorPath: log,
    HardResourceLimits: { Core: 0 },
  });
}

function plist(dictionary: Value): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    ...element(dictionary, ""),
    "</plist>",
    "",
  ].join("\n");
}

function element(value: Value, indent: string): string[] {
  if (typeof value === "string") return [`${indent}<string>${escaped(value)}</string>`];
  if (typeof value === "number") return [`${indent}<integer>${value}</integer>`];
  if (typeof value === "boolean") return [`${indent}<${value}/>`];
  const inner = `${indent}  `;
  if (isList(value)) return [`${indent}<array>`, ...value.flatMap((item) => element(item, inner)), `${indent}</array>`];
  const entries = Object.entries(value);
  if (entries.length === 0) return [`${indent}<dict/>`];
  const rows = entries.flatMap(([key, item]) => [`${inner}<key>${escaped(key)}</key>`, ...element(item, inner)]);
  return [`${indent}<dict>`, ...rows, `${indent}</dict>`];
}

function isList(value: Value): value is readonly string[] {
  return Array.isArray(value);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The texts of a list or a single text under a key of a property list that `launchdPlist` made; for looking at what is installed. */
export function stringsUnder(text: string, key: string): string[] {
  const [, value = ""] = new RegExp(`<key>${key}</key>\\s*(<array>[\\s\\S]*?</array>|<string>[^<]*</string>)`).exec(text) ?? [];
  return [...value.matchAll(/<string>([^<]*)<\/string>/g)].map(([, found = ""]) =>
    found.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"),
  );
}

export function launchdFolder(scope: Scope, home: string): string {
  return scope === "system" ? "/Library/LaunchDaemons" : `${home}/Library/LaunchAgents`;
}

/** Made by the installer, for launchd makes no folder. */
export function logFolder({ scope, user }: Pick<Service, "scope" | "user">): string {
  return scope === "system" ? "/Library/Logs/runner" : `${user.home}/Library/Logs/runner`;
}

function domain(scope: Scope, uid: number): string {
  return scope === "system" ? "system" : `gui/${uid}`;
}

export function bootstrapSteps(service: Pick<Service, "scope" | "user" | "name">, file: string, loaded: boolean): Step[] {
  const { before } = bootoutSteps(service);
  const argv = ["launchctl", "bootstrap", domain(service.scope, service.user.uid), file];
  return [...(loaded ? before : []), { argv, meaning: "from now on at each login, and now" }];
}

export function bootoutSteps({ scope, user, name }: Pick<Service, "scope" | "user" | "name">): { before: Step[]; after: Step[] } {
  const argv = ["launchctl", "bootout", `${domain(scope, user.uid)}/${launchdLabel({ name })}`];
  return { before: [{ argv, meaning: "it ends; running turns get their grace" }], after: [] };
}
