/** A line that asks OpenClaw, as a turn of runner's own. Pure: the store and the configuration are asked by `Surroundings`. */
import { escapeTemplate } from "../../job/template.ts";
import type { Draft } from "./draft.ts";
import { readOpenClawCommand, type AskedTurn } from "./openclaw-command.ts";
import { holdsSecret } from "./secrets.ts";
import { simpleCommand } from "./shell.ts";

/** A turn of OpenClaw's whose message can be read. Whatever is not certain stays a command. */
export function turnOf(draft: Draft, command: string): Readonly<Record<string, unknown>> | undefined {
  const simple = simpleCommand(command);
  const read = simple === undefined ? undefined : readOpenClawCommand(simple);
  if (simple === undefined || read === undefined) {
    if (simple === undefined && /(?:^|[\s/])(?:openclaw|clawdbot|moltbot)\s/.test(command))
      draft.notes.push("asks OpenClaw, within a command that cannot be read for certain. It stays a command");
    return undefined;
  }
  const stays = (why: string): undefined => {
    draft.notes.push(`asks OpenClaw, and stays a command: ${why}`);
  };
  if (read.kind === "seen") return stays(read.why);
  if (read.kind === "job") {
    const stored = draft.around.openClawPayload(read.job);
    if (stored === undefined)
      return stays(`there is no job ${JSON.stringify(read.job)} in its store here; see: runner import openclaw`);
    draft.notes.push(
      `was "openclaw cron run ${read.job}": the turn is that of the job in OpenClaw's store, at this line's times`,
    );
    return checked(draft, stored, simple.outputs, stays);
  }
  if (holdsSecret(read.turn.message)) return stays("its message holds what looks like a key");
  draft.notes.push(
    "was a turn of OpenClaw's: now one of runner's own, in isolation and without tools; grant what it needs with \"tools\"",
  );
  if (read.turn.left.length > 0) draft.notes.push(`not acted on: ${read.turn.left.join(", ")}`);
  return checked(draft, payloadOf(read.turn), simple.outputs, stays);
}

function checked(
  draft: Draft,
  payload: Readonly<Record<string, unknown>>,
  outputs: readonly string[],
  stays: (why: string) => undefined,
): Readonly<Record<string, unknown>> | undefined {
  const { model } = payload;
  const problem = draft.around.modelProblem(typeof model === "string" ? model : undefined);
  if (problem !== undefined) return stays(problem);
  if (outputs.length > 0) draft.notes.push(`its output went to ${outputs.join(", ")}; here it is in the ledger: runner show RUN`);
  return payload;
}

const efforts: Readonly<Record<string, string>> = { none: "off", minimal: "low", xhigh: "high", max: "high", ultra: "high" };

function payloadOf({ message, model, thinking, timeoutSeconds }: AskedTurn): Record<string, unknown> {
  const effort =
    thinking === undefined ? undefined : ((Object.hasOwn(efforts, thinking) ? efforts[thinking] : undefined) ?? thinking);
  return {
    kind: "agentTurn",
    message: escapeTemplate(message),
    ...(model === undefined ? {} : { model }),
    ...(effort !== undefined && ["off", "low", "medium", "high"].includes(effort) ? { thinking: effort } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds: Math.min(timeoutSeconds, 86_400) }),
  };
}
