import type { Dialect, JsonObject } from "../provider.ts";
import { errorReply } from "./request.ts";
import type { Route } from "./request.ts";
import { jsonReply } from "./wire.ts";
import type { Reply } from "./wire.ts";

/** Everything that is not a request for an answer. */
export function aside(route: Route, dialect: Dialect, bytes: Buffer, pathname: string): Reply {
  if (route === "models") return jsonReply(200, modelList());
  if (route === "count_tokens") return jsonReply(200, { input_tokens: Math.ceil(bytes.length / 4) });
  return errorReply(
    dialect,
    404,
    dialect === "anthropic-messages" ? "not_found_error" : "invalid_request_error",
    `Not found: ${pathname}`,
  );
}

/** One list that reads as Anthropic's and as OpenAI's. */
function modelList(): JsonObject {
  const id = "simulated";
  const model = {
    type: "model",
    object: "model",
    id,
    display_name: "Simulated model",
    created_at: "2026-11-22T00:00:00Z",
    created: 1_795_000_000,
    owned_by: "turn-runner",
  };
  return { object: "list", data: [model], has_more: false, first_id: id, last_id: id };
}
