/** A tool's contract, as the built-in turn knows it inside its process. */

/** JSON Schema of an object, as both dialects want it. */
export type InputSchema = Readonly<Record<string, unknown>>;

export interface Tool {
  /** As the model names it: letters, digits, `_` and `-`, at most 64 of them, which is what every provider takes. */
  readonly name: string;
  /** `shell`, `files`, `http` or `mcp:NAME`. */
  readonly grant: string;
  readonly description: string;
  readonly inputSchema: InputSchema;
  /**
   * Never throws for what the world does. `refused` means that nothing was done: whatever has begun to act and is then kept from going on
   * has `failed`.
   */
  run(input: Readonly<Record<string, unknown>>): Promise<ToolOutcome>;
}

export type ToolContent =
  | { readonly type: "text"; readonly text: string }
  /** `data` is base64. */
  | { readonly type: "image"; readonly mediaType: ImageType; readonly data: string };

export const imageTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;
export type ImageType = (typeof imageTypes)[number];

export interface ToolOutcome {
  readonly status: "succeeded" | "failed" | "refused";
  /** What the model is told. */
  readonly content: readonly ToolContent[];
  /** One line for the record, unless it succeeded. */
  readonly error?: string;
  /** Of the whole output, also of what was cut for the model. */
  readonly outputBytes: number;
}

/** Most characters of text one tool run gives back to the model; every one of them is paid for with each later question. */
const toolTextLimit = 64 * 1024;

export function succeeded(text: string, outputBytes: number = Buffer.byteLength(text)): ToolOutcome {
  return { status: "succeeded", content: [{ type: "text", text: cutMiddle(text) }], outputBytes };
}

/** `error` is the line for the record; the model gets it too, and `text` after it. */
export function failed(error: string, text = ""): ToolOutcome {
  const told = text === "" ? error : `${error}\n${text}`;
  return { status: "failed", content: [{ type: "text", text: cutMiddle(told) }], error, outputBytes: Buffer.byteLength(text) };
}

export function refused(why: string): ToolOutcome {
  return { status: "refused", content: [{ type: "text", text: `refused: ${why}` }], error: why, outputBytes: 0 };
}

/** The text, or its beginning and its end with a note of what is missing. */
export function cutMiddle(text: string, limit: number = toolTextLimit): string {
  if (text.length <= limit) return text;
  const half = Math.floor(limit / 2);
  return `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters are left out here …]\n${text.slice(text.length - half)}`;
}

/** What is wrong with an input, to be told to the model; thrown by the readers below. */
export class InputError extends Error {
  override readonly name = "InputError";
}

type Input = Readonly<Record<string, unknown>>;

export function textAt(input: Input, key: string): string {
  const value = input[key];
  if (typeof value !== "string") throw new InputError(`${key} must be a text`);
  return value;
}

export function optionalText(input: Input, key: string): string | undefined {
  return input[key] === undefined || input[key] === null ? undefined : textAt(input, key);
}

/** A whole number within bounds, or the default. */
export function wholeAt(input: Input, key: string, bounds: { least: number; most: number; otherwise: number }): number {
  const value = input[key];
  if (value === undefined || value === null) return bounds.otherwise;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < bounds.least || value > bounds.most)
    throw new InputError(`${key} must be a whole number from ${bounds.least} to ${bounds.most}`);
  return value;
}

/** The schema of an object whose keys are these. */
export function objectSchema(properties: Readonly<Record<string, InputSchema>>, required: readonly string[]): InputSchema {
  return { type: "object", properties, required, additionalProperties: false };
}
