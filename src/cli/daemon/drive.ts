/** `start`, `start --once` and `tick`: a project's scheduler with its log, its signals, its files and systemd around it. */
import path from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { openDaemon, type Daemon } from "../../compose/daemon/daemon.ts";
import { warningsBefore } from "../../compose/daemon/surroundings.ts";
import { loadProject, type Project } from "../../compose/project.ts";
import { isUnchanged, type Reread } from "../../compose/reload.ts";
import type { Simulate } from "../../compose/runtime.ts";
import type { SchedulerEvent } from "../../engine/scheduler-events.ts";
import { jobKeeper } from "../../job/keeper.ts";
import { watchProject, type ProjectWatch } from "../../load/watch.ts";
import { exitCodes } from "../../run/exit-code.ts";
import type { CommandContext } from "../command.ts";
import { several } from "../money.ts";
import { mostTold } from "../problems.ts";
import { jobWords, sayStart, sayUnused } from "./banner.ts";
import { replacedText } from "./log-entry.ts";
import { openLogSink, type LogSink } from "./log-sink.ts";
import { createDaemonLog, isJournal, type DaemonLog } from "./log.ts";
import { onDaemonSignals, type DaemonSignals } from "./signals.ts";
import { openSystemd, type Systemd } from "./systemd.ts";
import { isNews } from "./told-once.ts";
import { startWatchdog } from "./watchdog.ts";

export interface DriveOptions {
  /** Fires what is due, carries it as far as it goes, and comes back; leads nobody. */
  readonly once: boolean;
  /** Says nothing of itself: for crontabs, which mail every word. */
  readonly brief: boolean;
  readonly quiet: boolean;
  readonly simulate: Simulate | undefined;
}

/** How long what is left of the log may take to be read when everything else has ended, in ms. */
const lastWordsMs = 1_000;
/** Why the files are read anew where nobody has changed them. */
const onRequest = "SIGHUP";

/** Resolves with the exit code when nothing of it is alive. */
export async function drive(context: CommandContext, options: DriveOptions): Promise<number> {
  if (!options.once || !options.quiet) return driveProject(context, options);
  const { tellOnce } = await import("./told-refusal.ts");
  return tellOnce(context, () => driveProject(context, options));
}

async function driveProject(context: CommandContext, options: DriveOptions): Promise<number> {
  const { env, output } = context;
  const readAt = Date.now();
  const project = await loadProject(
    { ...context.place, env },
    { keep: jobKeeper(), ...(options.once ? {} : { cache: "leave" }) },
  );
  const descriptor = output.json ? 1 : 2;
  const sink = openLogSink(descriptor);
  // The configuration may name another zone while the daemon runs, and other keys to take out.
  let daemon: Daemon | undefined;
  const log = createDaemonLog({
    sink,
    form: output.json ? "json" : isJournal(descriptor, env) ? "journal" : "lines",
    quiet: options.quiet,
    once: options.once,
    zone: () => (daemon?.project ?? project).zone,
    style: output.styleNote,
    redact: (text) => daemon?.redact(text) ?? text,
    now: () => Date.now(),
  });
  const systemd = openSystemd({ env, pid: process.pid, onTrouble: (what) => log.say("warning", "systemd", what) });
  const service = serviceState(systemd);
  const watchdog = startWatchdog(systemd);
  let following: Following | undefined;
  const reload = options.once ? undefined : (): void => void following?.reload(onRequest);
  const signals = onDaemonSignals({ log, exitNow: context.exitNow, reload });
  signals.stop.addEventListener("abort", () => systemd.stopping("stops"), { once: true });
  const forget = onInternalError(log, sink, context);
  try {
    daemon = await openDaemon(project, {
      version: packageJson.version,
      ...(options.simulate === undefined ? {} : { simulate: options.simulate }),
      turned: () => watchdog.turned(),
      listen: (event) => {
        log.listen(event);
        if (!options.once) service.listen(event, daemon?.project ?? project);
      },
    });
    // Only now its folder is sure to be there.
    await project.leaveJobs(daemon.stateDir);
    const simulated = options.simulate !== undefined;
    if (!options.brief) {
      const { stateDir } = daemon;
      sayStart(log, project, { version: packageJson.version, pid: process.pid, stateDir, simulated, now: Date.now() });
      for (const { event, text } of warningsBefore(project, { simulated, pid: process.pid })) log.say("warning", event, text);
    }
    // Nobody reads the status of a project that a crontab fires before something is missed. A ledger that fails hides nothing.
    if (options.brief && (!options.quiet || (await isNews(daemon, project.issues).catch(() => true)))) sayUnused(log, project);
    if (!options.once) following = await follow(daemon, log, service, readAt);
    const end = await daemon.run({ stop: signals.stop, now: signals.now, once: options.once });
    following?.close();
    await systemd.flush();
    if (!options.brief)
      log.say("info", "ended", end.cut === 0 ? "ended" : `ended; ${several(end.cut, "run")} cut short`, { cut: end.cut });
    const ended = exitCodeOf(end, signals, options.once);
    return options.once && ended === exitCodes.ok && project.issues.length > 0 ? exitCodes.config : ended;
  } finally {
    following?.close();
    watchdog.close();
    await daemon?.close();
    signals.release();
    forget();
    await sink.close(lastWordsMs);
  }
}

