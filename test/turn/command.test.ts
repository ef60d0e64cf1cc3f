import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { CommandPayload } from "../../src/job/job.ts";
import { createCommandTurn } from "../../src/turn/command.ts";
import type { TurnHooks, TurnSpec } from "../../src/turn/turn.ts";
import { carriersOf, eventually, isRunning, specFor } from "./harness.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "turn-command-"));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const never = new AbortController().signal;

async function run(
  command: Partial<CommandPayload>,
  changes: Parameters<typeof specFor>[1] = {},
  hooks: Partial<TurnHooks> = {},
): Promise<{ spec: TurnSpec } & Awaited<ReturnType<ReturnType<typeof createCommandTurn>["run"]>>> {
  const whole = { kind: "command", argv: ["true"], ...command } as const;
  // Whoever asked this gateway would be told that nobody is there.
  const spec = specFor("http://127.0.0.1:1", { ...changes, command: whole });
  const env = { PATH: process.env["PATH"], TMPDIR: base, API_KEY: "sk-planted-0123456789", MAIL_TOKEN: "mail-granted-1" };
  return { spec, ...(await createCommandTurn().run(spec, { signal: never, env, ...hooks })) };
}

const sh = (script: string): Pick<CommandPayload, "argv"> => ({ argv: ["sh", "-c", script] });

it("its stdout is the answer, and it counts as a tool that has run", async () => {
  const { result, cleanup } = await run({ argv: ["printf", "%s", "a b\n"] });
  expect(result).toEqual({ status: "answered", text: "a b\n", stopReason: "exit", model: "", toolRuns: 1 });
  expect(cleanup).toEqual({ killed: 0, confirmed: true });
  expect(readdirSync(base)).toEqual([]);
});

it("gets its input, its room, its marks and what it was granted, and no key", async () => {
  const { result, spec } = await run(
    { ...sh("cat; env"), input: "the input\n", env: { TOKEN: "Bearer ${MAIL_TOKEN}", RUNNER_RUN_ID: "forged" } },
    { attempt: 2, idempotencyKey: "once" },
  );
  const text = result.status === "answered" ? result.text : "";
  expect(text).toMatch(/^the input\n/);
  expect(text).toContain("IDEMPOTENCY_KEY=once");
  expect(text).toContain(`RUNNER_RUN_ID=${spec.runId}`);
  expect(text).toContain("\nATTEMPT=2");
  expect(text).not.toContain("sk-planted");
  // What was granted by reference reached it, and does not stand in the record of what it said.
  expect(text).toContain("TOKEN=Bearer [removed]");
});

it("a reference to nothing is said before it is started", async () => {
  const { result } = await run({ argv: ["touch", join(base, "made")], env: { A: "${MISSING_ONE}" } });
  expect(result).toMatchObject({ status: "failed", fault: "auth", error: expect.stringContaining("MISSING_ONE"), toolRuns: 0 });
  expect(existsSync(join(base, "made"))).toBe(false);
});

it("another exit code than 0 is a declared failure, with what it wrote", async () => {
  const { result } = await run(sh("echo half; echo 'first line' >&2; echo 'disk is full' >&2; exit 3"));
  expect(result).toEqual({
    status: "failed",
    fault: "declared",
    error: "the command exited with code 3: disk is full",
    stderr: "first line\ndisk is full\n",
    partial: "half\n",
    toolRuns: 1,
  });
});

it("killed by a signal, or not there at all", async () => {
  expect((await run(sh("kill -9 $$"))).result).toMatchObject({
    fault: "turn_died",
    error: "the command was killed by SIGKILL",
    toolRuns: 1,
  });
  expect((await run({ argv: ["/nonexistent/program"] })).result).toMatchObject({
    fault: "turn_died",
    error: expect.stringContaining("ENOENT"),
    toolRuns: 0,
  });
});

it("too long, or silent for too long: ended with all it started, and it may have acted", async () => {
  const script = "echo begun; (trap '' TERM; setsid sleep 1000 &) ; sleep 1000";
  const long = await run(sh(script), { limits: { attemptMs: 500, killGraceMs: 200 } });
  expect(long.result).toMatchObject({ fault: "timeout", partial: "begun\n", toolRuns: 1 });
  expect(long.cleanup.confirmed).toBe(true);
  expect(carriersOf(long.spec.runId)).toEqual([]);
  const silent = await run({ ...sh("for i in 1 2 3 4; do echo $i; sleep 0.2; done; sleep 1000"), noOutputMs: 600 });
  expect(silent.result).toMatchObject({
    fault: "timeout",
    error: "it wrote nothing for 0.6 s (payload.noOutputTimeoutSeconds) and was ended",
    partial: "1\n2\n3\n4\n",
  });
});

it("a background process of its own does not outlive it", async () => {
  const { result, cleanup } = await run(
    sh("setsid sh -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 & while ! test -s pid; do :; done; cat pid"),
  );
  expect(cleanup).toEqual({ killed: 1, confirmed: true });
  expect(isRunning(Number(result.status === "answered" ? result.text : ""))).toBe(false);
});

it("keeps the end of a long output, and says so", async () => {
  const { result } = await run(sh("head -c 5000000 /dev/zero | tr '\\0' x; echo end"), { limits: { outputBytes: 1_000 } });
  expect(result).toMatchObject({ status: "answered", text: expect.stringMatching(/^x{996}end\n$/) });
  expect(result.warnings).toEqual(["stdout had 5000004 bytes; its last 1000 are kept (limits.outputBytes)"]);
});

it("works in the folder it is given, which stays, and is looked at there", async () => {
  writeFileSync(join(base, "given"), "x");
  const { result } = await run(
    sh("cat given; echo y > made"),
    { workDir: base },
    {
      inspect: async (own, folder) => ({ ...own, warnings: [readFileSync(join(folder, "made"), "utf8").trim()] }),
    },
  );
  expect(result).toMatchObject({ text: "x", warnings: ["y"] });
  expect(readdirSync(base)).toEqual(["given", "made"]);
});

it("a line on descriptor 3 is nothing", async () => {
  const { result } = await run(sh("echo '{\"version\":1}' >&3; echo said"));
  expect(result).toMatchObject({ status: "answered", text: "said\n" });
});

it("cancelled in the middle", async () => {
  const stop = new AbortController();
  const running = run(sh(`echo $$ > ${base}/pid; exec sleep 1000`), {}, { signal: stop.signal });
  await eventually(() => existsSync(join(base, "pid")) && readFileSync(join(base, "pid"), "utf8").endsWith("\n"));
  stop.abort();
  const { result } = await running;
  expect(result).toMatchObject({ fault: "aborted", toolRuns: 1 });
  expect(isRunning(Number(readFileSync(join(base, "pid"), "utf8")))).toBe(false);
});
