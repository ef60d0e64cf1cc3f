/** What the rows of the evidence are told in. */
import type { Frame } from "../../src/stream/event.ts";
import { choice, chunk, type Chunk, type Event, frameOf } from "./wire.ts";

export interface Whole {
  readonly text?: string;
  readonly thinking?: string;
  readonly tools?: readonly unknown[];
  readonly stop?: string;
  readonly codes: readonly string[];
}

/** An event as it comes; one without fields is a frame without a name. */
export function frame(event: Event): Frame {
  return Object.keys(event).length === 0 ? { event: undefined, data: "{}" } : frameOf(event);
}

export const role = chunk("c", [choice({ role: "assistant", content: "" })]);
export const text = (content: string, id: string | undefined = "c"): Chunk => chunk(id, [choice({ content })]);
export const finish = (reason: string): Chunk => chunk("c", [choice({}, reason)]);
export const call = (value: Record<string, unknown>): Chunk => chunk("c", [choice({ tool_calls: [value] })]);
export const usage = { prompt_tokens: 7, completion_tokens: 42, total_tokens: 49 };
export const DONE = "[DONE]" as const;
export const fn = (name: string, args: string): unknown => ({ name, arguments: args });
