/** Connections to providers: kept and shared for the life of the process, through a proxy where one is set; idle ones do not keep it alive. */
import { Agent as HttpAgent, type AgentOptions } from "node:http";

type Environment = Readonly<Record<string, string | undefined>>;

const agents = new Map<string, HttpAgent>();

/** Who makes the connection for a request to this address. `env`: where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are read. */
export function agentFor(url: URL, env: Environment): HttpAgent {
  const secure = url.protocol === "https:";
  // A proxy is for the outside: an address on this machine is never reached through one.
  const proxies = isLoopback(url.hostname) ? [] : Object.entries(env).filter(([name]) => /^(?:https?|no)_proxy$/i.test(name));
  const key = JSON.stringify([secure, proxies]);
  let agent = agents.get(key);
  if (agent === undefined) {
    // `proxyEnv` is read by Node from 22.21 and 24.5 on; older ones ignore it and connect directly.
    const options: AgentOptions & { proxyEnv?: Environment } = {
      keepAlive: true,
      ...(proxies.length > 0 ? { proxyEnv: env } : {}),
    };
    agent = secure ? new (https().Agent)(options) : new HttpAgent(options);
    agents.set(key, agent);
  }
  return agent;
}

/** Loaded for the first request that needs it: providers on this machine, the simulated one among them, do without TLS. */
export function https(): typeof import("node:https") {
  return process.getBuiltinModule("node:https");
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.") || hostname.endsWith(".localhost");
}
