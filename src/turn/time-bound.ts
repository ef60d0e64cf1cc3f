/** Runs something of which nobody can say beforehand how long it takes, such as a regular expression on a text of a model. */
import type { Script } from "node:vm";

/** One for all, made when it is first needed: `run` is the only thing it knows. */
let script: Script | undefined;

export class TookTooLong extends Error {
  override readonly name = "TookTooLong";
  constructor(limitMs: number) {
    super(`took longer than ${limitMs} ms`);
  }
}

/**
 * What `run` returns, which must be synchronous and change nothing: it is stopped wherever it stands when the time is over, and nothing
 * else of this process goes on meanwhile, so `limitMs` must be short.
 * @throws TookTooLong
 */
export function withinTime<T>(run: () => T, limitMs: number): T {
  let result: { readonly value: T } | undefined;
  try {
    script ??= new (process.getBuiltinModule("node:vm").Script)("run()");
    script.runInNewContext({ run: () => void (result = { value: run() }) }, { timeout: limitMs });
  } catch (error) {
    // Made in the other context, so it is no instance of this one's Error.
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")
      throw new TookTooLong(limitMs);
    throw error;
  }
  if (result === undefined) throw new TookTooLong(limitMs);
  return result.value;
}
