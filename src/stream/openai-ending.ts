import type { AssembledMessage } from "./event.ts";
import { type Json, objectOr } from "./json.ts";
import type { Choice } from "./openai-choice.ts";
import type { ChunkIdentity } from "./openai-identity.ts";
import type { Proof } from "./proof.ts";
import { dataFrame } from "./serialise.ts";
import { commonStopReason, cutByLimit } from "./stop-reason.ts";
import { openaiUsage, type UsageTally } from "./usage.ts";

/** An answer without content and with this many tokens said something that did not arrive. */
const minLostTokens = 10;
/** Chunks after the first finish reason: the other choices' finish, counters, filter results. */
const maxHeld = 1000;
/** All of them together, in UTF-16 units. */
const maxHeldChars = 16 * 1024 * 1024;

/** Everything from the first finish reason on: held until the stream has ended, then released as one finish a choice. */
export class Ending {
  readonly #proof: Proof;
  readonly #tally: UsageTally;
  readonly #identity: ChunkIdentity;
  readonly #choices: ReadonlyMap<number, Choice>;
  readonly #held: { chunk: Json; data: string }[] = [];
  #heldChars = 0;
  #usageSent: unknown;

  constructor(proof: Proof, tally: UsageTally, identity: ChunkIdentity, choices: ReadonlyMap<number, Choice>) {
    this.#proof = proof;
    this.#tally = tally;
    this.#identity = identity;
    this.#choices = choices;
  }

