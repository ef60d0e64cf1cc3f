import { UsageError } from "../errors.ts";
import type { CommandOptions } from "./command.ts";
import { largestSeed, wholeNumber } from "./whole-number.ts";

/** `--simulate` and `--seed`; undefined for a real run. @throws UsageError for a seed without a simulation. */
export function simulation(options: CommandOptions): { readonly faults: string; readonly seed: number | undefined } | undefined {
  const faults = options["simulate"];
  const seed = options["seed"] === undefined ? undefined : wholeNumber("--seed", options["seed"], 0, largestSeed);
  if (typeof faults !== "string") {
    if (seed !== undefined) throw new UsageError("--seed means something only together with --simulate");
    return undefined;
  }
  return { faults, seed };
}
