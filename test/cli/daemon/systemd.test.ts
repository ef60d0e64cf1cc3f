/** What systemd hears, on a real datagram socket, sent by the real systemd-notify. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { openSystemd } from "../../../src/cli/daemon/systemd.ts";
import { startWatchdog } from "../../../src/cli/daemon/watchdog.ts";
import { notifySocket } from "./notify-socket.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

describe("what systemd is told", () => {
  it("hears in order that the service is ready, reloads with the time of it, and stops", async (context) => {
    const { socket, next } = await notifySocket(context);
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
    const { socket, next } = await notifySocket(context);
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
