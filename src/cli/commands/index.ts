import type { CommandDefinition } from "../command.ts";

/** Every command, in the order of the help (what people do first stands first); each loaded only when it is named. */
const commands: Readonly<Record<string, () => Promise<CommandDefinition>>> = {
  init: async () => (await import("./init.ts")).init,
  run: async () => (await import("./run.ts")).run,
  start: async () => (await import("./start.ts")).start,
  tick: async () => (await import("./tick.ts")).tick,
  reload: async () => (await import("./reload.ts")).reload,
  list: async () => (await import("./list.ts")).list,
  status: async () => (await import("./status.ts")).status,
  next: async () => (await import("./next.ts")).next,
  calendar: async () => (await import("./calendar.ts")).calendar,
  validate: async () => (await import("./validate.ts")).validate,
  history: async () => (await import("./history.ts")).history,
  pause: async () => (await import("./pause.ts")).pause,
  resume: async () => (await import("./resume.ts")).resume,
  cancel: async () => (await import("./cancel.ts")).cancel,
  reset: async () => (await import("./reset.ts")).reset,
  explain: async () => (await import("./explain.ts")).explain,
  show: async () => (await import("./show.ts")).show,
  logs: async () => (await import("./logs.ts")).logs,
  diff: async () => (await import("./diff.ts")).diff,
  cost: async () => (await import("./cost.ts")).cost,
  reliability: async () => (await import("./reliability.ts")).reliability,
  rerun: async () => (await import("./rerun.ts")).rerun,
  replay: async () => (await import("./replay.ts")).replay,
  verify: async () => (await import("./verify.ts")).verify,
  prune: async () => (await import("./prune.ts")).prune,
  install: async () => (await import("./install.ts")).install,
  uninstall: async () => (await import("./uninstall.ts")).uninstall,
  doctor: async () => (await import("./doctor.ts")).doctor,
  import: async () => (await import("./import.ts")).importJobs,
  export: async () => (await import("./export.ts")).exportJobs,
  config: async () => (await import("./config.ts")).config,
  schema: async () => (await import("./schema.ts")).schema,
  mock: async () => (await import("./mock.ts")).mock,
  completion: async () => (await import("./completion.ts")).completion,
};

/** The command of that name; undefined if there is none. */
export async function commandOf(name: string): Promise<CommandDefinition | undefined> {
  return Object.hasOwn(commands, name) ? commands[name]?.() : undefined;
}

export async function allCommands(): Promise<readonly CommandDefinition[]> {
  return Promise.all(Object.values(commands).map((load) => load()));
}