  hold(chunk: Json, data: string): void {
    this.#heldChars += data.length;
    if (this.#held.length >= maxHeld || this.#heldChars > maxHeldChars) {
      throw this.#proof.fault(
        "lane_overflow",
        `more than ${maxHeld} chunks or ${maxHeldChars} characters after the finish reason`,
      );
    }
    this.#held.push({ chunk, data });
  }

  /** Clients keep the last counters they see. */
  passed(chunk: Json): void {
    if ("usage" in chunk) this.#usageSent = chunk["usage"];
  }

  /** @throws StreamError if the answer is not whole after all. */
  release(): string {
    for (const choice of this.#choices.values()) this.#prove(choice);
    const before = new Map([...this.#choices].map(([index, choice]) => [index, choice.finish]));
    for (const choice of this.#choices.values()) this.#settle(choice);
    let out = this.#extras();
    const finished = new Set<number>();
    for (const held of this.#held) {
      out += dataFrame(this.#finishOnce(held, before, finished));
      this.passed(held.chunk);
    }
    return out + this.#counters() + dataFrame("[DONE]");
  }

  #prove(choice: Choice): void {
    const { index } = choice;
    const missing = choice.content.calls.incomplete();
    if (missing !== undefined || choice.content.legacyIncomplete()) {
      if (cutByLimit(choice.finish))
        throw this.#proof.fault("output_truncated", "the answer met its token limit inside a tool call", { index });
      throw missing?.name === true
        ? this.#proof.fault("tool_without_name", "a tool call has no name", { index: missing.out })
        : this.#proof.fault("tool_input_incomplete", "a tool call is not whole: its arguments are no whole JSON object", {
            index: missing?.out ?? index,
          });
    }
    const tools = choice.content.calls.list.length > 0 || choice.content.legacyCall;
    const promised = choice.finish === "tool_calls" || choice.finish === "function_call";
    if (choice.hasContent) return;
    const lost = choice.finish === "stop" && (this.#tally.count("completion_tokens") ?? 0) >= minLostTokens;
    if ((promised && !tools) || lost) {
      throw this.#proof.fault(
        "empty_content",
        `no content came, though ${this.#tally.count("completion_tokens") ?? "some"} tokens or a tool call were announced`,
        { index },
      );
    }
  }

  /** The finish reason that fits the content. */
  #settle(choice: Choice): void {
    const tools = choice.content.calls.list.length > 0;
    if (
      (choice.finish === "tool_calls" && !tools) ||
      (choice.finish === "function_call" && !choice.content.legacyCall && !tools)
    ) {
      this.#proof.repair("stop_reason_demoted", "a tool call announced and none came, and with content: the turn had ended");
      choice.finish = "stop";
    } else if (tools && (choice.finish === "stop" || choice.finish === "function_call")) {
      this.#proof.repair("stop_reason_promoted", "whole tool calls came, so the model waits for their results");
      choice.finish = "tool_calls";
    }
  }

  /** What must stand before the finish: a role for an answer that had none, and `{}` for calls without arguments. */
  #extras(): string {
    let out = "";
    for (const choice of this.#choices.values()) {
      const held = this.#held.some(({ chunk }) => hasRole(chunk, choice.index));
      if (!choice.roleSent && !held) {
        this.#proof.repair("synthetic_role", "the message was never opened; only the envelope was missing");
        out += dataFrame(
          JSON.stringify(
            this.#identity.chunk([{ index: choice.index, delta: { role: "assistant", content: "" }, finish_reason: null }]),
          ),
        );
      }
    }
    return out;
  }

  /** Exactly one finish a choice, with the settled reason, after the arguments of calls that had none. */
  #finishOnce(
    held: { chunk: Json; data: string },
    before: ReadonlyMap<number, string | undefined>,
    finished: Set<number>,
  ): string {
    const choices: readonly unknown[] = Array.isArray(held.chunk["choices"]) ? held.chunk["choices"] : [];
    let changed = false;
    let bare = "";
    const out = choices.map((given) => {
      const one = objectOr(given);
      const index = Number(one["index"]);
      const choice = this.#choices.get(index);
      if (choice === undefined || one["finish_reason"] === null || one["finish_reason"] === undefined) return one;
      if (finished.has(index)) {
        changed = true;
        return { ...one, finish_reason: null };
      }
      finished.add(index);
      bare += this.#bareCalls(choice);
      if (one["finish_reason"] === choice.finish) return one;
      if (before.get(index) === choice.finish)
        this.#proof.repair("stop_reason_mapped", "another dialect's word, or the more cautious of two reasons");
      changed = true;
      return { ...one, finish_reason: choice.finish };
    });
    const data = changed ? JSON.stringify({ ...held.chunk, choices: out }) : held.data;
    if (bare === "") return data;
    // The calls may open in this very chunk, so their arguments come between it and its finish.
    const open = { ...held.chunk, choices: out.map((one) => ({ ...one, finish_reason: null })) };
    const close = { ...held.chunk, choices: out.map((one) => ({ ...one, delta: {} })) };
    return `${JSON.stringify(open)}\n\n${bare}data: ${JSON.stringify(close)}`;
  }

  #bareCalls(choice: Choice): string {
    return choice.content.calls
      .bare()
      .map((call) => {
        this.#proof.repair("tool_args_empty", "a call without arguments has the empty object");
        const delta = { tool_calls: [{ index: call.out, function: { arguments: "{}" } }] };
        return dataFrame(JSON.stringify(this.#identity.chunk([{ index: choice.index, delta, finish_reason: null }])));
      })
      .join("");
  }

  /** Counters at their largest, if the last ones a client saw are not. */
  #counters(): string {
    const raw = this.#tally.raw();
    if (Object.keys(raw).length === 0 || this.#tally.agrees(undefined, this.#usageSent)) return "";
    this.#proof.repair("usage_merged", "each counter goes out at the largest value any event gave");
    return dataFrame(JSON.stringify(this.#identity.chunk([], { usage: raw })));
  }

  message(): AssembledMessage {
    const choices = [...this.#choices.values()].toSorted((one, other) => one.index - other.index);
    const first = choices[0];
    const raw = this.#tally.raw();
    const body = {
      ...this.#identity.head,
      id: this.#identity.id,
      object: "chat.completion",
      created: this.#identity.head["created"] ?? 0,
      model: this.#identity.model,
      choices: choices.map((choice) => choice.content.assembled(choice.index, choice.finish)),
      ...(Object.keys(raw).length === 0 ? {} : { usage: raw }),
    };
    return {
      body,
      id: this.#identity.id,
      model: this.#identity.model,
      stopReason: commonStopReason(first?.finish ?? ""),
      text: first?.content.text ?? "",
      toolCalls: (first?.content.calls.list.length ?? 0) + (first?.content.legacyCall === true ? 1 : 0),
      usage: openaiUsage(this.#tally),
    };
  }
}

function hasRole(chunk: Json, index: number): boolean {
  const choices: readonly unknown[] = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
  return choices.some((given) => {
    const choice = objectOr(given);
    const role = objectOr(choice["delta"])["role"];
    return Number(choice["index"]) === index && typeof role === "string" && role !== "";
  });
}
