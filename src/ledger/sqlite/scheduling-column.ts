/** The column `scheduling` of a run: what a list shows of it and no index needs, as JSON; nothing where there is nothing to say. */
import { keptWarnings, keptWarningText } from "../ledger.ts";
import type { RunFinish, RunRow, RunStart, SlotClaim, Wait } from "../ledger.ts";
import { cut, present, textIf, whole, type Row } from "./columns.ts";

export interface Scheduling {
  readonly scheduledFor?: number | undefined;
  readonly dueAt?: number | undefined;
  readonly queuedAt?: number | undefined;
  readonly slots?: number | undefined;
  readonly wait?: Wait | undefined;
  readonly blockedBy?: string | undefined;
  /** What a blocked run was blocked by. */
  readonly obstacle?: string | undefined;
  /** The boot that a run with the trigger `boot` answers; its owner's may be a later one once it was carried on. */
  readonly boot?: string | undefined;
  /** What the clock showed when it was set back to before the run's slot: the run says nothing of the slots before its own. */
  readonly earlyAt?: number | undefined;
}

const times = ["scheduledFor", "dueAt", "queuedAt", "slots", "earlyAt"] as const;

/** What a run's start, and its end if there is one, say of it. A system that does not tell its boots gets a run each time. */
export function schedulingOfStart(start: RunStart | SlotClaim, finish?: RunFinish): Scheduling {
  const boot = "boot" in start && start.boot !== undefined ? start.boot : start.owner.bootId;
  return {
    scheduledFor: start.scheduledFor,
    dueAt: start.dueAt,
    boot: start.trigger === "boot" && boot !== "" ? boot : undefined,
    blockedBy: finish?.blockedBy,
  };
}

export function schedulingValue(scheduling: Scheduling): string | null {
  const { wait, queuedAt, ...more } = scheduling;
  // Of most claims this is all that there is to say.
  const rest = [wait, ...Object.values(more)];
  if (queuedAt !== undefined && rest.every((value) => value === undefined)) return `{"queuedAt":${whole(queuedAt)}}`;
  const rounded = times.flatMap((name) => {
    const value = scheduling[name];
    return value === undefined ? [] : [[name, whole(value)] as const];
  });
  const value = present({
    ...Object.fromEntries(rounded),
    wait: wait === undefined ? undefined : waitFields(wait),
    blockedBy: scheduling.blockedBy,
    obstacle: scheduling.obstacle === undefined ? undefined : cut(scheduling.obstacle, keptWarningText),
    boot: scheduling.boot,
  });
  return Object.keys(value).length === 0 ? null : JSON.stringify(value);
}

function waitFields(wait: Wait): Wait {
  const { until, why, kind, since, ranMs, uncounted, warnings } = wait;
  return present({
    until: whole(until),
    why: cut(why),
    kind,
    since: whole(since),
    ranMs: whole(ranMs),
    uncounted,
    warnings: warnings?.slice(0, keptWarnings).map((line) => cut(line, keptWarningText)),
  });
}

/** The whole of the column, to write it again with a change. */
export function schedulingOf(row: Row): Scheduling {
  const parsed: unknown = JSON.parse(textIf(row, "scheduling") ?? "{}");
  if (typeof parsed !== "object" || parsed === null) throw new Error("broken invariant: column scheduling of the ledger");
  const fields: Record<string, unknown> = { ...parsed };
  const number = (name: string): number | undefined => (typeof fields[name] === "number" ? fields[name] : undefined);
  const string = (name: string): string | undefined => (typeof fields[name] === "string" ? fields[name] : undefined);
  return {
    scheduledFor: number("scheduledFor"),
    dueAt: number("dueAt"),
    queuedAt: number("queuedAt"),
    slots: number("slots"),
    wait: waitOf(fields["wait"]),
    blockedBy: string("blockedBy"),
    obstacle: string("obstacle"),
    boot: string("boot"),
    earlyAt: number("earlyAt"),
  };
}

function waitOf(value: unknown): Wait | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields: Record<string, unknown> = { ...value };
  const number = (name: string): number => (typeof fields[name] === "number" ? fields[name] : 0);
  const { why, kind, warnings } = fields;
  return present({
    until: number("until"),
    why: typeof why === "string" ? why : "",
    kind: kind === "later" ? ("later" as const) : ("attempt" as const),
    since: number("since"),
    ranMs: number("ranMs"),
    uncounted: number("uncounted"),
    warnings: Array.isArray(warnings) ? warnings.filter((line) => typeof line === "string") : undefined,
  });
}

/** What a row that is read back shows of it. */
export function schedulingFacts(row: Row): Pick<RunRow, "scheduledFor" | "dueAt" | "queuedAt" | "slots" | "wait" | "blockedBy"> {
  const { boot: _kept, earlyAt: _too, obstacle: _as, ...facts } = schedulingOf(row);
  return present(facts);
}
