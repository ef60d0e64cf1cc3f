/** A line that tries again in a loop of its own, or by a script that does, as a job's `retry`. Pure: a script is read by `Surroundings`. */
import type { Draft, Surroundings } from "./draft.ts";
import { readRetryLoop, type RetryLoop } from "./retry-loop.ts";
import { simpleCommand } from "./shell.ts";

export function loopOf(draft: Draft, command: string): RetryLoop | undefined {
  const { notes, around, home } = draft;
  const inline = readRetryLoop(command);
  const found = inline ?? scriptLoop(command, around, home);
  if (found === undefined) return undefined;
  if ("seen" in found) {
    notes.push(`holds ${found.seen}. It stays a command; see docs/healing.md for "retry"`);
    return undefined;
  }
  const { attempts, delaySeconds, factor } = found.loop;
  notes.push(
    `was a loop of up to ${attempts} tries, ${delaySeconds} s apart${factor === 1 ? "" : ` at first and ${factor} times as long each time`}: now "retry"`,
  );
  return found.loop;
}

function scriptLoop(command: string, { script }: Surroundings, home: string | undefined): ReturnType<typeof readRetryLoop> {
  const simple = simpleCommand(command);
  if (simple === undefined || simple.words.some(({ expanded }) => expanded)) return undefined;
  const words = simple.words.map(({ text }) => text);
  const at = /(?:^|\/)(?:ba|da|z|k)?sh$/.test(words[0] ?? "") ? 1 : 0;
  const file = words[at];
  if (file === undefined || file.startsWith("-")) return undefined;
  const path = file.startsWith("/")
    ? file
    : home === undefined || !file.includes("/")
      ? undefined
      : `${simple.folder ?? home}/${file}`;
  const text = path === undefined ? undefined : script(path);
  if (text === undefined || !/^#!.*sh\b|^[^#]/.test(text)) return undefined;
  return readRetryLoop(text, words.slice(at + 1));
}

export function retryOf(draft: Draft, { attempts, delaySeconds, factor, maxDelaySeconds }: RetryLoop): Record<string, unknown> {
  const most = Math.min(attempts, 20);
  if (most < attempts) draft.notes.push(`tries at most ${most} times here, not ${attempts}`);
  const growth = Math.min(Math.max(factor, 1), 10);
  const longest = Math.min(maxDelaySeconds ?? delaySeconds * growth ** Math.max(most - 2, 0), 86_400);
  return {
    maxAttempts: most,
    delay: seconds(delaySeconds),
    factor: growth,
    maxDelay: seconds(Math.max(longest, delaySeconds)),
    jitter: 0,
  };
}

function seconds(count: number): string {
  return `${Math.round(count * 1_000)}ms`.replace(/000ms$/, "s");
}
