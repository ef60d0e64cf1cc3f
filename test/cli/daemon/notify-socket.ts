/** systemd's end of sd_notify(3): a real datagram socket and what comes on it. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, type TestContext } from "vitest";

/** Node has no datagram socket of this family; perl, which every Debian has, does. */
const listener = `
use strict; use Socket; $| = 1;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die;
print "listening\\n";
while (defined recv($s, my $m, 65536, 0)) { $m =~ s/\\n/|/g; print "$m\\n"; }
`;

interface Heard {
  readonly socket: string;
  readonly next: () => Promise<string>;
}

export async function notifySocket(context: TestContext): Promise<Heard> {
  if (!existsSync("/usr/bin/systemd-notify")) context.skip("systemd-notify is not installed here");
  if (spawnSync("perl", ["-MSocket", "-e", "1"]).status !== 0)
    context.skip("perl, which plays systemd's part, is not installed here");
  const dir = mkdtempSync(path.join(os.tmpdir(), "runner-notify-"));
  const socket = path.join(dir, "notify");
  const child: ChildProcess = spawn("perl", ["-e", listener, socket], { stdio: ["ignore", "pipe", "inherit"] });
  context.onTestFinished(() => {
    child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  });
  const lines: string[] = [];
  let waiting: ((line: string) => void) | undefined;
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (more: string) => {
    text += more;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      lines.push(text.slice(0, end));
      text = text.slice(end + 1);
    }
    if (waiting !== undefined && lines[0] !== undefined) {
      waiting(lines.shift() ?? "");
      waiting = undefined;
    }
  });
  const next = async (): Promise<string> => {
    for (;;) {
      const line = lines.shift() ?? (await new Promise<string>((resolve) => (waiting = resolve)));
      // systemd-notify asks with it to be told that its message was read.
      if (!line.startsWith("BARRIER=")) return line.replace(/\|$/, "");
    }
  };
  expect(await next()).toBe("listening");
  return { socket, next };
}
