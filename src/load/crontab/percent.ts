/** `%` in a cron command: the first that is not escaped ends it, and what follows is its stdin, where every further one is a line's end. */

export interface CronCommand {
  /** What the shell is given. */
  readonly command: string;
  /** Its stdin; absent without a `%`. */
  readonly input?: string;
}

/** As load_entry and child_process of Vixie's cron do it, with their way of reading backslashes. */
export function splitPercent(written: string): CronCommand {
  let command = "";
  let escaped = false;
  for (let at = 0; at < written.length; at += 1) {
    const character = written.charAt(at);
    if (escaped && character === "%") command = `${command.slice(0, -1)}%`;
    else if (!escaped && character === "%") return { command, input: inputOf(written.slice(at + 1)) };
    else command += character;
    escaped = !escaped && character === "\\";
  }
  return { command };
}

function inputOf(written: string): string {
  let input = "";
  let escaped = false;
  for (const character of written) {
    if (escaped && character !== "%") input += "\\";
    const plain: string = !escaped && character === "%" ? "\n" : character;
    escaped = plain === "\\";
    if (!escaped) input += plain;
  }
  if (escaped) input += "\\";
  return input === "" || input.endsWith("\n") ? input : `${input}\n`;
}

/** The command so that cron gives it to the shell as it is; one in which a backslash stands before a `%` cannot be said. */
export function escapePercent(command: string): string {
  return command.replaceAll("%", "\\%");
}
