/** The end of a run's story: what healed it, what it cost, why it ended so and what to do about it. Pure. */
import type { RunDetail, TryRow } from "../ledger/ledger.ts";
import { exitCodes } from "../run/exit-code.ts";
import type { RunStatus } from "../run/run.ts";
import { duration, instantUtc, oneLine, shortId, withInstants } from "./format.ts";
import { faultAdvice, faultWords } from "./fault-words.ts";
import { waitWords } from "./begin-words.ts";
import { shellWord } from "../load/shell-word.ts";
import { dollars, several, usageWords } from "./money.ts";

/** How each call that did not go well at once came to its answer; each way once. */
export function healingWords({ calls, tries }: RunDetail): readonly string[] {
  const ways = new Map<string, number>();
  for (const call of calls) {
    const own = tries.filter((one) => one.attempt === call.attempt && one.call === call.call);
    const way = call.status === "answered" ? wayOf(own) : undefined;
    if (way !== undefined) ways.set(way, (ways.get(way) ?? 0) + 1);
  }
  if (ways.size === 0) return [];
  const told = [...ways].map(([way, times]) => (times === 1 ? way : `${way} (${several(times, "time")})`));
  return [`What healed it: ${told.join("; ")}.`];
}

function wayOf(tries: readonly TryRow[]): string | undefined {
  const [first] = tries;
  const last = tries.at(-1);
  if (first === undefined || last === undefined) return undefined;
  if (tries.length === 1) return last.repairs.length === 0 ? undefined : "repair of the stream, proven not to change the answer";
  if (last.provider !== first.provider || last.model !== first.model)
    return `another model, ${oneLine(`${last.provider}/${last.model}`, 100)}`;
  return last.stream === first.stream ? "asking again" : "asking without streaming";
}

export function costWords({ run, attempts, tries }: RunDetail, now: number): readonly string[] {
  if (attempts.length === 0) return [];
  const waited = tries.reduce((sum, one) => sum + one.waitedMs, 0);
  const took = duration((run.finishedAt ?? now) - run.startedAt);
  const time = `It ${run.finishedAt === undefined ? "has taken" : "took"} ${took}${waited === 0 ? "" : `, ${duration(waited)} of that waiting`}`;
  const asked = tries.length === 0 ? "" : `, ${several(tries.length, "request")} to providers`;
  const usage = usageWords(run.usage ?? {});
  const used = usage === "" ? (tries.length === 0 ? "" : ", and no provider counted its tokens") : `, ${usage}`;
  const unpriced = tries.filter(
    (one) => one.costMicroUsd === undefined && (one.status === "answered" || one.usage.inputTokens !== undefined),
  ).length;
  const price =
    run.costMicroUsd === undefined
      ? unpriced === 0
        ? ""
        : ", at a price that runner does not know (docs/providers.md says how to tell it)"
      : `, ${dollars(run.costMicroUsd)}${unpriced === 0 ? "" : `, without ${several(unpriced, "request")} of unknown price`}`;
  return [`${time}${asked}${used}${price}.`];
}

const endings: Readonly<Record<RunStatus, string>> = {
  queued: "It waits to be begun",
  running: "It is running",
  waiting: "It waits to be carried on",
  succeeded: "It succeeded",
  quiet: "It ended well, with nothing to report",
  failed: "It failed",
  timed_out: "Its time was up",
  skipped: "It was not carried out, on purpose",
  missed: "Nobody was there when it was due",
  cancelled: "It was stopped",
  interrupted: "It was interrupted: its process was gone while it was under way",
  deferred: "It was put off",
  blocked: "Something stands in its way that waiting does not remove",
  unknown: "Nobody can find out whether it did its work",
};

/** Endings that nobody has to look at. */
const good: ReadonlySet<RunStatus> = new Set(["queued", "running", "waiting", "succeeded", "quiet", "skipped", "deferred"]);

interface EndFacts {
  readonly died: boolean;
  readonly now: number;
}

export function endWords(
  { run }: RunDetail,
  { died, now }: EndFacts,
): readonly { readonly text: string; readonly good: boolean }[] {
  if (died) return [{ text: "Its process is gone, and nobody has recorded an end yet.", good: false }];
  const said = withInstants(run.reason ?? waitWords(run, now), instantUtc);
  const reason = said === "" ? "" : `: ${oneLine(said, 1_000)}`;
  const until = run.deferredUntil === undefined ? "" : ` until ${instantUtc(run.deferredUntil)}`;
  const kind =
    run.exitCode === exitCodes.expectation
      ? ", because the answer is not what the job expects"
      : run.fault === undefined || (run.status !== "failed" && run.status !== "blocked")
        ? ""
        : `, because ${faultWords[run.fault]}`;
  const code = run.exitCode === undefined ? "" : ` (exit ${run.exitCode})`;
  return [{ text: `${endings[run.status]}${until}${kind}${code}${reason}`, good: good.has(run.status) }];
}

/** What to do, one line each; what can be typed stands behind a colon. */
export function adviceOf(detail: RunDetail, { died }: EndFacts): readonly string[] {
  const { run } = detail;
  const [job, id] = [shellWord(run.jobName), shortId(run.runId)];
  if (died) return [`A daemon or the next run closes it as interrupted: runner run ${job}`, ...unsureTools(detail)];
  switch (run.status) {
    case "running":
      return [`Watch it: runner logs ${id} -f`];
    case "queued":
    case "waiting":
      return [
        `A daemon ${run.status === "queued" ? "begins it when there is a place" : "carries it on"}; whether one runs, and whether every place is taken: runner status`,
        `To stop it: runner cancel ${id}`,
      ];
    case "succeeded":
    case "quiet":
      return [];
    case "skipped":
      return [
        "Nothing, if that was right. If its runs are longer than the time between them, start them less often; if they wait long to begin, see whether every place is taken: runner status",
      ];
    case "missed":
      return [`If it still matters: runner run ${job}`];
    case "interrupted":
    case "unknown":
      return [...unsureTools(detail), `If what it had done may be done again: runner run ${job}`];
    case "failed":
    case "timed_out":
    case "cancelled":
    case "blocked":
    case "deferred":
      return adviceOfFailure(detail, job);
  }
}

function adviceOfFailure({ run, tries, tools }: RunDetail, job: string): readonly string[] {
  const id = shortId(run.runId);
  if (run.exitCode === exitCodes.expectation)
    return [
      `See the answer: runner show ${id}`,
      "If the answer is right, the job's expect is wrong; if not, tell the model more exactly what you want.",
    ];
  const acted = tools.some((tool) => tool.status !== "refused");
  const caution = acted ? [`Tools have run in it; before it is run again, see what they did: runner show ${id}`] : [];
  const byFault =
    run.fault === undefined
      ? [`See everything that was recorded: runner show ${id}`]
      : faultAdvice[run.fault]({ job, run: id, provider: tries.at(-1)?.provider });
  return [...caution, ...byFault];
}

function unsureTools({ tools, attempts, run }: RunDetail): readonly string[] {
  const open = tools.filter((tool) => tool.finishedAt === undefined);
  if (open.length > 0)
    return [
      `Find out whether this was done, because nobody recorded it: ${[...new Set(open.map(({ name }) => oneLine(name, 60)))].join(", ")}`,
    ];
  const unseen =
    run.payloadKind === "command" || attempts.some((attempt) => attempt.toolRuns === undefined && tools.length === 0);
  return unseen ? ["Find out what it had done before it was gone; nobody recorded that."] : [];
}
