/** `runner reload`: asks the daemon that fires the jobs to read its files anew, and waits for what came of it. */
import { setTimeout as wait } from "node:timers/promises";
import type { Leader, LedgerReader, SchedulerEventRow } from "../../ledger/ledger.ts";
import { ownerState } from "../../engine/owner.ts";

export type Asked =
  | { readonly kind: "answered"; readonly leader: Leader; readonly answer: SchedulerEventRow }
  /** It was asked, and has not answered in time. */
  | { readonly kind: "silent"; readonly leader: Leader }
  /** Nothing was asked; why, in words. */
  | { readonly kind: "nobody"; readonly why: string };

/** How long an answer may take, in ms: 10,000 job files take some seconds. */
const answerMs = 30_000;
const lookMs = 50;

export async function askReload(ledger: LedgerReader | undefined): Promise<Asked> {
  const leader = await ledger?.leader();
  if (ledger === undefined || leader === undefined) return { kind: "nobody", why: "no daemon runs on this project" };
  const { pid, host } = leader.owner;
  const state = ownerState(leader.owner);
  if (state === "dead") return { kind: "nobody", why: `the daemon (pid ${pid}) has died, and no other one has taken over yet` };
  if (state === "elsewhere") {
    const how = "send SIGHUP to it there (docker kill -s HUP …), or change a file: it looks by itself";
    return { kind: "nobody", why: `the daemon runs where it cannot be signalled from here (pid ${pid} on ${host}): ${how}` };
  }
  const askedAt = Date.now();
  try {
    process.kill(pid, "SIGHUP");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const why = code === "EPERM" ? "it belongs to another user" : String(code);
    return { kind: "nobody", why: `the daemon (pid ${pid}) cannot be signalled: ${why}` };
  }
  const until = performance.now() + answerMs;
  while (performance.now() < until) {
    const [answer] = await ledger.events({ since: askedAt, kinds: ["reloaded", "reload_refused"], limit: 1 });
    if (answer !== undefined) return { kind: "answered", leader, answer };
    await wait(lookMs);
  }
  return { kind: "silent", leader };
}
