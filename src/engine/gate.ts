/**
 * A cheap program before the turn that may say there is nothing to do, so that no model is paid for looking (openclaw/openclaw#112371,
 * anthropics/claude-code#54156). Exit 0: go on, its stdout are facts for the prompt. Exit 1 with nothing on stderr: nothing to do, as of
 * grep(1) and diff(1). Everything else is a gate that failed, and then nobody knows whether there is something to do.
 */
import type { Gate } from "../job/job.ts";
import type { ProgramEnd } from "../turn/turn.ts";
import { identityOf } from "./attempt-spec.ts";
import type { RunEnd } from "./outcome.ts";
import type { RunContext } from "./run-context.ts";
import { stoppedEnd } from "./stopped-end.ts";

/** Bytes of the gate's stdout that reach the prompt and the record, its last ones. */
const gateFactsBytes = 16 * 1024;

/** Characters of its words that are told. */
const toldCharacters = 500;

type GateVerdict =
  | { readonly verdict: "go"; readonly facts: string; readonly why: string }
  | { readonly verdict: "nothing_to_do" | "failed"; readonly why: string };

/** The facts of the gate, empty without one; or the end of the run. */
export async function askGate(context: RunContext): Promise<{ readonly facts: string } | { readonly end: RunEnd }> {
  const { job, parts, start, signal, emit, redaction, request, tally } = context;
  if (job.gate === undefined) return { facts: "" };
  if (request.skipGate === true) {
    tally.warnings.push("the gate was not asked (--no-gate)");
    return { facts: "" };
  }
  const startedAt = parts.clock.now();
  const begun = parts.clock.monotonic();
  const end = await parts.runProgram({
    argv: job.gate.argv,
    payload: job.payload,
    runId: start.runId,
    ...identityOf(start),
    workDir: job.workDir,
    timeoutMs: job.gate.timeoutMs,
    stdoutBytes: gateFactsBytes,
    env: parts.env,
    signal,
  });
  const stopped = stoppedEnd(context);
  if (stopped !== undefined) return { end: stopped };
  const said = verdictOf(job.gate, end);
  const tookMs = Math.round(parts.clock.monotonic() - begun);
  const why = redaction.known(said.why);
  tally.gate = { verdict: said.verdict, why, startedAt, tookMs };
  emit({ type: "gate_finished", at: parts.clock.now(), verdict: said.verdict, why, tookMs });
  if (said.verdict === "go") {
    if (Buffer.byteLength(said.facts) >= gateFactsBytes)
      tally.warnings.push(`the gate wrote ${gateFactsBytes} bytes or more; its last ${gateFactsBytes} are the facts`);
    return { facts: redaction.known(said.facts) };
  }
  if (said.verdict === "nothing_to_do") return { end: { status: "quiet", exitCode: 0, reason: why } };
  return { end: { status: "failed", exitCode: 1, reason: `${why}; nothing was asked`, fault: "gate" } };
}

function verdictOf(gate: Gate, end: ProgramEnd): GateVerdict {
  const name = JSON.stringify(gate.argv[0] ?? "");
  const stderr = oneLine(end.stderr);
  const words = stderr === "" ? "" : `: ${stderr}`;
  if (!end.confirmedDead) {
    return { verdict: "failed", why: `something that the gate ${name} started could not be confirmed dead (docs/isolation.md)` };
  }
  if (end.cause !== "exit") return { verdict: "failed", why: `the gate ${name} ${end.why}${words}` };
  if (end.code === 0) {
    const size = Buffer.byteLength(end.stdout);
    return { verdict: "go", facts: end.stdout, why: `the gate says go${size === 0 ? "" : `, with ${size} bytes of facts`}` };
  }
  if (end.code === 1 && stderr === "") {
    const stdout = oneLine(end.stdout);
    return { verdict: "nothing_to_do", why: `the gate says there is nothing to do${stdout === "" ? "" : `: ${stdout}`}` };
  }
  return { verdict: "failed", why: `the gate ${name} exited with code ${end.code}${words}` };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(-toldCharacters);
}
