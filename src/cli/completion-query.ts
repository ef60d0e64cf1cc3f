/** What may stand at the cursor: commands, options, job names, run ids, models, faults. Whatever goes wrong, it only offers less. */
import type { Argument, Command, Option } from "commander";
import type { CommandContext } from "./command.ts";
import { ago, oneLine, shortId } from "./format.ts";
import { describeProgram } from "./program.ts";

/** Most candidates given; a list that is longer helps nobody. */
const mostCandidates = 500;

interface Candidate {
  readonly value: string;
  readonly meaning: string;
}

/** @param words the words after `runner`; the last one is being typed and may be empty. */
export async function candidates(context: CommandContext, words: readonly string[]): Promise<string[]> {
  const found = await candidatesFor(context, words).catch((): Candidate[] => []);
  return found
    .slice(0, mostCandidates)
    .map(({ value, meaning }) => (meaning === "" ? value : `${value}\t${oneLine(meaning, 80)}`));
}

async function candidatesFor(context: CommandContext, words: readonly string[]): Promise<Candidate[]> {
  const program = describeProgram(await context.commands());
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const name = before.find((word) => !word.startsWith("-"));
  const command = program.commands.find((one) => one.name() === name);
  if (command === undefined) return before.length === 0 ? beginning(commandNames(program, typed), typed) : [];
  const { option, position, place } = readWords(command, before.slice(before.indexOf(command.name()) + 1));
  const source = new Source({ ...context, place: { ...context.place, ...place } });
  if (option !== undefined) return beginning(await source.ofOption(option, typed), typed);
  if (typed.startsWith("-")) return beginning(optionNames(command), typed);
  const argument = command.registeredArguments[Math.min(position, command.registeredArguments.length - 1)];
  const more = argument !== undefined && (position < command.registeredArguments.length || argument.variadic);
  return beginning(more ? await source.ofArgument(argument, command) : optionNames(command), typed);
}

function beginning(all: readonly Candidate[], typed: string): Candidate[] {
  return all.filter(({ value }) => value.startsWith(typed) || value.startsWith(":"));
}

function commandNames(program: Command, typed: string): Candidate[] {
  const commands = program.commands.map((command) => ({ value: command.name(), meaning: command.summary() }));
  return typed.startsWith("-") ? optionNames(program) : [...commands, { value: "help", meaning: "help for a command" }];
}

function optionNames(command: Command): Candidate[] {
  const options = command.options.filter(({ hidden }) => !hidden);
  return [
    ...options.map((option) => ({ value: option.long ?? option.short ?? "", meaning: option.description })),
    { value: "--help", meaning: "help" },
  ];
}

/** What the finished words say: the option whose value comes next, how many arguments were given, where the project is. */
function readWords(command: Command, words: readonly string[]) {
  const place: { dir?: string; configFile?: string; stateDir?: string } = {};
  const keys: Readonly<Record<string, keyof typeof place>> = {
    "--dir": "dir",
    "--config": "configFile",
    "--state-dir": "stateDir",
  };
  let position = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (!word.startsWith("-")) position += 1;
    const option = command.options.find(({ long, short }) => word === long || word === short);
    if (option === undefined || (!option.required && !option.optional)) continue;
    const value = words[++at];
    if (value === undefined) return { option, position, place };
    const key = keys[option.long ?? ""];
    if (key !== undefined) place[key] = value;
  }
  return { option: undefined, position, place };
}

/** The project's own words, read when they are asked for. */
class Source {
  readonly #context: CommandContext;
  constructor(context: CommandContext) {
    this.#context = context;
  }

  async ofArgument(argument: Argument, command: Command): Promise<Candidate[]> {
    if (argument.argChoices !== undefined) return argument.argChoices.map((value) => ({ value, meaning: "" }));
    const name = argument.name();
    if (name === "job") return this.#jobs();
    if (name === "run" || name === "other") return this.#runs();
    if (name === "shell" && command.name() === "completion") {
      return ["bash", "zsh", "fish", "pwsh"].map((value) => ({ value, meaning: "" }));
    }
    return name === "file" ? [{ value: ":files", meaning: "" }] : [];
  }

  async ofOption(option: Option, typed: string): Promise<Candidate[]> {
    if (option.argChoices !== undefined) return option.argChoices.map((value) => ({ value, meaning: "" }));
    const [, placeholder = ""] = /[<[]([^>\]]+)/.exec(option.flags) ?? [];
    switch (placeholder) {
      case "file":
        return [{ value: ":files", meaning: "" }];
      case "folder":
        return [{ value: ":folders", meaning: "" }];
      case "provider/model":
        return this.#models();
      case "provider":
        return this.#providers();
      case "faults":
        return faultNames(typed);
      case "job":
      case "name":
        return placeholder === "job" ? this.#jobs() : [];
      case "run":
        return this.#runs();
      case "time":
        return option.long === "--slot" ? [{ value: "due", meaning: "the newest slot that is due now" }] : [];
      default:
        return [];
    }
  }

  async #jobs(): Promise<Candidate[]> {
    const project = await this.#project();
    return project.jobs.map(({ name, description, source }) => ({ value: name, meaning: description ?? source.file }));
  }

  async #runs(): Promise<Candidate[]> {
    const { openProjectLedger } = await import("../compose/project.ts");
    const ledger = await openProjectLedger(await this.#project(), { create: false });
    if (ledger === undefined) return [];
    const runs = await ledger.history({ limit: 50 });
    await ledger.close();
    const now = Date.now();
    const ids = runs.map((run) => ({
      value: shortId(run.runId),
      meaning: `${run.jobName}, ${run.status}, ${ago(run.startedAt, now)}`,
    }));
    return ids.length === 0 ? [] : [{ value: "last", meaning: "the newest run" }, ...ids];
  }

  async #models(): Promise<Candidate[]> {
    const project = await this.#project();
    const named = project.jobs.flatMap(({ payload }) =>
      payload.kind === "command" ? [] : [payload.model, ...(payload.fallbacks ?? [])],
    );
    const models = [...named, project.defaultModel, ...project.defaultFallbacks].filter((name) => name !== undefined);
    return [...new Set(models)].map((value) => ({ value, meaning: "" }));
  }

  async #providers(): Promise<Candidate[]> {
    return [...(await this.#project()).providers.keys()].map((value) => ({ value, meaning: "" }));
  }

  async #project() {
    const { loadProject } = await import("../compose/project.ts");
    return loadProject({ ...this.#context.place, env: this.#context.env }, { cache: "take" });
  }
}

/** `a:0.5,b` → the faults that `b` may become, with everything before it kept. */
async function faultNames(typed: string): Promise<Candidate[]> {
  const { loadSimulator } = await import("../compose/runtime.ts");
  const { simulatedFaults } = await loadSimulator();
  const before = typed.slice(0, typed.lastIndexOf(",") + 1);
  const none = before === "" ? [{ value: "none", meaning: "no fault at all" }] : [];
  return [...none, ...simulatedFaults.map(({ name, description }) => ({ value: `${before}${name}:`, meaning: description }))];
}
