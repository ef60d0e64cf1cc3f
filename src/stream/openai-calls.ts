import { Fragments } from "./fragments.ts";
import { isIndex, isObject, type Json, objectOr, stringOr, tryParse } from "./json.ts";
import type { Proof } from "./proof.ts";

/** Calls one answer may hold; the official SDK refuses more. */
const maxCalls = 128;

export interface Call {
  readonly out: number;
  readonly index: number | undefined;
  readonly id: string;
  readonly custom: boolean;
  readonly extra: Record<string, unknown>;
  name: string;
  readonly args: Fragments;
}

/** The tool calls of one choice: told apart by id, else by index, and sent on under dense indexes. */
export class Calls {
  readonly list: Call[] = [];
  readonly #proof: Proof;
  readonly #byId = new Map<string, Call>();
  /** The latest call at an index. */
  readonly #byIndex = new Map<number, Call>();

  #highest = -1;

  constructor(proof: Proof) {
    this.#proof = proof;
  }

  /** Takes one fragment and returns it as it is to go out: the same object if it may pass as it came. */
  take(fragment: unknown): { fragment: Json; call: Call; piece: string } {
    if (!isObject(fragment)) throw this.#proof.fault("malformed_frame", "a tool call fragment is not an object");
    const fn = objectOr(fragment["function"] ?? fragment["custom"]);
    const name = stringOr(fn["name"], "");
    const piece = this.#piece(fn);
    const opened = this.#find(fragment, name, piece);
    const call = opened ?? this.#open(fragment, name);
    if (name !== "" && call.name === "") call.name = name;
    if (name !== "" && call.name !== name)
      throw this.#proof.fault("block_restarted", "a tool call changed its name", { index: call.out });
    call.args.push(piece);
    const changed: Record<string, unknown> = { ...fragment };
    if (fragment["index"] !== call.out) changed["index"] = call.out;
    if (opened === undefined) {
      if (stringOr(fragment["id"], "") === "") changed["id"] = call.id;
      if (stringOr(fragment["type"], "") === "") changed["type"] = call.custom ? "custom" : "function";
    }
    if (isObject(fn["arguments"])) changed["function"] = { ...fn, arguments: piece };
    return { fragment: JSON.stringify(changed) === JSON.stringify(fragment) ? fragment : changed, call, piece };
  }

  #piece(fn: Json): string {
    const given = fn["arguments"] ?? fn["input"] ?? "";
    if (typeof given === "string") return given;
    if (!isObject(given))
      throw this.#proof.fault("malformed_frame", "the arguments of a tool call are neither text nor an object");
    this.#proof.repairOnce("args_object", "the arguments came as an object; the dialect carries them as its text");
    return JSON.stringify(given);
  }

  /** The call a fragment continues, or undefined if it opens one. */
  #find(fragment: Json, name: string, piece: string): Call | undefined {
    const id = stringOr(fragment["id"], "");
    const index = isIndex(fragment["index"]) ? fragment["index"] : undefined;
    if (id !== "") return this.#byKnownId(id, index, name, piece);
    const call = index === undefined ? this.list.at(-1) : this.#byIndex.get(index);
    if (call === undefined) {
      if (name === "") throw this.#proof.fault("delta_without_block", "tool arguments for a call that never began", { index });
      return undefined;
    }
    if (name !== "" && call.name !== "") this.#sameAgain(call, name, piece);
    return call;
  }

  #byKnownId(id: string, index: number | undefined, name: string, piece: string): Call | undefined {
    const call = this.#byId.get(id);
    if (call === undefined) {
      if (index !== undefined && this.#byIndex.has(index)) {
        this.#proof.repairOnce(
          "tool_index_reused",
          "a new id at an index already used is a new call; each goes out under an index of its own",
        );
      }
      return undefined;
    }
    if (index !== undefined && call.index !== undefined && index !== call.index) {
      throw this.#proof.fault("repeated_tool_id", "two tool calls have the same id", { index });
    }
    // Some providers repeat id and name with every fragment; a whole input beside them would be the call once more. Looked at once: later
    // a whole input makes the arguments no JSON, which their end will show.
    if (name !== "" && piece !== "" && call.args.count === 1 && complete(call.args.join())) {
      throw this.#proof.fault("repeated_tool_id", "a tool call that was whole came again", { index });
    }
    return call;
  }

  /** A second opening without an id is the same call only if nothing of it had come. */
  #sameAgain(call: Call, name: string, piece: string): void {
    if (call.name === name && call.args.count === 0 && piece === "") {
      this.#proof.repair("dup_call_start", "the call had begun and carried nothing yet, so its second start changes nothing");
      return;
    }
    throw this.#proof.fault("block_restarted", "a tool call without an id began where another is open", { index: call.out });
  }

  #open(fragment: Json, name: string): Call {
    if (this.list.length >= maxCalls) throw this.#proof.fault("lane_overflow", `more than ${maxCalls} tool calls`);
    const index = isIndex(fragment["index"]) ? fragment["index"] : undefined;
    if (index !== undefined && index < this.#highest) {
      throw this.#proof.fault("index_regression", `a tool call began at index ${index} after index ${this.#highest}`, { index });
    }
    this.#highest = Math.max(this.#highest, index ?? -1);
    const out = this.list.length;
    const given = stringOr(fragment["id"], "");
    const { id: _id, index: _index, type: _type, function: _function, custom: _custom, ...extra } = fragment;
    const custom = fragment["type"] === "custom" || isObject(fragment["custom"]);
    const call: Call = {
      out,
      index,
      id: given === "" ? `call_${this.#proof.frames}_${out}` : given,
      custom,
      extra,
      name,
      args: new Fragments(),
    };
    if (given === "")
      this.#proof.repair("tool_id_synthesised", "the call came without an id; it has a place of its own, so any unique id does");
    if (stringOr(fragment["type"], "") === "") this.#proof.repairOnce("tool_type", "a call without a type is a function call");
    if (index !== out) this.#proof.repairOnce("index_remapped", "calls go out under dense indexes in the order they began");
    this.list.push(call);
    this.#byId.set(call.id, call);
    if (index !== undefined) this.#byIndex.set(index, call);
    this.#proof.contentSeen = true;
    return call;
  }

  /** Why the calls are not whole, or undefined if every one is. */
  incomplete(): { out: number; name: boolean } | undefined {
    for (const call of this.list) {
      if (call.name === "") return { out: call.out, name: true };
      if (!call.custom && call.args.count > 0 && !complete(call.args.join())) return { out: call.out, name: false };
    }
    return undefined;
  }

  /** Calls without any argument text, which clients cannot parse. */
  bare(): Call[] {
    return this.list.filter((call) => !call.custom && call.args.count === 0);
  }

  assembled(): Json[] {
    return this.list.map((call) => {
      const text = call.args.join();
      return call.custom
        ? { ...call.extra, id: call.id, type: "custom", custom: { name: call.name, input: text } }
        : { ...call.extra, id: call.id, type: "function", function: { name: call.name, arguments: text === "" ? "{}" : text } };
    });
  }
}

function complete(text: string): boolean {
  return isObject(tryParse(text));
}
