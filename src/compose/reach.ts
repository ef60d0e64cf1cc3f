/** Whether a model server of this machine answers at its address: one connection, opened and closed again. */
import net from "node:net";
import type { Finding } from "../engine/finding.ts";
import type { ProviderConfig } from "../provider/provider.ts";

/** The most that a connection may take, in ms. On one's own machine it takes less than one. */
const connectMs = 2_000;

export async function unreachable(
  { id, baseUrl }: Pick<ProviderConfig, "id" | "baseUrl">,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { hostname, port, protocol } = new URL(baseUrl);
  const defaultPort = protocol === "https:" ? 443 : 80;
  const problem = await connect(hostname.replaceAll(/[[\]]/g, ""), port === "" ? defaultPort : Number(port), signal);
  if (problem === undefined) return [];
  const remedy = `Start ${id}, or correct its baseUrl in the configuration.`;
  const what = `${id} does not answer at ${baseUrl} (${problem})`;
  return [{ what, remedy, exitCode: 78, subject: `address of ${id}`, provider: id }];
}

/** Why nobody can be reached there; undefined if somebody answers. */
export function connect(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const settle = (problem: string | undefined): void => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(problem);
    };
    const onAbort = (): void => settle("the time for looking is over");
    socket.setTimeout(connectMs, () => settle(`no connection within ${connectMs / 1000} s`));
    socket.once("connect", () => settle(undefined));
    socket.once("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
