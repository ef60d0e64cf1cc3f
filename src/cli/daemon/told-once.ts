/** Whether a problem of the job files is news: a crontab's `tick -q` mails every word, and would mail the same one each minute. */
import { createHash } from "node:crypto";
import { formatIssue, type Issue } from "../../errors.ts";
import type { Daemon } from "../../compose/daemon/daemon.ts";
import { oneLine } from "../format.ts";

/** Most characters of the first problem in the ledger. */
const firstCharacters = 400;

/**
 * Whether these problems were told by a `tick -q` already, remembered in the ledger; that there are none any more is remembered as well, so that
 * the same problem is news again when it comes back. Two at the same time may both find it news.
 */
export async function isNews({ ledger, redact }: Pick<Daemon, "ledger" | "redact">, issues: readonly Issue[]): Promise<boolean> {
  const said = issues.map(formatIssue);
  const [first = ""] = said;
  const digest = createHash("sha256").update(said.join("\n")).digest("hex").slice(0, 8);
  const count = said.length === 1 ? "" : `, the first of ${said.length}`;
  const text = `${oneLine(redact(first), firstCharacters)} (${digest}${count})`;
  const [last] = await ledger.events({ kinds: ["files_refused", "files_mended"], limit: 1 });
  const refused = last?.kind === "files_refused";
  if (said.length === 0) {
    if (refused) await ledger.noteEvent({ at: Date.now(), kind: "files_mended", text: "" });
    return false;
  }
  if (refused && last.text === text) return false;
  await ledger.noteEvent({ at: Date.now(), kind: "files_refused", text });
  return true;
}
