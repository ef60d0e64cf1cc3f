import type { JsonObject } from "../provider.ts";
import { anthropicError } from "./anthropic.ts";
import type { FaultDefinition, FaultGroup, Scene } from "./fault.ts";
import { openaiError } from "./openai.ts";
import { jsonReply } from "./wire.ts";

/** An HTTP failure with an error body: in the dialect's own shape from type, message and code, or in one vendor's shape. */
export interface HttpFault {
  readonly name: string;
  readonly group: FaultGroup;
  readonly description: string;
  readonly status: number;
  /** Anthropic's `error.type`, OpenAI's `error.type`, and OpenAI's `error.code`. */
  readonly types?: readonly [anthropic: string, openai: string, code?: string];
  readonly message?: string;
  readonly vendor?: (scene: Scene) => JsonObject;
  readonly headers?: (scene: Scene) => Readonly<Record<string, string>>;
}

export function defined(fault: HttpFault): FaultDefinition {
  const { name, group, description } = fault;
  return {
    name,
    group,
    description,
    any: (scene) => jsonReply(fault.status, fault.vendor?.(scene) ?? ownShape(fault, scene), fault.headers?.(scene)),
  };
}

function ownShape({ types = ["api_error", "server_error"], message = "" }: HttpFault, scene: Scene): JsonObject {
  const [anthropic, openai, code = null] = types;
  return scene.request.dialect === "anthropic-messages" ? anthropicError(anthropic, message) : openaiError(openai, message, code);
}

/** z.ai and BigModel put a numeric code in the body, whatever the status. */
export function zai(code: string, message: string): () => JsonObject {
  return () => ({ error: { code, message } });
}
