/** Which pieces of tool input belong to one call, told by the events alone; the same when a stream is recorded and when it is replayed. */
import { isObject, type Json, stringOr } from "../../stream/json.ts";

export class ToolLanes {
  readonly #open = new Map<string, { lane: number; id: string }>();
  #lanes = 0;
  #last: string | undefined;

  /** Takes an event; the lane its piece belongs to, and the one it closes. */
  take(event: Json): { readonly lane?: number; readonly closed?: number } {
    const { type } = event;
    if (type === "content_block_start") return this.#start(event);
    if (type === "content_block_stop") {
      const key = String(event["index"]);
      const closed = this.#open.get(key)?.lane;
      this.#open.delete(key);
      return closed === undefined ? {} : { closed };
    }
    if (type === "content_block_delta") return this.#laneAt(String(event["index"]));
    return this.#chunk(event);
  }

  #laneAt(key: string): { readonly lane?: number } {
    const lane = this.#open.get(key)?.lane;
    return lane === undefined ? {} : { lane };
  }

  #start(event: Json): { readonly closed?: number } {
    const key = String(event["index"]);
    const closed = this.#open.get(key)?.lane;
    this.#open.delete(key);
    const block = event["content_block"];
    if (isObject(block) && stringOr(block["type"], "").endsWith("tool_use")) this.#begin(key, "");
    return closed === undefined ? {} : { closed };
  }

  #begin(key: string, id: string): number {
    this.#open.set(key, { lane: (this.#lanes += 1), id });
    return this.#lanes;
  }

  #chunk(event: Json): { readonly lane?: number } {
    const choices: readonly unknown[] = Array.isArray(event["choices"]) ? event["choices"] : [];
    let lane: number | undefined;
    for (const choice of choices) {
      const delta = isObject(choice) && isObject(choice["delta"]) ? choice["delta"] : {};
      const calls: readonly unknown[] = Array.isArray(delta["tool_calls"]) ? delta["tool_calls"] : [];
      for (const call of calls) if (isObject(call) && isObject(choice)) lane = this.#call(String(choice["index"]), call);
    }
    return lane === undefined ? {} : { lane };
  }

  #call(choice: string, call: Json): number {
    const id = stringOr(call["id"], "");
    const key =
      call["index"] === undefined && id === "" && this.#last !== undefined ? this.#last : `${choice}:${String(call["index"])}`;
    const open = this.#open.get(key);
    this.#last = key;
    return open === undefined || (id !== "" && id !== open.id) ? this.#begin(key, id) : open.lane;
  }
}
