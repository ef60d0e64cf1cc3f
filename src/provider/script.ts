/**
 * The simulated provider: answers of its own over real HTTP on loopback, with every known fault of real providers at a chosen
 * rate, repeatable by seed. It stands behind `runner run --simulate`, `runner mock` and the tests.
 */
export { simulatedFaults } from "./simulated/catalogue.ts";
export type { SimulatedFault } from "./simulated/catalogue.ts";
export type { SimulatedDelays } from "./simulated/fault.ts";
export { parseSimulation } from "./simulated/simulation.ts";
export type { SimulationSpec } from "./simulated/simulation.ts";
export { startSimulatedProvider } from "./simulated/server.ts";
export type { RequestInfo, RequestLog, SimulatedProvider, SimulatedProviderOptions } from "./simulated/server.ts";
export { expectedText, judgeText, judgeToolInput } from "./simulated/text.ts";
export type { TextFacts } from "./simulated/text.ts";
export type { ScriptedAnswer, SimulatedRequest } from "./simulated/answer.ts";
