/** Runs the tools an answer calls for: each written down by the gateway before it begins, each once, one after the other. */
import { tellGateway } from "./ask-gateway.ts";
import type { ToolAnswer, ToolCall } from "./conversation.ts";
import { keptWarnings } from "./result.ts";
import type { OpenSpec, TurnResult } from "./turn.ts";
import { failed, InputError, refused, type Tool, type ToolOutcome } from "./tools/tool.ts";

/** Most tools one answer may call for; the rest is refused, and the model told so. */
const callsPerAnswer = 64;

/** Characters of an input or an error that are told to the gateway: twice what is recorded, so that a key at that cut is seen whole. */
const toldCharacters = 8_000;

type Failed = Extract<TurnResult, { status: "failed" }>;

const wasStopped: Failed = { status: "failed", fault: "aborted", error: "the turn was stopped", toolRuns: 0 };

export class ToolDesk {
  /** Tools that were begun and not refused. */
  runs = 0;
  readonly warnings: string[] = [];
  readonly #spec: OpenSpec;
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #stopped: AbortSignal;
  #last = 0;

  constructor(spec: OpenSpec, tools: readonly Tool[], warnings: readonly string[], stopped: AbortSignal) {
    this.#stopped = stopped;
    for (const warning of warnings) this.#warn(warning);
    this.#spec = spec;
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
  }

  /** In the order of the model's calls. A run that cannot be recorded ends the turn: nothing may happen that nobody knows of. */
  async runAll(
    calls: readonly ToolCall[],
    question: number,
  ): Promise<{ readonly answers: readonly ToolAnswer[] } | { readonly failed: Failed }> {
    const answers: ToolAnswer[] = [];
    for (const [at, call] of calls.entries()) {
      if (this.#stopped.aborted) return { failed: wasStopped };
      const outcome = await this.#runOne(call, question, at >= callsPerAnswer);
      if ("fault" in outcome) return { failed: outcome };
      answers.push({ call, outcome });
    }
    return { answers };
  }

  async #runOne(call: ToolCall, question: number, tooMany: boolean): Promise<ToolOutcome | Failed> {
    const tool = this.#tools.get(call.name);
    const number = (this.#last += 1);
    const plan = {
      tool: number,
      call: question,
      name: call.name.slice(0, 200),
      grant: tool?.grant ?? "none",
      input: JSON.stringify(call.input ?? {}).slice(0, toldCharacters),
    };
    const untold = await tellGateway(this.#spec, "POST", "/runner/tools", plan);
    if (untold !== undefined) return untold;
    // Written down as begun, and not run: whoever reads it takes it for done, which is the safe mistake.
    if (this.#stopped.aborted) return wasStopped;
    this.runs += 1;
    const outcome = await this.#outcome(tool, call, tooMany);
    if (outcome.status === "refused") this.runs -= 1;
    if (outcome.status !== "succeeded") this.#warn(`tool ${plan.name} ${outcome.status}: ${outcome.error ?? "no reason"}`);
    const { status, error, outputBytes } = outcome;
    const end = { status, outputBytes, ...(error === undefined ? {} : { error: error.slice(0, toldCharacters) }) };
    return (await tellGateway(this.#spec, "PUT", `/runner/tools/${number}`, end)) ?? outcome;
  }

  async #outcome(tool: Tool | undefined, call: ToolCall, tooMany: boolean): Promise<ToolOutcome> {
    if (tooMany) return refused(`one answer may call for ${callsPerAnswer} tools at most`);
    if (tool === undefined) return refused(`there is no tool of this name; there are ${[...this.#tools.keys()].join(", ")}`);
    if (call.input === undefined) return refused("the input is not a JSON object");
    try {
      return await tool.run(call.input);
    } catch (error) {
      // Inputs are read before anything is done.
      if (error instanceof InputError) return refused(error.message);
      return failed(error instanceof Error ? error.message : String(error));
    }
  }

  #warn(line: string): void {
    const short = line.replaceAll(/\s+/g, " ").slice(0, 300);
    if (this.warnings.length < keptWarnings - 1) this.warnings.push(short);
    else if (this.warnings.length === keptWarnings - 1)
      this.warnings.push("more tools were refused or failed than are listed here");
  }
}
