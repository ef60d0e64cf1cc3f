/**
 * The words by which an answer says how the task went: nothing to report, or not done. They are typed, whole and in a fixed place;
 * free text is never searched for them, because a report about a failure is not a failure (openclaw/openclaw#32244). Pure.
 */

/** The whole answer that means "nothing to report", unless the job names another; OpenClaw's word. */
export const quietWord = "NO_REPLY";

/** How the first or the last line of an answer begins that declares the task failed: `TASK_FAILED: the reason`. */
export const failureMarker = "TASK_FAILED";

/** Characters of a declared reason that are kept. */
const reasonCharacters = 500;

/** What an answer says of itself. `near`: how the word was decorated, if it was not written exactly. */
export type Sentinel =
  | { readonly kind: "none" }
  | { readonly kind: "quiet"; readonly near?: string }
  | { readonly kind: "declared"; readonly reason: string }
  /** The quiet word stands at an edge of an answer that says more: the rest may matter, so it is an answer. */
  | { readonly kind: "quiet_and_more" };

/** What every turn is told about the two words; `quiet` is the job's. */
export function outcomeNote(quiet: string | false | undefined): string {
  const failure =
    `If the task could not be done, end your answer with one line that begins with ${failureMarker}: and gives the reason. ` +
    "Do not write that line otherwise.";
  if (quiet === false) return failure;
  return `${failure} If there is nothing to report, answer with exactly ${quiet ?? quietWord} and nothing else.`;
}

/** What is appended to the prompt when an answer was refused and the turn is asked once more. */
export function unmetNote(unmet: readonly string[]): string {
  const lines = unmet.map((line) => `- ${line}`).join("\n");
  return `An earlier answer to this task was not accepted, because:\n${lines}\nGive the whole answer again, so that each of these holds.`;
}

/** Reads the words in an answer. `quiet` is the job's: absent `NO_REPLY`, `false` none. */
export function readSentinel(text: string, quiet: string | false | undefined): Sentinel {
  const declared = declaredReason(text);
  if (declared !== undefined) return { kind: "declared", reason: declared };
  if (quiet === false) return { kind: "none" };
  const word = quiet ?? quietWord;
  const said = withoutBlankEdges(text);
  if (said === word) return { kind: "quiet" };
  // Nothing but the word, differently written: there is nothing in it that could be lost.
  if (bare(said).toLowerCase() === bare(word).toLowerCase() && bare(word) !== "") return { kind: "quiet", near: said };
  const lines = linesOf(said);
  const edges = [lines[0], lines.at(-1)].map((line) => bare(line ?? ""));
  return edges.includes(bare(word)) && bare(word) !== "" ? { kind: "quiet_and_more" } : { kind: "none" };
}

/** Whether there is nothing to be seen: blanks, control characters, and characters without a width. */
export function isBlank(text: string): boolean {
  return withoutBlankEdges(text) === "";
}

/** Without what cannot be seen at either end. */
export function withoutBlankEdges(text: string): string {
  return text.replace(/^[\s\p{Cc}\p{Cf}\u2800\u3164]+/u, "").replace(trailingBlanks, "");
}

/** Looks back from the end, so that blanks in the middle of a long text are not tried one by one. */
const trailingBlanks = /(?<![\s\p{Cc}\p{Cf}\u2800\u3164])[\s\p{Cc}\p{Cf}\u2800\u3164]+$/u;

function declaredReason(text: string): string | undefined {
  const lines = linesOf(text);
  for (const at of [0, lines.length - 1]) {
    const line = bareStart(lines[at] ?? "");
    if (!line.startsWith(failureMarker)) continue;
    const rest = line.slice(failureMarker.length);
    // `TASK_FAILED_COUNT: 0` is another word.
    if (/^[\p{L}\p{N}_]/u.test(rest)) continue;
    const reason = bare(rest.replace(/^[\s:*_`—–-]+/u, ""));
    return (reason === "" ? bare(lines[at + 1] ?? "") : reason).slice(0, reasonCharacters);
  }
  return undefined;
}

/** Lines that say something; the fences of a code block are none. */
function linesOf(text: string): string[] {
  return text
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map(withoutBlankEdges)
    .filter((line) => line !== "" && !/^(?:`{3,}|~{3,})[\w-]*$/.test(line));
}

/** Without the marks of emphasis, quotation and lists that models put round a word. */
function bare(line: string): string {
  return bareStart(line).replace(/(?<![\s*_`"'“”‘’.!>#-])[\s*_`"'“”‘’.!>#-]+$/u, "");
}

function bareStart(line: string): string {
  return line.replace(/^[\s*_`"'“”‘’>#-]+/u, "");
}
