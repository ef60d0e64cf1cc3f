/**
 * A run as a person reads it while it happens, on stderr: one line for each try with why it was taken, and on a terminal a
 * live line for what is going on right now.
 */
import type { RunEvent } from "../engine/events.ts";
import { duration, instantUtc, oneLine, shortId, withInstants } from "./format.ts";
import { dollars } from "./money.ts";
import type { Output } from "./output.ts";
import { writeAll } from "./output.ts";
import { statusStyle } from "./status.ts";
import { gateLine, rungName, toolLine, tryLine, waitLine, whyLine } from "./trace.ts";

export interface Reporter {
  readonly listen: (event: RunEvent) => void;
  /** Removes the live line; nothing is written afterwards. */
  close(): void;
}

/** Says nothing until the run has ended badly, then everything: what a crontab line wants, because cron mails every word. */
export function quietReporter(inner: Reporter): Reporter {
  const held: RunEvent[] = [];
  return {
    listen(event) {
      held.push(event);
      if (event.type === "run_finished" && event.outcome.exitCode !== 0) for (const one of held) inner.listen(one);
    },
    close: () => inner.close(),
  };
}

export function createReporter(output: Output): Reporter {
  const live = createLiveLine(output);
  return {
    listen(event) {
      live.clear();
      for (const line of linesFor(event, output)) output.note(line);
      const now = liveText(event);
      if (now !== undefined)
        live.show(now, event.type === "waiting" || event.type === "attempt_waiting" ? event.waitMs : undefined);
    },
    close: () => live.clear(),
  };
}

function linesFor(event: RunEvent, { styleNote: style }: Output): string[] {
  switch (event.type) {
    case "run_started": {
      const simulated = event.run.simulated ? style("yellow", "  SIMULATED: the answer is not a real one") : "";
      return [
        `${style("bold", event.run.jobName)}  run ${shortId(event.run.runId)}${simulated}`,
        ...event.notes.map((note) => whyLine(note, style)),
      ];
    }
    case "run_carried_on":
      return [
        `${style("bold", event.run.jobName)}  run ${shortId(event.run.runId)} carried on after ${duration(event.waitedMs)}`,
        whyLine(event.why, style),
      ];
    case "run_rescued":
      return [style("yellow", `  run ${shortId(event.runId)} had died without an end; closed as interrupted`)];
    case "attempt_waiting":
      return [waitLine(event.waitMs, event.why, style)];
    case "attempt_started":
      return event.attempt === 1 ? [] : [style("bold", `  attempt ${event.attempt}`), whyLine(event.why, style)];
    case "waiting":
      return event.waitMs === 0 ? [] : [waitLine(event.waitMs, event.why, style)];
    case "try_started":
      return event.plan.try > 1 && event.plan.waitedMs === 0 ? [whyLine(event.plan.why, style)] : [];
    case "try_failed": {
      const { plan, error, tookMs } = event;
      const facts = {
        fault: error.fault,
        reason: error.reason ?? error.code,
        error: error.message,
        usage: error.usage,
        repairs: error.repairs,
      };
      return [tryLine({ number: plan.try, rung: plan.rung, status: "failed", tookMs, ...facts }, style)];
    }
    case "try_answered": {
      const { plan, answer, tookMs } = event;
      const changes = answer.changes.map((change) => whyLine(change, style));
      return [
        tryLine(
          { number: plan.try, rung: plan.rung, status: "answered", tookMs, usage: answer.usage, repairs: answer.repairs },
          style,
        ),
        ...changes,
      ];
    }
    case "tool_started":
      return [];
    case "tool_finished":
      return [toolLine({ ...event.end, name: event.plan.name, tookMs: event.tookMs }, style)];
    case "preflight_finished":
      // What blocks a run is the reason of its end, which follows at once.
      if (event.blocked) return [];
      return event.findings.map(({ what, remedy }) => style("yellow", `  preflight: ${oneLine(`${what}. ${remedy}`, 500)}`));
    case "gate_finished":
      return [gateLine(event, style)];
    case "expectation_failed":
      return event.unmet.map((line) => style("yellow", `  expected: ${oneLine(line, 300)}`));
    case "attempt_finished":
      return attemptLines(event, style);
    case "run_finished": {
      return endLines(event.outcome, style);
    }
  }
}

/** The closing line: how it ended, in what time, at what price, and why; then what a person should know beside it. */
function endLines(outcome: Event<"run_finished">["outcome"], style: Output["styleNote"]): string[] {
  const { status, reason, startedAt, finishedAt, runId, exitCode, costMicroUsd, deferredUntil } = outcome;
  const price = costMicroUsd === undefined ? "" : `, ${dollars(costMicroUsd)}`;
  const until = deferredUntil === undefined ? "" : ` until ${instantUtc(deferredUntil)}`;
  const warnings = (outcome.warnings ?? []).map((warning) => style("yellow", `warning: ${oneLine(warning, 500)}`));
  const more = exitCode === 0 ? [] : [`exit ${exitCode}; more: runner explain ${shortId(runId)}`];
  const took = duration(finishedAt - startedAt);
  return [
    ...warnings,
    `${style(statusStyle(status), status)}${until} in ${took}${price}: ${oneLine(withInstants(reason, instantUtc), 1_000)}`,
    ...more,
  ];
}

type Event<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

function attemptLines({ attempt, killed, result }: Event<"attempt_finished">, style: Output["styleNote"]): string[] {
  const left =
    killed === 0 ? [] : [style("yellow", `  ${killed} process${killed === 1 ? "" : "es"} left behind by the turn ended`)];
  return result.status === "answered" ? left : [...left, style("dim", `  attempt ${attempt} failed (${result.fault})`)];
}

function liveText(event: RunEvent): string | undefined {
  if (event.type === "try_started") return `${rungName(event.plan.rung).trimEnd()}: waiting for a whole, proven answer`;
  if (event.type === "waiting" && event.waitMs > 0) return `waiting, then ${rungName(event.rung).trimEnd()}`;
  if (event.type === "attempt_waiting") return "waiting for the next attempt";
  if (event.type === "attempt_started") return "starting the turn's process";
  if (event.type === "tool_started") return `the tool ${oneLine(event.plan.name, 60)} is running`;
  return undefined;
}

interface LiveLine {
  show(text: string, forMs: number | undefined): void;
  clear(): void;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

function createLiveLine(output: Output): LiveLine {
  if (!output.live) return { show: () => {}, clear: () => {} };
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    writeAll(2, "\r\u001B[K");
  };
  return {
    show(text, forMs) {
      clear();
      const since = Date.now();
      const draw = (): void => {
        const passed = Date.now() - since;
        const clock = forMs === undefined ? duration(passed) : `${duration(Math.max(0, forMs - passed))} left`;
        const frame = frames[Math.floor(passed / 100) % frames.length] ?? "";
        writeAll(2, `\r\u001B[K  ${oneLine(`${frame} ${text}  ${clock}`, Math.max(20, output.width - 3))}`);
      };
      timer = setInterval(draw, 100);
      timer.unref();
      draw();
    },
    clear,
  };
}
