import { hash53, randomFor, shuffled } from "./random.ts";
import { isObject } from "./wire.ts";

/** What a simulated text is made from. The same facts give the same text. */
export interface TextFacts {
  readonly seed: number;
  /** The number of the request at this provider, from 1. */
  readonly request: number;
  /** 1 for the answer a clean request gets; a fault that starts the answer anew continues with generation 2. Default 1. */
  readonly generation?: number;
  /** As asked for in the request. */
  readonly model: string;
  /** The last user message of the request; its first 80 characters are quoted. Default none. */
  readonly prompt?: string;
}

/** How much of the prompt a simulated text quotes, in characters. */
const quotedPromptLength = 80;

const sentences = [
  "Nothing out of the ordinary was found.",
  "Two figures moved since the last check – both within the usual range.",
  "The café’s takings rose by £4.50, which is noise.",
  "No injury news touches the starting eleven.",
  "The captain’s fixture is at home, and the model of the season so far favours him.",
  "The deadline is on Friday at 18:30; nothing has to be done before.",
  "One transfer is free and need not be used.",
  "Prices: ↑ 1, ↓ 3, unchanged 11.",
  "The bench is thin, but all four players are expected to play.",
  "The forecast in Zürich and Málaga is dry.",
  "次の試合は土曜日です – the next match is on Saturday.",
  "All five checks passed ✅ and none was skipped.",
  "If the keeper does not start, the reserve keeper comes in by himself.",
  "The queue held three items, and each was older than a day.",
  "A second look at the numbers gave the same result 🙂.",
  "Nothing here calls for a person’s attention today.",
];

/**
 * The text of one whole generation. It says of itself that it is simulated, carries its number at both ends and ends in a
 * checksum, so that a cut, a doubling or a splice of two generations can be told from a whole one by `judgeText`.
 */
export function expectedText(facts: TextFacts): string {
  const number = `${facts.request}.${facts.generation ?? 1}`;
  const random = randomFor(facts.seed, "text", number);
  const quoted = (facts.prompt ?? "").replaceAll(/\s+/gu, " ").trim();
  const short = quoted.length > quotedPromptLength ? `${Array.from(quoted).slice(0, quotedPromptLength).join("")}…` : quoted;
  const said = shuffled(random, sentences);
  const paragraphs = [said.slice(0, 4), said.slice(4, 7), said.slice(7, 11)].map((paragraph) => paragraph.join(" "));
  const body = [
    `Simulated answer ${number}: no model was asked; the simulated provider made this up for ${facts.model} (seed ${facts.seed}).`,
    ...(short === "" ? [] : [`You wrote: “${short}”`]),
    ...paragraphs,
    `End of simulated answer ${number}. Check: `,
  ].join("\n\n");
  return body + hash53(body);
}

/** The input of a simulated tool call; its checksum stands last, so that a cut one lacks it. */
export function toolInput(note: string): { readonly note: string; readonly steps: readonly number[]; readonly check: string } {
  const steps = Array.from({ length: 12 }, (_, at) => at + 1);
  return { note, steps, check: hash53(JSON.stringify({ note, steps })) };
}

/** Whether the input of a simulated tool call is whole. */
export function judgeToolInput(input: unknown): "right" | "wrong" {
  if (!isObject(input) || typeof input["note"] !== "string") return "wrong";
  return JSON.stringify(input) === JSON.stringify(toolInput(input["note"])) ? "right" : "wrong";
}

const whole =
  /^Simulated answer (?<number>\d+\.\d+): no model was asked;[^]*\n\nEnd of simulated answer \k<number>\. Check: (?<check>[0-9a-f]{14})$/u;

/** Whether a text is exactly one whole generation of a simulated provider; a cut, doubled or spliced one is `wrong`. */
export function judgeText(text: string): "right" | "wrong" {
  const check = whole.exec(text)?.groups?.["check"];
  return check !== undefined && hash53(text.slice(0, -check.length)) === check ? "right" : "wrong";
}
