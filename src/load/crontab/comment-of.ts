/** What stands above a job in its file: where it came from, and what cron would have mailed. Pure. */
import { looksSecret } from "../../job/secret.ts";
import type { Draft } from "./draft.ts";
import { hide, holdsSecret } from "./secrets.ts";

/** The source, so that nothing is lost, and what cron would have mailed. */
export function commentOf(draft: Draft): { readonly comment: readonly string[]; readonly description?: string } {
  const { entry, hidden } = draft;
  const source = hide(entry.text, hidden);
  const lines = [
    `From the crontab, line ${entry.line}:`,
    `  ${looksSecret(source) ? "(holds what looks like a key, not shown)" : source}`,
  ];
  for (const name of ["MAILTO", "MAILFROM", "CONTENT_TYPE"]) {
    const setting = entry.settings.get(name);
    if (setting === undefined || holdsSecret(setting.value)) continue;
    const what =
      name !== "MAILTO"
        ? ""
        : setting.value === ""
          ? ": cron mailed nothing"
          : ": cron mailed the output there; runner does not deliver yet, the output is in its ledger";
    lines.push(`${name}=${setting.value}${what}.`);
  }
  const words = entry.comment.join(" ").trim();
  const description =
    words === "" || words.length > 500 || holdsSecret(words) || /\p{Cc}|\uFFFD/u.test(words) ? undefined : words;
  return { comment: lines, ...(description === undefined ? {} : { description }) };
}
