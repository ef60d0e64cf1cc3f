/** What systemd hears, on a real datagram socket, sent by the real systemd-notify. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it, vi, type TestContext } from "vitest";
import { openSystemd } from "../../../src/cli/daemon/systemd.ts";
import { startWatchdog } from "../../../src/cli/daemon/watchdog.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

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

async function listen(context: TestContext): Promise<Heard> {
  if (!existsSync("/usr/bin/systemd-notify")) context.skip("systemd-notify is not installed here");
  if (spawnSync("perl", ["-MSocket", "-e", "1"]).status !== 0)
    context.skip("perl, which plays systemd's part, is not installed here");
  const dir = mkdtempSync(path.join(os.tmpdir(), "runner-notify-"));
  const socket = path.join(dir, "notify");
  const child: ChildProcess = spawn("perl", ["-e", listener, socket], { stdio: ["ignore", "pipe", "inherit"] });
  cleanups.push(() => {
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

describe("what systemd is told", () => {
  it("hears in order that the service is ready, reloads with the time of it, and stops", async (context) => {
    const { socket, next } = await listen(context);
    const systemd = openSystemd({
      env: { NOTIFY_SOCKET: socket },
      pid: process.pid,
      onTrouble: (what) => expect.unreachable(what),
    });
    systemd.ready("3 jobs, next at noon");
    systemd.reloading();
    systemd.ready("4 jobs");
    systemd.stopping("draining");
    const main = `MAINPID=${process.pid}`;
    expect((await next()).split("|").toSorted()).toEqual([main, "READY=1", "STATUS=3 jobs, next at noon"]);
    const before = process.hrtime.bigint() / 1_000n;
    const told = (await next()).split("|");
    expect(told).toContain("RELOADING=1");
    const micro = BigInt(/\d+/.exec(told.find((one) => one.startsWith("MONOTONIC_USEC=")) ?? "")?.[0] ?? "");
    expect(before - micro < 10_000_000n && micro <= process.hrtime.bigint() / 1_000n).toBe(true);
    expect((await next()).split("|").toSorted()).toEqual([main, "READY=1", "STATUS=4 jobs"]);
    expect((await next()).split("|").toSorted()).toEqual([main, "STATUS=draining", "STOPPING=1"]);
    await systemd.flush();
  });

  it("hears that all is well", async (context) => {
    const { socket, next } = await listen(context);
    const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000", WATCHDOG_PID: String(process.pid) };
    const systemd = openSystemd({ env, pid: process.pid, onTrouble: (what) => expect.unreachable(what) });
    expect(systemd.watchdogMs).toBe(100);
    systemd.alive();
    expect(await next()).toContain("WATCHDOG=1");
    await systemd.flush();
  });

  it("hears it only while the scheduler's loop turns", () => {
    vi.useFakeTimers();
    cleanups.push(() => vi.useRealTimers());
    let beats = 0;
    const watchdog = startWatchdog({ watchdogMs: 1_000, alive: () => void beats++ });
    vi.advanceTimersByTime(5_000);
    expect(beats).toBe(0);
    watchdog.turned();
    watchdog.turned();
    vi.advanceTimersByTime(5_000);
    expect(beats).toBe(1);
    watchdog.turned();
    vi.advanceTimersByTime(1_000);
    expect(beats).toBe(2);
    watchdog.close();
    watchdog.turned();
    vi.advanceTimersByTime(5_000);
    expect(beats).toBe(2);
  });

  it("does not beat for another process, nor where nobody listens", () => {
    const watched = { NOTIFY_SOCKET: "/nowhere", WATCHDOG_USEC: "1000000" };
    expect(
      openSystemd({ env: { ...watched, WATCHDOG_PID: "1" }, pid: 2, onTrouble() {}, programs: [process.execPath] }).watchdogMs,
    ).toBeUndefined();
    expect(openSystemd({ env: { WATCHDOG_USEC: "1000000" }, pid: 2, onTrouble() {} }).watchdogMs).toBeUndefined();
  });

  it("says once what is to be done where systemd cannot be told", async () => {
    const troubles: string[] = [];
    const onTrouble = (what: string): void => void troubles.push(what);
    openSystemd({ env: { NOTIFY_SOCKET: "/run/x" }, pid: 1, onTrouble, programs: ["/nowhere/systemd-notify"] }).ready("up");
    expect(troubles).toEqual([expect.stringContaining("use Type=exec in the unit")]);
    const failing = openSystemd({ env: { NOTIFY_SOCKET: "/run/x" }, pid: 1, onTrouble, programs: ["/bin/false"] });
    failing.ready("up");
    failing.status("still up");
    await failing.flush();
    expect(troubles).toHaveLength(2);
  });
});
