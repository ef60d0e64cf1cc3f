/** Who could answer: keys, addresses, proxies. Nothing is sent to a provider: names are looked up, and loopback addresses are knocked at. */
import { lookup } from "node:dns/promises";
import net from "node:net";
import { howToSet } from "../../provider/keys.ts";
import type { ProviderConfig } from "../../provider/provider.ts";
import { connect } from "../reach.ts";
import type { Project } from "../project.ts";
import type { Check } from "./check.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const reachMs = 3_000;

/** A provider, and who asks it: jobs first of all, jobs as a fallback only, or nobody. */
export interface Use {
  readonly config: ProviderConfig;
  readonly use: "first" | "fallback" | "none";
  readonly jobs: readonly string[];
}

/** Every provider, those that are asked first of all first. */
export function providerUses(project: Project): Use[] {
  const first = new Map<string, Set<string>>();
  const later = new Map<string, Set<string>>();
  for (const { payload, name, enabled } of project.jobs) {
    if (payload.kind === "command" || !enabled) continue;
    note(first, payload.model ?? project.defaultModel, name);
    for (const model of payload.fallbacks ?? project.defaultFallbacks) note(later, model, name);
  }
  const uses = [...project.providers.values()].map((config): Use => {
    const asked = first.get(config.id);
    const jobs = [...(asked ?? later.get(config.id) ?? [])];
    return { config, use: asked !== undefined ? "first" : jobs.length > 0 ? "fallback" : "none", jobs };
  });
  const rank = { first: 0, fallback: 1, none: 2 };
  return uses.toSorted((a, b) => rank[a.use] - rank[b.use]);
}

function note(where: Map<string, Set<string>>, model: string | undefined, job: string): void {
  const provider = model?.slice(0, model.indexOf("/"));
  if (provider !== undefined) where.set(provider, (where.get(provider) ?? new Set()).add(job));
}

/** @param keyFiles Variables that an installed service has from a file of keys, each with that file. */
export async function checkProviders(
  project: Project,
  env: Environment,
  keyFiles: ReadonlyMap<string, string>,
): Promise<Check[]> {
  const uses = providerUses(project);
  const reached = await Promise.all(uses.filter(({ use }) => use !== "none").map((use) => checkAddress(use, env)));
  return [...uses.map((use) => checkKey(use, env, keyFiles)), ...reached, ...checkProxies(env)];
}

function checkKey({ config, use, jobs }: Use, env: Environment, keyFiles: ReadonlyMap<string, string>): Check {
  const area = "providers";
  const name = config.id;
  const variable = config.apiKey?.env;
  const by = use === "none" ? "no job asks it" : `${use === "first" ? "asked by" : "fallback of"} ${some(jobs)}`;
  if (variable === undefined) return { area, name, status: "ok", message: `no key needed; ${by}` };
  const value = env[variable];
  const remedy = howToSet(variable);
  if ((value ?? "").trim() === "") {
    const state = `${variable} is ${value === undefined ? "not set" : "empty"}; ${by}`;
    if (use === "none") return { area, name, status: "ok", message: state };
    const keyFile = keyFiles.get(variable);
    if (keyFile !== undefined) {
      const message = `${variable} is not set here; the installed service reads it from ${keyFile}; ${by}`;
      return { area, name, status: "warn", message, remedy: `Only \`runner run\` by hand needs it here: export ${variable}=…` };
    }
    return use === "first"
      ? { area, name, status: "fail", exitCode: 77, message: state, remedy }
      : { area, name, status: "warn", message: state, remedy };
  }
  if (!/^[\x21-\x7e]+$/.test((value ?? "").trim())) {
    const message = `${variable} does not hold a usable key: it contains white space, line breaks or characters outside ASCII`;
    return { area, name, status: use === "first" ? "fail" : "warn", exitCode: 77, message, remedy: "Copy the key again." };
  }
  return { area, name, status: "ok", message: `${variable} is set; ${by}` };
}

/** At most three names, and how many more. */
export function some(names: readonly string[]): string {
  return names.length <= 3 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}

async function checkAddress({ config, use }: Use, env: Environment): Promise<Check> {
  const url = new URL(config.baseUrl);
  const base = { area: "providers", name: `${config.id} address` } as const;
  const bad = use === "first" ? "fail" : "warn";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isLoopback(host)) {
    const port = Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port);
    const error = await connect(host, port, AbortSignal.timeout(reachMs));
    if (error === undefined) return { ...base, status: "ok", message: `${url.host} answers` };
    const remedy = `Start the server that listens there, or correct providers.${config.id}.baseUrl.`;
    return { ...base, status: bad, message: `nobody listens at ${url.host} (${error})`, remedy };
  }
  if (net.isIP(host) !== 0) return { ...base, status: "ok", message: `${url.host} is a plain address` };
  const proxy = proxyOf(env, url.protocol);
  if (proxy !== undefined) return { ...base, status: "ok", message: `${host} is looked up by the proxy ${proxy}` };
  const found = await resolves(host);
  if (found.ok) return { ...base, status: "ok", message: `${host} is found (${found.words})` };
  const remedy = "Look at the network and its name server: getent hosts " + host;
  return { ...base, status: "warn", message: `${host} is not found now (${found.words})`, remedy };
}

async function resolves(host: string): Promise<{ readonly ok: boolean; readonly words: string }> {
  // The system's look-up cannot be called off; a name server that says nothing is not waited for.
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ ok: false; words: string }>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, words: `no answer in ${reachMs / 1000} s` }), reachMs);
  });
  const found = lookup(host).then(
    ({ address }) => ({ ok: true, words: address }),
    (error: unknown) => ({ ok: false, words: codeOf(error) }),
  );
  try {
    return await Promise.race([found, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.") || host.endsWith(".localhost");
}

function proxyOf(env: Environment, protocol: string): string | undefined {
  const name = protocol === "https:" ? "https_proxy" : "http_proxy";
  const value = env[name] ?? env[name.toUpperCase()];
  return value === undefined || value === "" ? undefined : withoutPassword(value);
}

function checkProxies(env: Environment): Check[] {
  const names = Object.keys(env).filter((name) => /^(?:https?|no)_proxy$/i.test(name) && (env[name] ?? "") !== "");
  if (names.length === 0) return [];
  const message = names.map((name) => `${name}=${withoutPassword(env[name] ?? "")}`).join(", ");
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const understands = (major === 22 && minor >= 21) || (major === 24 && minor >= 5) || major > 24;
  const base = { area: "providers", name: "proxy" } as const;
  if (understands) return [{ ...base, status: "ok", message }];
  const remedy = "Use Node 22.21, 24.5 or later, or take the variables away.";
  return [
    { ...base, status: "warn", message: `${message}: Node ${process.versions.node} goes past it and connects directly`, remedy },
  ];
}

/** A proxy's address may hold a name and a password. */
function withoutPassword(address: string): string {
  return address.replace(/^([a-z]+:\/\/)?[^@/]*@/i, "$1…@");
}
