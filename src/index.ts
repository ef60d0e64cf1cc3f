/** The public library: what programs may build on. Everything else may change without notice. */
export * from "./errors.ts";
export type { Job, JobLimits, RetryPolicy, Schedule, AgentTurnPayload } from "./job/job.ts";
export { defineJob, type JobFile } from "./job/define.ts";
export { defineConfig, type ConfigFile } from "./load/define.ts";
export { repairingFetch } from "./provider/repairing-fetch.ts";
export type { Frame, Normalizer, NormalizerOptions, AssembledMessage, StreamEnd } from "./stream/event.ts";
export { createNormalizer } from "./stream/normalizer.ts";
export { createEngine } from "./compose/library.ts";
export type { EngineOptions, EngineRunOptions, ProjectEngine } from "./compose/library.ts";
export type { RunEvent, RunListener } from "./engine/events.ts";
export type { RunOutcome } from "./engine/outcome.ts";
