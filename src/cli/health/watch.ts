/** `status --watch`: looks each second, and draws the whole terminal; without one it writes a line for each change. */
import { setTimeout as wait } from "node:timers/promises";
import { ConfigError, JobError, LedgerError, UsageError } from "../../errors.ts";
import type { ProjectHealth } from "../../engine/health/health.ts";
import type { Project } from "../../compose/project.ts";
import type { LedgerReader } from "../../ledger/ledger.ts";
import { exitCodeOf, exitCodes } from "../../run/exit-code.ts";
import type { CommandContext } from "../command.ts";
import { instantIn, instantUtc, oneLine } from "../format.ts";
import { jsonVersion } from "../output.ts";
import { onStopSignals } from "../signals.ts";
import { changeTeller } from "./changes.ts";
import { lookAt, lookOf } from "./gather.ts";
import { glyphsFor } from "./glyphs.ts";
import { openScreen, type Screen } from "./screen.ts";
import { statusLines, summary } from "./view.ts";

const lookEveryMs = 1_000;
/** The job files are read again so often. */
const reloadEveryMs = 30_000;

/** Until `q`, Ctrl-C or a signal. */
export async function watchStatus(context: CommandContext, jobName: string | undefined, toleranceMs: number): Promise<number> {
  const watched = await open(context, jobName, toleranceMs);
  const { output, env } = context;
  const drawn = output.terminal && !output.json && env["TERM"] !== "dumb";
  const screen = drawn ? openScreen() : undefined;
  const signals = onStopSignals((signal) => {
    screen?.close();
    context.exitNow(exitCodeOf({ status: "cancelled", signal }));
  });
  const show = screen === undefined ? plain(context, watched.project.zone) : live(context, screen, watched.project.zone);
  try {
    for (;;) {
      show(await watched.look());
      const done = await pause(screen, signals.stopped);
      if (typeof done === "string") return exitCodeOf({ status: "cancelled", signal: done });
      if (done) return exitCodes.ok;
    }
  } finally {
    screen?.close();
    signals.release();
    await watched.close();
  }
}

/** Until it is time to look again: `true` to end, or the signal that ends it. */
async function pause(screen: Screen | undefined, stopped: Promise<"SIGINT" | "SIGTERM" | "SIGHUP">) {
  const woken = new AbortController();
  const event = Promise.withResolvers<boolean | "SIGINT">();
  screen?.onEvent((what) => event.resolve(what === "interrupted" ? "SIGINT" : what === "quit"));
  const slept = wait(lookEveryMs, false, { signal: woken.signal }).catch(() => false);
  try {
    return await Promise.race([slept, event.promise, stopped]);
  } finally {
    woken.abort();
  }
}

interface Seen {
  readonly now: number;
  readonly health: ProjectHealth | undefined;
  /** Why there is nothing newer to see. */
  readonly trouble: string | undefined;
}

interface Watched {
  readonly project: Project;
  look(): Promise<Seen>;
  close(): Promise<void>;
}

/** @throws whatever stands in the way of the first look; later ones say it and go on. */
async function open(context: CommandContext, jobName: string | undefined, toleranceMs: number): Promise<Watched> {
  const { loadProject, openProjectLedger } = await import("../../compose/project.ts");
  const load = (): Promise<Project> => loadProject({ ...context.place, env: context.env }, { cache: "take" });
  const project = await load();
  let look = lookOf(project, jobName, toleranceMs);
  let loadedAt = Date.now();
  let ledger: LedgerReader | undefined;
  let last: ProjectHealth | undefined;
  return {
    project,
    async look() {
      const now = Date.now();
      try {
        // A clock that was set back must not stop the reading of the files.
        if (Math.abs(now - loadedAt) >= reloadEveryMs) {
          loadedAt = now;
          look = lookOf(await load(), jobName, toleranceMs);
        }
        ledger ??= await openProjectLedger(project, { create: false });
        const before = last;
        last = await lookAt({ ...look, ledger }, now);
        // The daemon has read files that are others than were read here: what is said of both is to be of the same ones.
        if (before !== undefined && filesOf(last) !== filesOf(before)) {
          loadedAt = now;
          look = lookOf(await load(), jobName, toleranceMs);
          last = await lookAt({ ...look, ledger }, now);
        }
        return { now, health: last, trouble: undefined };
      } catch (error) {
        const passing = [LedgerError, ConfigError, JobError, UsageError].some((one) => error instanceof one);
        if (!(error instanceof Error) || !passing || last === undefined) throw error;
        return { now, health: last, trouble: error.message };
      }
    },
    close: async () => ledger?.close(),
  };
}

/** What the daemon says of the files when it read them last. */
function filesOf({ daemon }: ProjectHealth): string {
  if (daemon.kind !== "alive") return "";
  return JSON.stringify([daemon.problems, daemon.refused, daemon.leader.report.jobs]);
}

function live({ output, env }: CommandContext, screen: Screen, zone: string): (seen: Seen) => void {
  const glyphs = glyphsFor(env);
  return ({ now, health, trouble }) => {
    const { width, height } = screen;
    const [, , time = ""] = instantIn(zone, now).split(" ");
    const title = `runner status  ${time}`;
    const words = trouble ?? (health === undefined ? "" : summary(health));
    const keys = "q leaves";
    const line = oneLine(`${title}  ${words}`, Math.max(width - keys.length - 2, 10));
    const top = `${output.style("bold", line)}${" ".repeat(Math.max(width - line.length - keys.length, 1))}${output.style("dim", keys)}`;
    const body =
      health === undefined ? [] : statusLines(health, { now, zone, width, height: height - 2, glyphs, style: output.style });
    screen.draw([top, "", ...body].slice(0, height));
  };
}

function plain({ output }: CommandContext, zone: string): (seen: Seen) => void {
  const changesOf = changeTeller(zone);
  let complained = "";
  return ({ now, health, trouble = "" }) => {
    if (trouble !== complained && trouble !== "") output.note(`${instantUtc(now)}  ${trouble}`);
    complained = trouble;
    if (health === undefined) return;
    for (const { job, text, document } of changesOf(health, now)) {
      if (output.json)
        output.data(
          JSON.stringify({ version: jsonVersion, kind: "status-change", at: new Date(now).toISOString(), ...document }),
        );
      else output.data(`${instantUtc(now)}  ${job === undefined ? "" : `${oneLine(job, 60)}: `}${text}`);
    }
  };
}
