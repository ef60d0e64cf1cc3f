import type { Fault } from "../../errors.ts";
import type { Dialect } from "../provider.ts";
import type { Generation, SimulatedRequest } from "./answer.ts";
import { anthropicFrames, anthropicMessage } from "./anthropic.ts";
import { openaiCompletion, openaiFrames } from "./openai.ts";
import { choiceOf, isObject, jsonReply, streamReply } from "./wire.ts";
import type { Part, Reply, ScriptedFrame, Style } from "./wire.ts";

/**
 * What a fault belongs to. A member of the `Fault` union names the failure a client should see; `stream_shape` holds streams whose
 * events are irregular in other ways than the four of `stream_order`; `wire_form` holds answers that are whole and oddly written.
 */
export type FaultGroup =
  | Exclude<Fault, "aborted" | "turn_died" | "not_ready" | "internal" | "unknown">
  | "stream_shape"
  | "wire_form";

/** Waiting times of the simulated provider, in milliseconds. */
export interface SimulatedDelays {
  /** Before the status line of every answer. Default 0. */
  readonly beforeHeadersMs?: number;
  /** Between the frames of every stream. Default 0: as fast as the socket takes them. */
  readonly betweenFramesMs?: number;
  /** Between the frames of the fault `slow`. Default 20. */
  readonly slowMs?: number;
  /** What simulated 429 answers ask the client to wait. Default 1,000. */
  readonly retryAfterMs?: number;
  /** Pause between the pings of `pings_without_stop`. Default 50. */
  readonly pingMs?: number;
}

/** Everything a fault may use to make its answer. */
export interface Scene {
  readonly request: SimulatedRequest;
  readonly seed: number;
  readonly random: () => number;
  /** The answer a clean request would get. */
  readonly first: Generation;
  /** Another answer to the same request, as if the model had been asked again. */
  second(): Generation;
  readonly delays: Required<SimulatedDelays>;
}

export type StreamScript =
  | readonly Part[]
  | { readonly parts: readonly Part[]; readonly style?: Style; readonly headers?: Record<string, string> };

export interface FaultDefinition {
  /** One word with underscores, as in `--simulate`. */
  readonly name: string;
  readonly group: FaultGroup;
  readonly description: string;
  /** The streamed answer, for each dialect that can have the fault; `undefined` if this request cannot. */
  readonly streamed?: Partial<Readonly<Record<Dialect, (scene: Scene) => StreamScript | undefined>>>;
  /** The answer to a request with streaming off. */
  readonly plain?: (scene: Scene) => Reply;
  /** The answer to both, for faults below or before the dialect's stream. */
  readonly any?: (scene: Scene) => Reply;
}

/** The same script for both dialects. */
export function both(script: (scene: Scene) => StreamScript): NonNullable<FaultDefinition["streamed"]> {
  return { "anthropic-messages": script, "openai-completions": script };
}

/** The fault's answer to this request, or `undefined` if it cannot befall it. */
export function replyOf(fault: FaultDefinition, scene: Scene): Reply | undefined {
  if (fault.any !== undefined) return fault.any(scene);
  if (!scene.request.stream) return fault.plain?.(scene);
  const script = fault.streamed?.[scene.request.dialect]?.(scene);
  if (script === undefined) return undefined;
  return "parts" in script ? streamReply(script.parts, script.style, script.headers) : streamReply(script);
}

/** The frames of a whole, healthy stream in the request's dialect. */
export function wholeFrames(scene: Scene, generation: Generation = scene.first): readonly ScriptedFrame[] {
  if (scene.request.dialect === "anthropic-messages") return anthropicFrames(generation);
  const options = scene.request.body["stream_options"];
  return openaiFrames(generation, isObject(options) && options["include_usage"] === true);
}

/** The message of a whole, healthy answer that is not streamed. */
export function wholeMessage(scene: Scene, generation: Generation = scene.first): Readonly<Record<string, unknown>> {
  return scene.request.dialect === "anthropic-messages" ? anthropicMessage(generation) : openaiCompletion(generation);
}

/** Whether the model may call a tool at all. */
export function offersTools(scene: Scene): boolean {
  const tools = scene.request.body["tools"];
  return Array.isArray(tools) && tools.length > 0;
}

/** What a provider without faults answers. */
export function cleanReply(scene: Scene): Reply {
  return scene.request.stream ? streamReply(wholeFrames(scene)) : jsonReply(200, wholeMessage(scene));
}

/** Where in a stream to cut: just after a content frame between a quarter and three quarters of all content frames. */
export function cutPoint(frames: readonly ScriptedFrame[], random: () => number): number {
  const content = frames.flatMap((frame, at) => (carriesContent(frame) ? [at] : []));
  const nth = Math.floor(content.length * (0.25 + random() / 2));
  return (content[nth] ?? content.at(-1) ?? 0) + 1;
}

/** A stream that breaks off in the middle of its content. */
export function cutFrames(scene: Scene, generation: Generation = scene.first): readonly ScriptedFrame[] {
  const frames = wholeFrames(scene, generation);
  return frames.slice(0, cutPoint(frames, scene.random));
}

function carriesContent(frame: ScriptedFrame): boolean {
  if (typeof frame.data === "string") return false;
  if (frame.data["type"] === "content_block_delta") return true;
  const delta = choiceOf(frame)?.["delta"];
  return isObject(delta) && !("role" in delta) && Object.keys(delta).length > 0;
}
