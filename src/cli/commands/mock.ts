import { UsageError } from "../../errors.ts";
import type { CommandContext, CommandDefinition, CommandOptions } from "../command.ts";
import { exitCodes } from "../../run/exit-code.ts";
import { onStopSignals } from "../signals.ts";
import { largestSeed, wholeNumber } from "../whole-number.ts";

export const mock: CommandDefinition = {
  name: "mock",
  summary: "Start the simulated provider as a server: both dialects, real HTTP, faults by seed and rate",
  examples: [
    ["runner mock", "clean answers on a free port"],
    ["runner mock --port 8787 --simulate stream_order:0.8 --seed 7", "four of five streams broken, repeatably"],
    ["runner mock --faults", "list every fault by name"],
  ],
  define: (command) =>
    command
      .option("--port <port>", "port on 127.0.0.1 (default: a free one)", "0")
      .option("--simulate <faults>", "FAULT:RATE,… as for `runner run`")
      .option("--seed <number>", "seed of the draws", "1")
      .option("--faults", "list the faults that can be asked for, and exit"),
  execute,
};

async function execute(context: CommandContext, _args: readonly string[], options: CommandOptions): Promise<number> {
  const { parseSimulation, simulatedFaults, startSimulatedProvider } = await import("../../compose/runtime.ts").then((runtime) =>
    runtime.loadSimulator(),
  );
  if (options["faults"] === true) {
    if (context.output.json) context.output.document("faults", { faults: simulatedFaults });
    else
      for (const { name, group, description } of simulatedFaults)
        context.output.data(`${name.padEnd(26)}  ${group.padEnd(16)}  ${description}`);
    return 0;
  }
  const port = wholeNumber("--port", options["port"], 0, 65_535);
  const seed = wholeNumber("--seed", options["seed"], 0, largestSeed);
  const simulation = typeof options["simulate"] === "string" ? parseSimulation(options["simulate"], seed) : { faults: [], seed };
  const server = await startSimulatedProvider({ simulation, port }).catch((error: unknown) => {
    throw new UsageError(`cannot listen on 127.0.0.1:${port}: ${error instanceof Error ? error.message : String(error)}`, {
      suggestion: "Choose another --port, or leave it out for a free one.",
    });
  });
  if (context.output.json) context.output.document("mock", { url: server.url, simulation });
  else {
    context.output.data(server.url);
    context.output.note(
      `Simulated provider. Anthropic style: POST ${server.url}/v1/messages; OpenAI style: POST ${server.url}/v1/chat/completions. Ctrl-C ends it.`,
    );
  }
  await onStopSignals(() => context.exitNow(exitCodes.interrupted)).stopped;
  context.output.note(`Requests answered: ${server.requests}, with a fault: ${server.faulted}.`);
  await server.close();
  // A signal is how a server is meant to end, so it is not a failure.
  return 0;
}
