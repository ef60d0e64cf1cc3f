/** A cron line that asks OpenClaw for a turn: what it asks, where that can be read. Pure. */
import type { SimpleCommand } from "./shell.ts";

export interface AskedTurn {
  readonly message: string;
  readonly model?: string;
  readonly thinking?: string;
  readonly timeoutSeconds?: number;
  /** Options that mean something there and nothing here. */
  readonly left: readonly string[];
}

export type OpenClawCommand =
  | { readonly kind: "turn"; readonly turn: AskedTurn }
  /** `openclaw cron run ID`: the job is in OpenClaw's own store. */
  | { readonly kind: "job"; readonly job: string }
  /** It is OpenClaw's, and what it asks cannot be read. */
  | { readonly kind: "seen"; readonly why: string };

/** Today's name of the program and its former ones. */
const programs = new Set(["openclaw", "clawdbot", "moltbot"]);

/** Options that take a value, and what becomes of it. */
const valued = new Set(
  "--message -m --model --thinking --timeout --agent --session-id --session-key --to --channel --message-file --cwd --state-dir --config --fallback --url --token --port --profile --wait-timeout --poll-interval --mode --job-id --reply-channel --reply-to".split(
    " ",
  ),
);
const silent = new Set(
  "--json --local --verbose --wait --due --force --isolated --mode --wait-timeout --poll-interval --timeout".split(" "),
);

/** @returns undefined if the command is none of OpenClaw's. */
export function readOpenClawCommand({ words }: SimpleCommand): OpenClawCommand | undefined {
  const left = withoutTimeout(words.map(({ text }) => text));
  const program = left.words[0] ?? "";
  if (!programs.has(program.slice(program.lastIndexOf("/") + 1))) return undefined;
  const offset = words.length - left.words.length;
  const { options, plain, unreadable } = optionsOf(words.slice(offset + 1));
  const [verb, second, third] = plain;
  if (verb === "cron" || verb === "automations") {
    if (second !== "run") return { kind: "seen", why: `"openclaw ${verb} ${second ?? ""}" is no turn` };
    const job = third ?? options.get("--job-id");
    return job === undefined || unreadable ? { kind: "seen", why: "which job it runs cannot be read" } : { kind: "job", job };
  }
  if (verb !== "agent") return { kind: "seen", why: `"openclaw ${verb ?? ""}" is no turn` };
  const message = options.get("--message") ?? options.get("-m") ?? (second === "exec" ? third : undefined);
  if (unreadable) return { kind: "seen", why: "the shell puts a part of its words together, so they cannot be read here" };
  if (message === undefined || message.trim() === "") return { kind: "seen", why: "it names no message on the line" };
  const kept = ["--session-id", "--session-key", "--to", "--deliver"].filter((name) => options.has(name));
  if (kept.length > 0) return { kind: "seen", why: `it goes on with a conversation or sends its answer (${kept.join(", ")})` };
  return { kind: "turn", turn: turnOf(message, options, left.seconds) };
}

function turnOf(message: string, options: ReadonlyMap<string, string>, outer: number | undefined): AskedTurn {
  const [model, thinking, timeout] = [options.get("--model"), options.get("--thinking"), options.get("--timeout")];
  const seconds = timeout !== undefined && /^\d+$/.test(timeout) ? Number(timeout) : outer;
  const used = new Set([...silent, "--message", "-m", "--model", "--thinking"]);
  return {
    message,
    ...(model === undefined ? {} : { model }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(seconds === undefined ? {} : { timeoutSeconds: seconds }),
    left: [...options.keys()].filter((name) => !used.has(name)),
  };
}

type Words = SimpleCommand["words"];

function optionsOf(words: Words): { options: Map<string, string>; plain: string[]; unreadable: boolean } {
  const options = new Map<string, string>();
  const plain: string[] = [];
  let unreadable = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === undefined) break;
    unreadable ||= word.expanded;
    const [, name, value] = /^(--?[a-z][a-z-]*)(?:=(.*))?$/s.exec(word.text) ?? [];
    if (name === undefined) plain.push(word.text);
    else if (value !== undefined) options.set(name, value);
    else if (valued.has(name)) {
      const next = words[(at += 1)];
      unreadable ||= next?.expanded === true;
      options.set(name, next?.text ?? "");
    } else options.set(name, "");
  }
  return { options, plain, unreadable };
}

/** Without a GNU `timeout … SECONDS` before it, which OpenClaw's documentation advises. */
function withoutTimeout(words: readonly string[]): { readonly words: readonly string[]; readonly seconds?: number } {
  if (!/(?:^|\/)timeout$/.test(words[0] ?? "")) return { words };
  let at = 1;
  while (words[at]?.startsWith("-") === true) at += /^-[ks]$|^--(?:kill-after|signal)$/.test(words[at] ?? "") ? 2 : 1;
  const [, count, unit = "s"] = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(words[at] ?? "") ?? [];
  if (count === undefined) return { words };
  const size: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 };
  return { words: words.slice(at + 1), seconds: Number(count) * (size[unit] ?? 1) };
}
