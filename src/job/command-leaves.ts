/** Values of commands: programs with arguments, and the environment they are given. */
import { leaf, table, type Hint, type KeyRule, type Reading } from "./shape.ts";
import { looksSecret } from "./secret.ts";
import { describe } from "./words.ts";

/** Most words of a command line, and most characters of one. */
const maxWords = 1_000;
const maxWord = 100_000;

/** What a shell would act on, so that a text with it is no mere list of words. */
const shellMeans = /["'`\\$&|;<>()*?[\]{}~#!\n]/;

const list = { type: "array", items: { type: "string" }, minItems: 1, maxItems: maxWords };
const text = { type: "string", pattern: "\\S", maxLength: maxWord };

function wordsOf(found: readonly unknown[]): Reading<readonly string[]> {
  const words = found.filter((word) => typeof word === "string");
  const [program] = words;
  if (found.length === 0 || (typeof found[0] === "string" && program?.trim() === "")) return { problem: "names no program" };
  if (found.length > maxWords) return { problem: `has ${found.length} words, at most ${maxWords} are allowed` };
  const other = found.findIndex((word) => typeof word !== "string");
  if (other >= 0) {
    const plain = typeof found[other] === "number" || typeof found[other] === "boolean";
    const problem = `word ${other + 1} is ${describe(found[other])}, not a text`;
    return plain ? { problem, suggestion: `put it in quotes: ${JSON.stringify(String(found[other]))}` } : { problem };
  }
  if (words.some((word) => word.includes("\0"))) return { problem: "may not hold a NUL character" };
  if (words.some((word) => word.length > maxWord)) return { problem: `has a word of more than ${maxWord} characters` };
  return { value: words };
}

function plainWords(found: string): Reading<readonly string[]> {
  if (!shellMeans.test(found)) return wordsOf(found.trim().split(/\s+/));
  const shown = looksSecret(found) ? `"…"` : JSON.stringify(found.slice(0, 100));
  return {
    problem: "needs a shell to be understood, and none is used here",
    suggestion: `write a list, ["program", "argument"], or ask for a shell: ["sh", "-c", ${shown}]`,
  };
}

const hint: Hint = {
  expects: "a program and its arguments as a list",
  example: `["./check.sh", "--all"]`,
  json: { anyOf: [list, text] },
};

/** A program and its arguments: a list, or one text of plain words. Never a shell. */
export const argv = leaf<readonly string[]>(hint, (found) => {
  if (Array.isArray(found)) return wordsOf(found);
  return typeof found === "string" ? plainWords(found) : {};
});

/** As `argv`, but a text is a line for the shell, as in OpenClaw. */
export const shellOrArgv = leaf<readonly string[]>(hint, (found) => {
  if (Array.isArray(found)) return wordsOf(found);
  if (typeof found !== "string") return {};
  return found.trim() === "" ? { problem: "names no program" } : { value: ["sh", "-lc", found] };
});

/** Arguments that follow a program; none is fine. */
export const furtherWords = leaf<readonly string[]>(
  { expects: "a list of texts", example: `["--all"]`, json: { ...list, minItems: 0 } },
  (found) => {
    if (!Array.isArray(found)) return {};
    return found.length === 0 ? { value: [] } : wordsOf(["program", ...found].slice(1));
  },
);

/** Names whose values are keys as a rule. */
const keyName =
  /^(?:PGPASSWORD|MYSQL_PWD|SSHPASS|REDISCLI_AUTH)$|(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)$/i;

/** Whether a variable of this name holds a key as a rule. */
export function namesKey(name: string): boolean {
  return keyName.test(name);
}

const variable = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** A name of an environment variable. */
export const variableRule: KeyRule = (name) =>
  variable.test(name) ? undefined : { problem: "is not a name of an environment variable", suggestion: "letters, digits and _" };

const variablePattern = variable.source;

/** A text in which `${NAME}` stands for a variable of runner's own environment. */
export function referenceText(found: unknown): Reading<string> {
  if (typeof found === "number" || typeof found === "boolean") return { suggestion: `put it in quotes: "${found}"` };
  if (typeof found !== "string") return {};
  const revoke = "take it out and revoke it if the file was ever shared";
  if (looksSecret(found))
    return { problem: "looks like a key (not shown)", suggestion: `write "\${NAME}" and put it into the environment; ${revoke}` };
  if (found.length > maxWord) return { problem: `has ${found.length} characters, at most ${maxWord} are allowed` };
  if (found.includes("\0")) return { problem: "may not hold a NUL character" };
  if (found.replaceAll(/\$\{[A-Za-z_][A-Za-z0-9_]*\}/g, "").includes("${"))
    return { problem: "holds a ${…} that names no variable", suggestion: "write ${NAME}" };
  return { value: found };
}

const reference = leaf({ expects: "a text", example: '"value, or ${NAME}"', json: { type: "string" } }, referenceText);

/** Environment variables for a program; values may hold `${NAME}`. */
export const environment = table({ expects: "an object of variables", example: `{ "LANG": "C" }` }, reference, {
  rule: variableRule,
  pattern: variablePattern,
  max: 200,
});
