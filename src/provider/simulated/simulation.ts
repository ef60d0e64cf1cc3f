import { UsageError } from "../../errors.ts";
import { faultAliases, faultsNamed, simulatedFaults } from "./catalogue.ts";
import type { FaultDefinition } from "./fault.ts";
import { pick, randomFor } from "./random.ts";
import type { SimulatedRequest } from "./answer.ts";

/** Which faults befall how many of the requests. The sum of the rates is at most 1; the rest is answered cleanly. */
export interface SimulationSpec {
  /** `fault` is the name of a fault or of a group; `rate` is the share of requests, from 0 to 1. */
  readonly faults: readonly { readonly fault: string; readonly rate: number }[];
  /** The same seed gives the same faults and bytes for the same request numbers. */
  readonly seed: number;
}

/** The seed when none is given. */
const defaultSeed = 1;

/**
 * Parses `stream_order:0.8,overloaded:0.1`. A fault without a rate has rate 1; `seed=7` among the parts sets the seed; hyphens
 * in names are read as underscores; a bare HTTP status stands for its fault; `none` is no fault.
 *
 * @throws UsageError naming the bad part, with the nearest spelling.
 */
export function parseSimulation(text: string, seed: number = defaultSeed): SimulationSpec {
  const faults: { fault: string; rate: number }[] = [];
  let chosenSeed = seed;
  const parts = text.split(",").map((part) => part.trim());
  if (parts.every((part) => part === "")) throw new UsageError("a simulation needs at least one fault, such as stream_order:0.8");
  for (const part of parts) {
    const seedText = /^seed=(?<seed>.*)$/u.exec(part)?.groups?.["seed"];
    if (seedText !== undefined) chosenSeed = parseSeed(seedText);
    else if (part !== "none") faults.push(parsePart(part, text));
  }
  const sum = faults.reduce((total, { rate }) => total + rate, 0);
  if (sum > 1 + 1e-9) {
    throw new UsageError(
      `the rates of a simulation may add up to 1 at most, and those of "${text}" add up to ${Number(sum.toFixed(6))}`,
      {
        suggestion: "a request gets at most one fault; lower the rates, or name a group that draws among its faults",
      },
    );
  }
  return { faults, seed: chosenSeed };
}

function parsePart(part: string, whole: string): { fault: string; rate: number } {
  const [rawName = "", rateText = "1", ...rest] = part.split(":").map((piece) => piece.trim());
  if (rawName === "") {
    throw new UsageError(`"${whole}" has ${part === "" ? "an empty part" : "a rate without a fault"}`, {
      suggestion: "write FAULT:RATE,FAULT:RATE",
    });
  }
  const name = rawName.toLowerCase().replaceAll("-", "_");
  const fault = faultAliases[name] ?? name;
  if (faultsNamed(fault).length === 0) {
    const suggestion = nearest(name);
    throw new UsageError(`there is no simulated fault "${rawName}"`, {
      suggestion: suggestion === undefined ? "`runner mock --faults` lists all of them" : `did you mean ${suggestion}?`,
    });
  }
  const rate = /^(?:\d+(?:\.\d*)?|\.\d+)$/u.test(rateText) && rest.length === 0 ? Number(rateText) : Number.NaN;
  if (!(rate >= 0 && rate <= 1)) {
    throw new UsageError(`"${[rateText, ...rest].join(":")}" is not a rate for ${fault}: a number from 0 to 1 is`, {
      suggestion: `${fault}:0.8 is eight of ten requests`,
    });
  }
  return { fault, rate };
}

function parseSeed(text: string): number {
  if (/^\d{1,10}$/u.test(text) && Number(text) <= 0xffff_ffff) return Number(text);
  throw new UsageError(`"${text}" is not a seed: a whole number from 0 to 4294967295 is`, { suggestion: "seed=7" });
}

/** The known name with the fewest edits, if it is near enough to be what was meant. */
function nearest(name: string): string | undefined {
  const known = new Set(simulatedFaults.flatMap((fault) => [fault.name, fault.group]));
  const ranked = [...known]
    .map((candidate) => ({ candidate, edits: editDistance(name, candidate) }))
    .toSorted((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(2, Math.floor(name.length / 2)) ? best.candidate : undefined;
}

/** Levenshtein's distance, row by row. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/**
 * One draw a request: the fault that befalls it, or `undefined` for a clean answer. Depends on the seed and the request's number
 * only, so neither concurrency nor timing changes a run. A group draws among its members of the request's dialect.
 */
export function drawFault(
  spec: SimulationSpec,
  request: Pick<SimulatedRequest, "number" | "dialect">,
): FaultDefinition | undefined {
  const random = randomFor(spec.seed, "fault", request.number);
  let left = random();
  for (const { fault, rate } of spec.faults) {
    left -= rate;
    if (left < 0) {
      const members = faultsNamed(fault).filter(
        (member) => member.any !== undefined || member.plain !== undefined || member.streamed?.[request.dialect] !== undefined,
      );
      return members.length === 0 ? undefined : pick(random, members);
    }
  }
  return undefined;
}
