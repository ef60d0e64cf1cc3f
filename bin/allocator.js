// What a daemon holds when it has read many jobs. glibc gives each thread a heap of its own and keeps what is free in it, 10 to 20 MiB of nothing for
// good, and V8 lets the space for new objects grow to 32 MiB. Neither can be told otherwise when it has begun, so the daemon begins once more, as the
// same process, with the environment and the option that say so (mallopt(3)). CommonJS and old syntax, as runner.js.
"use strict";
var fs = require("node:fs");

/** One heap for all threads, of which what is free at its end is given back from 128 KiB on. */
var environment = { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "131072" };
/** In MiB: what is new and lives on moves on sooner. */
var options = ["--max-semi-space-size=2"];
/** Says that this was said by us. */
var mark = "RUNNER_ALLOCATOR";

/** Does not return where the process begins once more. It does nothing for a short command, nor where somebody has said how to allocate. */
function allocateWell(args, env) {
  if (env[mark] !== undefined) {
    // What the daemon starts allocates as it likes.
    Object.keys(environment)
      .concat(mark)
      .forEach(function (name) {
        delete env[name];
      });
    return;
  }
  var isDaemon = args[2] === "start" && args.indexOf("--once") < 0;
  var isGiven = Object.keys(env).some(function (name) {
    return /^(MALLOC_|GLIBC_TUNABLES$)/.test(name);
  });
  // A channel to the process that started it would be lost.
  if (!isDaemon || isGiven || process.connected || process.platform !== "linux" || typeof process.execve !== "function") return;
  try {
    // A call that fails ends the process, and a Node that was replaced meanwhile is not there.
    fs.accessSync(process.execPath, fs.constants.X_OK);
  } catch {
    return;
  }
  var isSized = /semi-space/.test([env.NODE_OPTIONS].concat(process.execArgv).join(" "));
  var again = [process.execPath].concat(process.execArgv, isSized ? [] : options, args.slice(1));
  process.execve(process.execPath, again, Object.assign({}, env, environment, { [mark]: "1" }));
}

module.exports = { allocateWell: allocateWell, environment: environment, options: options };
