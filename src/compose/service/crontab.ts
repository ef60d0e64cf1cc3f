/**
 * One line of a crontab, in a marked block, see crontab(5). Pure. A crontab is handled as one byte a character (latin1), because it may hold
 * bytes of any encoding and everything outside the block stays as it is.
 */
import { ConfigError } from "../../errors.ts";
import { shellWord } from "../../load/shell-word.ts";
import { readKeys } from "./launchd.ts";
import { commandLine, type Service } from "./service.ts";

/** Debian's cron cuts a command at 1,000 characters (MAX_COMMAND of cron.h) and refuses the crontab. */
const commandBytes = 990;

const beginMark = "# >>> runner install: ";
const endMark = "# <<< runner install: ";

/** The block's lines, in UTF-8 with one byte a character. */
export function crontabBlock(service: Service): string {
  const { projectDir } = service;
  return toBytes(
    [
      `${beginMark}${projectDir}`,
      "# Each minute: what is due, if no daemon is there to do it. Keys stand in the file that the line names.",
      `* * * * * ${cronCommand(service)}`,
      `${endMark}${projectDir}`,
      "",
    ].join("\n"),
  );
}

/**
 * The command as cron gives it to the shell, with `%` written as `\%`. The variables are set by env(1), which works in any shell that
 * `SHELL=` names and leaves the other lines of the crontab alone.
 * @throws ConfigError if it is longer than cron takes.
 */
function cronCommand(service: Service): string {
  const variables = Object.entries(service.environment).map(([name, value]) => `${name}=${value}`);
  // cron mails whatever is printed, so only what goes wrong is.
  const words = ["/usr/bin/env", ...variables, ...commandLine(service, [readKeys(service.keyFile)]), "-q"];
  const command = words.map(shellWord).join(" ").replaceAll("%", "\\%");
  const bytes = Buffer.byteLength(command);
  if (bytes <= commandBytes) return command;
  const message = `the line would have ${bytes} bytes, and cron takes ${commandBytes}`;
  const suggestion = "shorten PATH for the installation: PATH=/usr/local/bin:/usr/bin:/bin runner install --crontab";
  throw new ConfigError([{ file: "crontab", path: "", message, suggestion }]);
}

/** The words of a line that `cronCommand` made; for looking at what is installed. */
export function shellWords(line: string): string[] {
  const words = line.replaceAll("\\%", "%").match(/(?:'[^']*'|\\'|[^\s'])+/g) ?? [];
  return words.map((word) => word.replaceAll(/'([^']*)'|\\(')/g, (_, inside?: string, quote?: string) => inside ?? quote ?? ""));
}

/** The block of the project within a crontab; undefined if it has none. */
export function findBlock(crontab: string, projectDir: string): string | undefined {
  const found = split(crontab, projectDir);
  return found.blocks.length === 0 ? undefined : found.blocks.join("");
}

/** The crontab with this block: in place of the one it has, else at its end. */
export function withBlock(crontab: string, projectDir: string, block: string): string {
  const { kept, blocks, at } = split(crontab, projectDir);
  if (blocks.length > 0) return kept.slice(0, at) + block + kept.slice(at);
  // cron does not read a last line that no line feed ends.
  return kept === "" || kept.endsWith("\n") ? kept + block : `${kept}\n${block}`;
}

/** The folders of the projects that have a block in it. */
export function blockFolders(crontab: string): string[] {
  return [...toText(crontab).matchAll(new RegExp(`^${beginMark}(.*?)\\r?$`, "gm"))].map(([, folder = ""]) => folder);
}

export function withoutBlock(crontab: string, projectDir: string): string {
  return split(crontab, projectDir).kept;
}

interface Parts {
  /** Everything outside the project's blocks. */
  readonly kept: string;
  readonly blocks: readonly string[];
  /** Where in `kept` the first block stood. */
  readonly at: number;
}

function split(crontab: string, projectDir: string): Parts {
  const [begin, end] = [toBytes(beginMark + projectDir), toBytes(endMark + projectDir)];
  let kept = "";
  const blocks: string[] = [];
  let at = -1;
  let open: { line: number; text: string } | undefined;
  for (const [index, line] of (crontab.match(/[^\n]*\n|[^\n]+$/g) ?? []).entries()) {
    const bare = line.replace(/\r?\n$/, "");
    if (open === undefined && bare === begin) {
      open = { line: index + 1, text: line };
      if (at === -1) at = kept.length;
    } else if (open === undefined) kept += line;
    else {
      open.text += line;
      if (bare !== end) continue;
      blocks.push(open.text);
      open = undefined;
    }
  }
  if (open !== undefined) {
    const message = "the block of runner begins here and does not end";
    const suggestion = `write the line ${JSON.stringify(endMark + projectDir)} where it is to end, with crontab -e`;
    throw new ConfigError([{ file: "crontab", line: open.line, path: "", message, suggestion }]);
  }
  return { kept, blocks, at };
}

/** Names that the crontab itself sets, above or below the block: they are in the environment of its lines. */
export function variablesOf(crontab: string): Record<string, string> {
  const found = crontab.matchAll(/^[ \t]*(["']?)([A-Za-z_]\w*)\1[ \t]*=[ \t]*(.*)$/gm);
  return Object.fromEntries(
    [...found].map(([, , name = "", value = ""]) => [name, value.trim().replace(/^(["'])(.*)\1$/, "$2")]),
  );
}

/** Text as one byte a character. */
function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** One byte a character as text, for people to see. */
export function toText(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
