import type { RunStatus } from "../run/run.ts";
import type { Style } from "./output.ts";

/** Green for what is good, red for what a person must look at, yellow for what is neither. */
export function statusStyle(status: RunStatus): Style {
  switch (status) {
    case "succeeded":
    case "quiet":
      return "green";
    case "failed":
    case "timed_out":
    case "interrupted":
    case "unknown":
    case "blocked":
    case "missed":
      return "red";
    case "running":
      return "cyan";
    case "skipped":
    case "cancelled":
    case "deferred":
      return "yellow";
  }
}
