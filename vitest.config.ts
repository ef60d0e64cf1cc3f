import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/order.ts";

export default defineConfig({
  test: {
    // Real processes, sockets and databases on shared two-core machines: the limits only catch what hangs.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // One more than such a machine has cores: a fifth of the time a file waits for a process, a disk or a time limit.
    maxWorkers: 3,
    // The files of a worker share its process, and load what they test once: what a test changes of its process it puts back.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // A test that reaches no assertion cannot fail, so it does.
    expect: { requireAssertions: true },
    reporters: ["default"],
    globalSetup: ["test/global-setup.ts"],
  },
});
