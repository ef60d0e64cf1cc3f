import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { programFile } from "../fixtures/programs.ts";

/** A fixture program that speaks in lines: its process, its lines one by one, and what it said on stderr. */
export interface Program {
  readonly process: ChildProcess;
  /** The next line; `undefined` after the last one. */
  next(): Promise<string | undefined>;
  say(line: string): void;
  /** Resolves when it is gone and everything it wrote has been read. */
  gone(): Promise<void>;
  complaints(): string;
}

export function startProgram(name: string, ...args: string[]): Program {
  const child = spawn(process.execPath, [programFile(name), ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const closed = once(child, "close");
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  // A program that was killed cannot read what is said to it; that is no error of the test.
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async next() {
      const { done, value } = await lines.next();
      return done === true ? undefined : value;
    },
    say: (line) => void child.stdin.write(`${line}\n`),
    async gone() {
      await closed;
    },
    complaints: () => complaints,
  };
}
