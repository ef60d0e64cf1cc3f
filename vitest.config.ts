import { configDefaults, defineConfig } from "vitest/config";

/** Rooms whose tests change nothing of their process: they share one, and load what they test once. */
const pure = ["job", "load", "provider", "run", "schedule", "stream"].map((room) => `test/${room}/**/*.test.ts`);

export default defineConfig({
  test: {
    // Real processes, sockets and databases on shared two-core machines: the limits only catch what hangs.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // A test that reaches no assertion cannot fail, so it does.
    expect: { requireAssertions: true },
    reporters: ["default"],
    globalSetup: ["test/global-setup.ts"],
    projects: [
      { extends: true, test: { name: "pure", include: pure, isolate: false } },
      { extends: true, test: { name: "whole", include: ["test/**/*.test.ts"], exclude: [...configDefaults.exclude, ...pure] } },
    ],
  },
});
