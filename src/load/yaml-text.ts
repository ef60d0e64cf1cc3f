/** YAML, and markdown with YAML front matter, as a text with positions. */
import { isRecord } from "../job/shape.ts";
import type { LocateText, SyntaxProblem, TextDocument } from "./syntax.ts";
import { readPlainYaml } from "./yaml-plain.ts";

/** @param linesBefore Lines of the file that stand before the text. */
export async function readYaml(
  text: string,
  linesBefore = 0,
): Promise<TextDocument | { readonly problems: readonly SyntaxProblem[] }> {
  return readPlainYaml(text, linesBefore) ?? (await import("./yaml.ts")).readWholeYaml(text, linesBefore);
}

/** `---`, YAML, `---`, and the message as the rest. The message becomes `payload.message`. */
export async function readMarkdown(text: string): Promise<TextDocument | { readonly problems: readonly SyntaxProblem[] }> {
  const [whole, front] = /^---[ \t]*\r?\n([\s\S]*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/m.exec(text) ?? [];
  if (whole === undefined || front === undefined || !text.startsWith("---")) {
    const suggestion = `begin with a line "---", the job's fields as YAML, and a line "---"; the message follows`;
    const message =
      text.trim() === ""
        ? "is empty"
        : text.startsWith("---")
          ? `its front matter has no closing line "---"`
          : "has no front matter";
    return { problems: [{ line: 1, column: 1, message, suggestion }] };
  }
  const fields = front.trim() === "" ? { value: {}, locate: () => ({ line: 1, column: 1 }) } : await readYaml(front, 1);
  if ("problems" in fields) return fields;
  const body = text.slice(whole.length);
  const blank = /^(?:[ \t]*\r?\n)*/.exec(body)?.[0] ?? "";
  const bodyLine = `${whole}${body.trim() === "" ? "" : blank}`.split("\n").length;
  return withMessage(fields, body.trim(), bodyLine);
}

function withMessage(
  fields: TextDocument,
  message: string,
  bodyLine: number,
): TextDocument | { readonly problems: readonly SyntaxProblem[] } {
  const { value } = fields;
  if (!isRecord(value)) return fields;
  const payload = Object.hasOwn(value, "payload") ? value["payload"] : {};
  if (!isRecord(payload)) return fields;
  const atBody = { line: bodyLine, column: 1 };
  if (Object.hasOwn(payload, "message")) {
    if (message === "") return fields;
    const twice = "the message is given twice: in the front matter and as the text below it";
    return {
      problems: [
        { ...fields.locate(["payload", "message"], "key"), path: "payload.message", message: twice, suggestion: "keep one" },
      ],
    };
  }
  if (message === "")
    return {
      problems: [
        { ...atBody, path: "payload.message", message: "is missing", suggestion: "write the message below the front matter" },
      ],
    };
  const locate: LocateText = (path, of, textLine = 0) =>
    path[0] === "payload" && path[1] === "message" ? { line: bodyLine + textLine, column: 1 } : fields.locate(path, of, textLine);
  return { value: { ...value, payload: { ...payload, message } }, locate };
}
