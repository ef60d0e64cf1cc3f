/**
 * Before anything is asked: could the run begin at all? What stands in its way that waiting does not remove ends it as `blocked`, with the
 * reason and the remedy and without a token; an unattended run that fails at its first tool call every night is found out too late
 * (aaif-goose/goose#11164, NousResearch/hermes-agent#85393).
 */
import { modelName, type Rung } from "../run/ladder.ts";
import type { Finding } from "./finding.ts";
import type { RunEnd } from "./outcome.ts";
import type { RunContext } from "./run-context.ts";

/** The most that the checks may take together, in ms. */
const preflightMs = 15_000;

/** The run's end if it cannot begin; `undefined` if it can. What concerns only some of its models is told, and they are asked last. */
export async function preflight(context: RunContext): Promise<RunEnd | undefined> {
  const { parts, job, plan, start, signal, emit, tally } = context;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(preflightMs)]);
  const findings = await parts.inspect({ job, ladder: plan.ladder, runId: start.runId, signal: bounded });
  if (findings.length === 0) return undefined;
  const blocking = blockingOf(findings, plan.ladder);
  const told = blocking.length > 0 ? blocking : findings;
  emit({ type: "preflight_finished", at: parts.clock.now(), blocked: blocking.length > 0, findings: told });
  if (blocking.length === 0) {
    tally.warnings.push(...findings.map((finding) => noteOf(finding, plan.ladder)));
    return undefined;
  }
  // Configuration first: a key cannot be tried as long as the program that would use it is not there.
  const exitCode = blocking.some((finding) => finding.exitCode === 78) ? 78 : 77;
  const reason = blocking.map(({ what, remedy }) => `${what}. ${remedy}`).join(" ");
  const obstacle = [...new Set(blocking.map(({ subject }) => subject))].toSorted().join(", ");
  return { status: "blocked", exitCode, reason, obstacle, ...(exitCode === 77 ? { fault: "auth" } : {}) };
}

/** Everything that concerns the whole run; what concerns a provider only if no provider of the ladder is free of it. */
export function blockingOf(findings: readonly Finding[], ladder: readonly Rung[]): readonly Finding[] {
  const whole = findings.filter(({ provider }) => provider === undefined);
  const usable = ladder.some((rung) => !findings.some(({ provider }) => provider === rung.provider));
  return usable || ladder.length === 0 ? whole : findings;
}

function noteOf({ what, provider }: Finding, ladder: readonly Rung[]): string {
  const models = [...new Set(ladder.filter((rung) => rung.provider === provider).map(modelName))];
  return models.length === 0 ? what : `${what}, so ${models.join(", ")} cannot answer`;
}
