/** The short form of `bench/orphans.ts`: one timeout of each kind, with a control group where the machine gives one, and without. */
import { afterEach, describe, expect, it } from "vitest";
import { cgroupFor } from "../../src/turn/cgroup-search.ts";
import { orphanKinds, timeOut, type OrphanKind } from "./orphan-stage.ts";

const graceMs = 300;
const place = await cgroupFor({});
const kinds = Object.keys(orphanKinds) as OrphanKind[];
/** Only a control group holds it: docs/isolation.md, "Where it stops". */
const airtightOnly: OrphanKind = "own session twice, environment cleared, all pipes closed";

afterEach(() => delete process.env["RUNNER_CGROUP"]);

describe.runIf(process.platform === "linux")("a turn that is timed out leaves nothing behind", () => {
  it.runIf(place.kind === "cgroup")("in a control group, whatever it does", { timeout: 60_000 }, async () => {
    const all = await Promise.all(kinds.map((kind) => timeOut(kind, graceMs)));
    expect(all.map(({ begun, orphans, cleanup }) => [begun, orphans, cleanup.confirmed])).toEqual(kinds.map(() => [1, [], true]));
  });

  it("without one, by descent, group, marker and pipes", { timeout: 60_000 }, async () => {
    process.env["RUNNER_CGROUP"] = "off";
    const some = kinds.filter((kind) => kind !== airtightOnly);
    const all = await Promise.all(some.map((kind) => timeOut(kind, graceMs)));
    expect(all.map(({ begun, orphans, cleanup }) => [begun, orphans, cleanup.confirmed])).toEqual(some.map(() => [1, [], true]));
  });
});
