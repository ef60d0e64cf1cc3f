/**
 * The door's second purpose: the turn says which tool it is about to run, and is allowed to only once that is written down. Neither the
 * tool nor its result passes through here. Whoever is killed in the middle of a tool therefore leaves a record that says it was begun,
 * and no number is ever begun twice.
 */
import type { Grant, ToolEnd, ToolPlan } from "./gateway.ts";
import { toolRefusals, type Refusal } from "./refusal.ts";

/** Most tools one attempt may begin. A model that calls tools without end is stopped by `maxTurns` long before. */
const toolsPerAttempt = 1_000;

/** Most bytes of a body that describes a tool run; its input is cut to 8,000 characters by whoever sends it. */
export const toolBodyLimit = 64 * 1024;

export type ToolRoute = { readonly kind: "tool_start" } | { readonly kind: "tool_end"; readonly tool: number };

/** The routes of tools; undefined for any other address. The method is checked by the caller, `POST` to start and `PUT` to end. */
export function toolRouteOf(path: string): ToolRoute | undefined {
  if (path === "/runner/tools") return { kind: "tool_start" };
  const number = /^\/runner\/tools\/(?<number>[1-9]\d{0,6})$/.exec(path)?.groups?.["number"];
  return number === undefined ? undefined : { kind: "tool_end", tool: Number(number) };
}

/** What one attempt has begun. Numbers come in order, so the last one says which are taken. */
export class ToolBook {
  #last = 0;
  readonly #open = new Set<number>();
  /** Tools that were begun and not refused: what a new attempt must not blindly repeat. */
  runs = 0;

  /** Undefined: it is written down, and the tool may run. */
  async start(body: unknown, grant: Grant, closing: AbortSignal): Promise<Refusal | undefined> {
    const plan = planIn(body);
    if (plan === undefined) return toolRefusals.body;
    if (this.#last >= toolsPerAttempt) return toolRefusals.tooMany;
    if (plan.tool !== this.#last + 1) return toolRefusals.number(plan.tool, this.#last);
    // Taken before anything is awaited: of two requests with the same number one is refused.
    this.#last = plan.tool;
    const { observer } = grant;
    if (observer.toolStarted === undefined) return toolRefusals.unrecorded;
    try {
      await observer.toolStarted(plan);
    } catch (error) {
      return toolRefusals.notRecorded(error instanceof Error ? error.message : String(error));
    }
    this.runs += 1;
    this.#open.add(plan.tool);
    // The attempt may have ended meanwhile: its record stands, and nothing is run.
    return grant.signal.aborted || closing.aborted ? toolRefusals.ended : undefined;
  }

  async finish(tool: number, body: unknown, grant: Grant): Promise<Refusal | undefined> {
    const end = endIn(body);
    if (end === undefined) return toolRefusals.body;
    if (!this.#open.delete(tool)) return toolRefusals.notOpen(tool);
    if (end.status === "refused") this.runs -= 1;
    try {
      await grant.observer.toolFinished?.(tool, end);
    } catch (error) {
      return toolRefusals.notRecorded(error instanceof Error ? error.message : String(error));
    }
    return undefined;
  }
}

function planIn(body: unknown): ToolPlan | undefined {
  if (!isRecord(body)) return undefined;
  const { tool, call, name, grant, input } = body;
  if (!isCount(tool) || !isCount(call) || typeof name !== "string" || typeof grant !== "string" || typeof input !== "string")
    return undefined;
  return { tool, call, name, grant, input };
}

function endIn(body: unknown): ToolEnd | undefined {
  if (!isRecord(body)) return undefined;
  const { status, error, outputBytes } = body;
  if (status !== "succeeded" && status !== "failed" && status !== "refused") return undefined;
  if (typeof outputBytes !== "number" || !Number.isSafeInteger(outputBytes) || outputBytes < 0) return undefined;
  if (error !== undefined && typeof error !== "string") return undefined;
  return { status, outputBytes, ...(error === undefined ? {} : { error }) };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
