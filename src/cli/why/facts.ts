/** What `explain --at` knows, and the shape of what it says. Pure. */
import type { DaemonHealth } from "../../engine/health/daemon-health.ts";
import type { Job } from "../../job/job.ts";
import type { EndedPause, Pause, RunRow, SchedulerEventRow } from "../../ledger/ledger.ts";
import { instantIn } from "../format.ts";
import type { StoryLine } from "../story.ts";
import type { SlotsAround } from "./slots-around.ts";
import type { TimeAsked } from "../time-asked.ts";

export interface AtFacts {
  readonly now: number;
  readonly job: Job;
  /** The job's own zone, and that of schedules that name none. */
  readonly zone: string;
  readonly projectZone: string;
  readonly asked: TimeAsked;
  readonly around: SlotsAround;
  /** Records of the slots around, and of the very time that was asked for. */
  readonly records: ReadonlyMap<number, RunRow>;
  /** Runs that were in the way of those, by id. */
  readonly blockers: ReadonlyMap<string, RunRow>;
  readonly lastSlot: number | undefined;
  readonly armedSince: number | undefined;
  /** Of the job or of everything, if one is in force. */
  readonly pause: Pause | undefined;
  /** Of the job and of everything, those that are over. */
  readonly endedPauses: readonly EndedPause[];
  readonly daemon: DaemonHealth;
  /** Of the job and of everything, from before the slot until now. */
  readonly events: readonly SchedulerEventRow[];
  /** Runs that answer no slot and began near the time, newest first. */
  readonly byHand: readonly RunRow[];
}

/** On the clocks of the job. */
export function at(facts: Pick<AtFacts, "zone">, instant: number): string {
  return instantIn(facts.zone, instant);
}

export function say(text: string, tone: StoryLine["tone"] = "plain", depth: StoryLine["depth"] = 0): StoryLine {
  return { about: "account", text, depth, tone };
}
