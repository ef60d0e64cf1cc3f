import type { CommandDefinition } from "../command.ts";
import { completion } from "./completion.ts";
import { config } from "./config.ts";
import { cost } from "./cost.ts";
import { diff } from "./diff.ts";
import { doctor } from "./doctor.ts";
import { explain } from "./explain.ts";
import { history } from "./history.ts";
import { init } from "./init.ts";
import { list } from "./list.ts";
import { logs } from "./logs.ts";
import { mock } from "./mock.ts";
import { next } from "./next.ts";
import { prune } from "./prune.ts";
import { reliability } from "./reliability.ts";
import { replay } from "./replay.ts";
import { rerun } from "./rerun.ts";
import { run } from "./run.ts";
import { schema } from "./schema.ts";
import { show } from "./show.ts";
import { validate } from "./validate.ts";
import { verify } from "./verify.ts";

/** Every command, in the order of the help: what people do first stands first. */
export const commands: readonly CommandDefinition[] = [
  init,
  run,
  list,
  next,
  validate,
  history,
  explain,
  show,
  logs,
  diff,
  cost,
  reliability,
  rerun,
  replay,
  verify,
  prune,
  doctor,
  config,
  schema,
  mock,
  completion,
];
