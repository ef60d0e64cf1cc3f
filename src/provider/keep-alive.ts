/** Tells chunks that only keep the connection alive (pings, comments, blank lines) from chunks that say something. */
export class OnlyKeepAlive {
  /** The head of a line whose end has not come; a ping may be cut anywhere. */
  #line = "";

  /** True if every line that this chunk ends, and the line it leaves open, may belong to a ping or a comment. */
  check(chunk: Uint8Array): boolean {
    // Latin-1 keeps one character a byte, so nothing is lost at a cut; keep-alives are ASCII.
    const lines = (this.#line + Buffer.from(chunk).toString("latin1")).split(/\r\n|\n|\r/);
    this.#line = (lines.at(-1) ?? "").slice(0, longestPing);
    return lines.every(
      (line, at) =>
        keepAlive.test(line) || (at === lines.length - 1 && pingHeads.some((head) => head.startsWith(line.replaceAll(" ", "")))),
    );
  }
}

const longestPing = 200;
const keepAlive = /^(?::.*|event: ?ping|data: ?\{ ?"type": ?"ping".*|\s*)$/;
const pingHeads = ["event:ping", 'data:{"type":"ping"'];