/**
 * 0: it was asked to end and nothing was cut short, or with `--once` everything that was due went well. The signal's code: runs were cut
 * short. 1: with `--once`, a run ended badly. (78: all went well, but a file cannot be used.)
 */
function exitCodeOf(end: { readonly cut: number; readonly failed: number }, signals: DaemonSignals, once: boolean): number {
  if (end.cut > 0) return signals.first === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
  return once && end.failed > 0 ? exitCodes.failed : exitCodes.ok;
}

/** A fault of runner's own ends the daemon, in one line; what it had started is killed at the exit, and the next start closes its runs. */
function onInternalError(log: DaemonLog, sink: LogSink, context: CommandContext): () => void {
  const say = async (error: unknown): Promise<void> => {
    const message = error instanceof Error ? error.message : String(error);
    log.say("error", "internal", `internal error: ${message}. This is a fault of runner's; please report it.`);
    await sink.close(lastWordsMs);
    context.exitNow(exitCodes.failed);
  };
  const listener = (error: unknown): void => void say(error);
  process.on("uncaughtException", listener);
  return () => process.off("uncaughtException", listener);
}

/** What systemd shows of the service, told at each change of state. */
interface ServiceState {
  listen(event: SchedulerEvent, project: Project): void;
  reloading(): void;
  reloaded(project: Project): void;
}

function serviceState(systemd: Systemd): ServiceState {
  let standingBy: string | undefined;
  let up = false;
  const words = (project: Project): string => standingBy ?? `fires ${jobWords(project)}`;
  return {
    listen(event, project) {
      if (event.type === "leading") standingBy = undefined;
      if (event.type === "standing_by") standingBy = `stands by for pid ${event.leader.owner.pid} on ${event.leader.owner.host}`;
      if (event.type === "leading" || event.type === "standing_by") {
        up = true;
        systemd.ready(words(project));
      } else if (event.type === "held") systemd.status(`starts nothing: ${event.reason}`);
      else if (event.type === "resumed") systemd.status(words(project));
      else if (event.type === "draining") systemd.status(`stops; ${several(event.running, "run")} under way`);
    },
    reloading() {
      if (up) systemd.reloading();
    },
    reloaded(project) {
      if (up) systemd.ready(words(project));
    },
  };
}

interface Following {
  reload(why: string): Promise<void>;
  close(): void;
}

/** Reads the project anew when its files change, and when it is asked to. */
async function follow(daemon: Daemon, log: DaemonLog, service: ServiceState, readAt: number): Promise<Following> {
  let watch: ProjectWatch | undefined;
  let closed = false;
  let refused = false;
  const reload = async (why: string): Promise<void> => {
    if (closed) return;
    service.reloading();
    try {
      const read = await daemon.reload();
      sayReload(log, read, why, refused);
      refused = read.kind === "refused";
      if (read.kind === "good") watch?.follow(read.project.files);
    } catch (error) {
      // Whatever it is, what was in force fires on.
      const message = error instanceof Error ? error.message : String(error);
      log.say("error", "reload_failed", `${why}: the files could not be read: ${message}`);
    } finally {
      service.reloaded(daemon.project);
    }
  };
  watch = await watchProject(daemon.project.files, {
    onChange: async (paths) => reload(changedWords(paths, daemon.project.projectDir)),
    onUnwatched: (why) =>
      log.say("warning", "unwatched", `changes of files are seen only every half minute, because they cannot be watched: ${why}`),
    readAt,
  });
  return {
    reload,
    close: () => {
      closed = true;
      watch?.close();
    },
  };
}

function changedWords(paths: readonly string[], base: string): string {
  const [first = base] = paths;
  const name = path.relative(base, first);
  const shown = name.startsWith("..") ? first : name;
  return paths.length === 1 ? shown : `${shown} and ${paths.length - 1} more`;
}

/** @param wasRefused The time before: then it is told in any case that the files are in force. */
function sayReload(log: DaemonLog, read: Reread, why: string, wasRefused: boolean): void {
  if (read.kind === "refused") {
    const facts = { problems: read.problems };
    log.say("error", "reload_refused", `${why}: refused; what was in force stays so, as a whole`, facts);
    for (const problem of read.problems.slice(0, mostTold)) log.say("error", "problem", problem);
    if (read.problems.length > mostTold)
      log.say("error", "problem", `and ${read.problems.length - mostTold} more (each of them: runner validate)`);
    return;
  }
  const { changes, settings, afterRestart } = read;
  // Somebody who touched a file need not be told; somebody who asked does.
  if (why !== onRequest && !wasRefused && isUnchanged(changes) && settings.length + afterRestart.length === 0) return;
  const more = settings.length === 0 ? "" : `; settings: ${settings.slice(0, 10).join(", ")}`;
  const again = wasRefused ? "in force again; " : "";
  log.say("info", "reloaded", `${why}: ${again}${replacedText(changes)}${more}`, { ...changes, settings });
  for (const one of afterRestart) log.say("warning", "needs_restart", `takes effect only after a restart: ${one}`);
}
