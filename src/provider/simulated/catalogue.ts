import type { FaultDefinition, FaultGroup } from "./fault.ts";
import { faultsOfBoth } from "./faults-both.ts";
import { faultsOfBreaking } from "./faults-broken.ts";
import { faultsOfForm } from "./faults-form.ts";
import { faultsOfHttp } from "./faults-http.ts";
import { faultsOfLimits } from "./faults-limits.ts";
import { faultsOfOrder } from "./faults-order.ts";
import { faultsOfShape } from "./faults-shape.ts";

/** Every fault the simulated provider can make, in the order of the documentation. */
const faultDefinitions: readonly FaultDefinition[] = [
  ...faultsOfOrder,
  ...faultsOfBoth,
  ...faultsOfShape,
  ...faultsOfBreaking,
  ...faultsOfForm,
  ...faultsOfLimits,
  ...faultsOfHttp,
];

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
  dup_role: "dup_start",
  missing_finish: "missing_message_delta",
  missing_stop: "missing_message_stop",
  missing_delta: "missing_message_delta",
  error_chunk: "error_event",
  garbage_json: "garbage",
  truncated: "truncate",
  insufficient_quota: "billing_openai",
  "400": "http_400",
  "401": "http_401",
  "402": "billing_402",
  "403": "http_403",
  "404": "http_404",
  "408": "http_408",
  "409": "http_409",
  "413": "http_413",
  "429": "rate_limit_seconds",
  "500": "http_500",
  "502": "http_502",
  "503": "overloaded_503",
  "504": "http_504",
  "529": "overloaded_529",
};

/** The faults a name stands for: itself, or all members of a group. Empty for an unknown name. */
export function faultsNamed(name: string): readonly FaultDefinition[] {
  const byName = faultDefinitions.filter((fault) => fault.name === name);
  return byName.length > 0 ? byName : faultDefinitions.filter((fault) => fault.group === name);
}
