/** Which slots of a job a question about a time may mean. Pure. */
import type { Job } from "../../job/job.ts";
import { newestSlots, nextSlot } from "../../schedule/slot.ts";
import { staggerOf } from "../../schedule/stagger.ts";
import type { TimeAsked } from "../time-asked.ts";

export interface SlotsAround {
  /** The slot that is meant: it lies in the time that was asked for, or its staggered start does. */
  readonly slot?: number;
  /** The nearest ones that are not meant. */
  readonly before?: number;
  readonly after?: number;
  readonly staggerMs: number;
}

/** How far back the slot before is looked for. */
const lookBackMs = 5 * 366 * 86_400_000;

/** @throws JobError if the schedule cannot be computed */
export function slotsAround({ id, schedule }: Pick<Job, "id" | "schedule">, asked: TimeAsked, zone: string): SlotsAround {
  const staggerMs = staggerOf(id, schedule.staggerMs);
  const within = (at: number): number | undefined => {
    const found = nextSlot(schedule, at - 1, zone);
    return found !== undefined && found < at + asked.spanMs ? found : undefined;
  };
  const newest = (to: number): number | undefined => newestSlots(schedule, to - lookBackMs, to, 1, zone)[0];
  // Of a time that comes twice, the slot may be the second one, as those of `*/30` are both.
  const exact = within(asked.at) ?? (asked.again === undefined ? undefined : within(asked.again));
  const earlier = newest(asked.at - 1);
  const due = earlier === undefined ? undefined : earlier + staggerMs;
  const staggered = due !== undefined && due >= asked.at && due < asked.at + asked.spanMs ? earlier : undefined;
  const slot = exact ?? staggered;
  const before = slot === undefined ? earlier : newest(slot - 1);
  const after = nextSlot(schedule, slot ?? asked.at + asked.spanMs - 1, zone);
  return {
    staggerMs,
    ...(slot === undefined ? {} : { slot }),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}
