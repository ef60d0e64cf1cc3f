/**
 * What the official SDKs make of broken streams without any help: 200 runs a fault at rate 0.8, both SDKs, no retries.
 *
 *   node bench/sdk-alone.ts [FAULT …] [--runs 200] [--rate 0.8] [--seed 1]
 *
 * RIGHT is exactly one whole generation; FAILED is an error, or an answer that says of itself that it is cut; WRONG is anything
 * else handed over as a good answer: cut, doubled, spliced or empty.
 */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { parseArgs } from "node:util";
import { judgeText, judgeToolInput, parseSimulation, startSimulatedProvider } from "../src/provider/script.ts";

type Verdict = "right" | "failed" | "wrong";
type Asker = (signal: AbortSignal) => Promise<Verdict>;

const defaultFaults = [
  "dup_start",
  "dup_start_29",
  "restart_new_id",
  "orphan_stop",
  "stream_order",
  "restart_same_id",
  "restart_after_tool",
  "truncate",
  "error_event",
  "empty_message",
  "garbage",
  "tool_json_cut",
  "rate_limit_seconds",
  "overloaded_529",
  "reset",
  "hang",
];

/** Long enough for any answer on loopback, short enough for a hang. */
const patienceMs = 400;
/** Runs at once. */
const width = 8;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "200" },
    rate: { type: "string", default: "0.8" },
    seed: { type: "string", default: "1" },
  },
});
const runs = Number(values.runs);

const messages = [{ role: "user" as const, content: "Run FPL check..." }];

function judged(text: string, inputs: readonly unknown[], finished: boolean): Verdict {
  if (!finished) return "failed";
  return judgeText(text) === "right" && inputs.length <= 1 && inputs.every((input) => judgeToolInput(input) === "right")
    ? "right"
    : "wrong";
}

function anthropicAsker(baseURL: string): Asker {
  const client = new Anthropic({ baseURL, apiKey: "none", maxRetries: 0 });
  return async (signal) => {
    const message = await client.messages.stream({ model: "k2p5", max_tokens: 4096, messages }, { signal }).finalMessage();
    const text = message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
    const inputs = message.content.flatMap((block) => (block.type === "tool_use" ? [block.input] : []));
    return judged(text, inputs, message.stop_reason !== "max_tokens" && message.stop_reason !== "refusal");
  };
}

function openaiAsker(url: string): Asker {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
  return async (signal) => {
    const { choices } = await client.chat.completions.stream({ model: "k2p5", messages }, { signal }).finalChatCompletion();
    const inputs = (choices[0]?.message.tool_calls ?? []).map((call) =>
      call.type === "function" ? parsed(call.function.arguments) : undefined,
    );
    const reason = choices[0]?.finish_reason;
    return judged(choices[0]?.message.content ?? "", inputs, reason === "stop" || reason === "tool_calls");
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Asks again and again, some at a time, and counts the verdicts. */
async function measure(ask: Asker): Promise<Record<Verdict, number>> {
  const counts = { right: 0, failed: 0, wrong: 0 };
  let left = runs;
  const lane = async (): Promise<void> => {
    while (left-- > 0) counts[await ask(AbortSignal.timeout(patienceMs)).catch((): Verdict => "failed")]++;
  };
  await Promise.all(Array.from({ length: width }, () => lane()));
  return counts;
}

// One SDK logs every line it cannot read; the table says the same in fewer words.
console.error = () => undefined;

console.log(`${runs} runs a fault, rate ${values.rate}, seed ${values.seed}; @anthropic-ai/sdk and openai alone, no retries\n`);
console.log(`${"fault".padEnd(20)}${"faulted".padStart(8)}   ${"Anthropic SDK".padEnd(27)}   OpenAI SDK`);
console.log(`${" ".repeat(31)}${"right  failed   WRONG".padEnd(30)}right  failed   WRONG`);
for (const fault of positionals.length === 0 ? defaultFaults : positionals) {
  const row: string[] = [];
  let faulted = 0;
  for (const asker of [anthropicAsker, openaiAsker]) {
    const provider = await startSimulatedProvider({
      simulation: parseSimulation(`${fault}:${values.rate}`, Number(values.seed)),
    });
    const { right, failed, wrong } = await measure(asker(provider.url));
    faulted = Math.max(faulted, provider.faulted);
    await provider.close();
    row.push([right, failed, wrong].map((count, at) => String(count).padStart(at === 0 ? 5 : 8)).join(""));
  }
  console.log(`${fault.padEnd(20)}${String(faulted).padStart(8)}   ${row.join("         ")}`);
}
