import type { FaultDefinition, FaultGroup } from "./fault.ts";
import { faultsOfOrder } from "./faults-order.ts";

/** Every fault the simulated provider can make, in the order of the documentation. */
export const faultDefinitions: readonly FaultDefinition[] = [...faultsOfOrder];

/** One line about a fault, for `--help`, the documentation and the error that names the nearest spelling. */
export interface SimulatedFault {
  readonly name: string;
  /** The name that draws among all faults of its kind. */
  readonly group: FaultGroup;
  readonly description: string;
  /** Whether it exists only in streams: with streaming off the request is answered cleanly. */
  readonly streamedOnly: boolean;
}

export const simulatedFaults: readonly SimulatedFault[] = faultDefinitions.map((fault) => ({
  name: fault.name,
  group: fault.group,
  description: fault.description,
  streamedOnly: fault.any === undefined && fault.plain === undefined,
}));

/** Other ways to write a fault: a bare HTTP status, and names other programs use. */
export const faultAliases: Readonly<Record<string, string>> = {
  restart: "restart_new_id",
};

/** The faults a name stands for: itself, or all members of a group. Empty for an unknown name. */
export function faultsNamed(name: string): readonly FaultDefinition[] {
  const byName = faultDefinitions.filter((fault) => fault.name === name);
  return byName.length > 0 ? byName : faultDefinitions.filter((fault) => fault.group === name);
}
