/**
 * The end of the scheduler: what runs may go on for a grace, then it is ended as `interrupted`. What is queued or waits stays as it is, for the
 * next daemon.
 */
import { Stopped } from "../stopped.ts";
import { readControl } from "./control.ts";
import type { State } from "./state.ts";

/** How often other processes are heard meanwhile: one may want a run to end now. */
const pollMs = 1_000;

/** Resolves when nothing runs any more. @param now ends the grace. */
export async function drain(state: State, now: AbortSignal): Promise<void> {
  const { parts, running, alarm, settings } = state;
  const { clock, listen } = parts;
  state.draining = true;
  const until = clock.monotonic() + settings.shutdownGraceMs;
  const hurry = (): void => alarm.ring();
  now.addEventListener("abort", hurry, { once: true });
  if (running.size > 0 && !now.aborted) {
    listen({ type: "draining", at: clock.now(), running: running.size, graceMs: settings.shutdownGraceMs });
  }
  while (running.size > 0 && !now.aborted) {
    const leftMs = until - clock.monotonic();
    if (leftMs <= 0) break;
    await alarm.sleep(Math.min(leftMs, pollMs));
    await readControl(state).catch(() => {});
    parts.turned?.();
  }
  now.removeEventListener("abort", hurry);
  for (const { stop } of running.values()) stop.abort(new Stopped({ kind: "daemon" }));
  while (running.size > 0) {
    await alarm.sleep(pollMs);
    parts.turned?.();
  }
  await Promise.allSettled(state.beside);
}
