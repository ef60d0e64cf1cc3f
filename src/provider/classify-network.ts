/** Failures below HTTP: no connection, a name that does not resolve, TLS, a reset, bytes that are not HTTP. In plain words. */
import { ProviderError } from "../errors.ts";

interface NetworkRule {
  readonly code: RegExp;
  readonly words: (host: string) => string;
}

const networkRules: readonly NetworkRule[] = [
  {
    code: /^ENOTFOUND$/,
    words: (host) => `the name ${host} does not resolve; check the provider's baseUrl and this machine's DNS`,
  },
  { code: /^EAI_AGAIN$/, words: (host) => `the name ${host} cannot be resolved at the moment (DNS does not answer)` },
  { code: /^ECONNREFUSED$/, words: (host) => `nothing listens at ${host} (connection refused)` },
  {
    code: /^ECONNRESET$|^EPIPE$|^ERR_STREAM_PREMATURE_CLOSE$|^ECONNABORTED$/,
    words: (host) => `${host} closed the connection before it had answered`,
  },
  {
    code: /^ETIMEDOUT$|^ESOCKETTIMEDOUT$|^ERR_SOCKET_CONNECTION_TIMEOUT$/,
    words: (host) => `no connection to ${host} came about in time`,
  },
  { code: /^EHOSTUNREACH$|^ENETUNREACH$|^ENETDOWN$|^EADDRNOTAVAIL$/, words: (host) => `there is no network route to ${host}` },
  {
    code: /^(?:DEPTH_ZERO_)?SELF_SIGNED_CERT/,
    words: (host) => `${host} shows a self-signed certificate; a company's own authority can be named in NODE_EXTRA_CA_CERTS`,
  },
  {
    code: /^UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|^CERT_UNTRUSTED$/,
    words: (host) =>
      `the certificate of ${host} is signed by nobody this machine trusts; a company's own authority can be named in NODE_EXTRA_CA_CERTS`,
  },
  {
    code: /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/,
    words: (host) => `the certificate of ${host} is not valid at this machine's date; check both`,
  },
  { code: /^ERR_TLS_CERT_ALTNAME_INVALID$/, words: (host) => `the certificate of ${host} is for another name` },
  {
    code: /^EPROTO$|^ERR_SSL_|^ERR_TLS_/,
    words: (host) => `${host} does not speak TLS as expected; is it http:// instead of https://, or a proxy in between?`,
  },
  { code: /^HPE_HEADER_OVERFLOW$/, words: (host) => `${host} sent larger headers than the limit allows` },
  { code: /^HPE_/, words: (host) => `${host} answered with something that is not HTTP` },
  {
    code: /^ERR_PROXY_/,
    words: (host) =>
      `the proxy named in HTTPS_PROXY or HTTP_PROXY does not lead to ${host}; check its address, or list ${host} in NO_PROXY`,
  },
  { code: /^Z_/, words: (host) => `the compressed answer of ${host} cannot be read` },
];

/** Failures of reaching an address: which one it was (a proxy's, one of several behind a name) helps to find the reason. */
const unreachable = /^E(?:CONNREFUSED|TIMEDOUT|HOSTUNREACH|NETUNREACH)$/;

/** The error of a connection, classified `network`. `address` is what was asked for; only hosts and ports are named. */
export function networkError(provider: string, address: URL, error: unknown): ProviderError {
  const links = chain(error);
  const rule = networkRules.find(({ code: shape }) => links.some(({ code }) => code !== undefined && shape.test(code)));
  const code = links.find((link) => link.code !== undefined)?.code;
  const words = rule?.words(address.host) ?? `the connection to ${address.host} failed${code === undefined ? "" : ` (${code})`}`;
  const tried = links.flatMap(({ code: why, at }) =>
    at !== undefined && at !== address.host && unreachable.test(why ?? "") ? [at] : [],
  );
  const where = tried.length === 0 ? "" : `; tried ${[...new Set(tried)].join(" and ")}`;
  return new ProviderError(`${provider}: ${words}${where}`, { fault: "network", code, cause: bare(error, code) });
}

interface Link {
  readonly code: string | undefined;
  readonly at: string | undefined;
}

/** Every error on the way down: through `cause` and the list of an AggregateError (one attempt per address). */
function chain(error: unknown): Link[] {
  const found: Link[] = [];
  const waiting: unknown[] = [error];
  for (let seen = 0; seen < 20 && waiting.length > 0; seen += 1) {
    const next = waiting.shift();
    if (typeof next !== "object" || next === null) continue;
    const code = "code" in next && typeof next.code === "string" ? next.code : undefined;
    const at = "address" in next && "port" in next ? `${String(next.address)}:${String(next.port)}` : undefined;
    found.push({ code, at });
    if ("errors" in next && Array.isArray(next.errors)) waiting.push(...(next.errors as unknown[]));
    if ("cause" in next) waiting.push(next.cause);
  }
  return found;
}

/** Node hangs raw bytes and sockets on its errors; what is kept is name, code and words. */
function bare(error: unknown, code: string | undefined): Error {
  const text = error instanceof Error ? error.message : (code ?? "unknown");
  return Object.assign(new Error(text.slice(0, 500)), code === undefined ? {} : { code });
}
