/** `--slot TIME`: which due instant of a job is meant. */
import { UsageError } from "../errors.ts";
import { readTime } from "../job/instant.ts";
import type { Job } from "../job/job.ts";
import { instantOf, instantsOf } from "../job/local-time.ts";
import { instantIn, instantUtc } from "./format.ts";

/** How far back the nearest earlier slot is looked for, in ms: every yearly one is found. */
const lookBackMs = 366 * 86_400_000;

/**
 * The slot, epoch ms. A time without an offset is one of the schedule's zone; where its clocks show it twice, the one that is a slot is meant.
 * @param zone of schedules that name none.
 * @throws UsageError for what is no time, is no slot of the job (with the nearest ones), or has not come yet.
 */
export async function slotOption(
  written: string,
  job: Job,
  { zone, now }: { readonly zone: string; readonly now: number },
): Promise<number> {
  const own = job.schedule.tz ?? zone;
  const time = readTime(written);
  if (time === undefined)
    throw new UsageError(`--slot: ${JSON.stringify(written)} is no date or time`, {
      suggestion: `Write 2026-12-24T18:00 (on the clocks of ${own}), 2026-12-24T18:00+01:00, or due for the newest that is due now.`,
    });
  const { newestSlots, nextSlot } = await import("../schedule/slot.ts");
  const shown = time.fixed ? [time.ms] : [...instantsOf(own, time.ms), instantOf(own, time.ms)];
  const slot = shown.find((at) => nextSlot(job.schedule, at - 1, zone) === at);
  const meant = shown[0] ?? time.ms;
  const words = (at: number): string => `${instantIn(own, at)} (${instantUtc(at)})`;
  if (slot === undefined) {
    const before = newestSlots(job.schedule, meant - lookBackMs, meant, 1, zone)[0];
    const after = nextSlot(job.schedule, meant, zone);
    const nearest = [
      ...(before === undefined ? [] : [`before it ${words(before)}`]),
      ...(after === undefined ? [] : [`after it ${words(after)}`]),
    ];
    const suggestion =
      nearest.length === 0 ? "Its schedule has no slots; run it without --slot." : `The nearest ones: ${nearest.join(", ")}.`;
    throw new UsageError(`--slot: ${words(meant)} is no slot of ${job.name}`, { suggestion });
  }
  if (slot > now)
    throw new UsageError(`--slot: ${words(slot)} has not come yet`, {
      suggestion: "Run it now without --slot, or wait for the slot.",
    });
  return slot;
}
